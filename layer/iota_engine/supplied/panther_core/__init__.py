"""What rules import from Panther's library, backed by the engine's own event.

Separate from the engine so that only rules see it: this folder is on their `sys.path`.
"""

from iota_engine._event import Event as PantherEvent

__all__ = ["PantherEvent"]
