"""The module in which Panther's library keeps its event class; rules import it from here too."""

from iota_engine._event import Event as PantherEvent

__all__ = ["PantherEvent"]
