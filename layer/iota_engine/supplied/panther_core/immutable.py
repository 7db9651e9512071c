"""The module in which Panther's library keeps its read-only containers."""

from iota_engine._containers import EventList as ImmutableList
from iota_engine._containers import Nested as ImmutableCaseInsensitiveDict

__all__ = ["ImmutableCaseInsensitiveDict", "ImmutableList"]
