"""One rule of the pack inside a worker, from its entry to its loaded functions.

In: an entry of the pack's `rules`. Out: the function to call per event, and the defaults for what it leaves open.
Separate because a rule is loaded at first use, and each failure to load must be told with every event it was asked for.
"""

from __future__ import annotations

from iota_engine._cell import FILTER, RULE
from iota_engine._clock import calls_rules
from iota_engine._event import raw_of
from iota_engine._failure import LoadFailed, describe, failure
from iota_engine._loading import load_module

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine._cell import Cell
    from iota_engine._clock import Clock
    from iota_engine._event import Event
    from iota_engine._failure import Failure
    from iota_engine._loading import Sources

PANTHER_FUNCTIONS = (
    "title",
    "description",
    "reference",
    "severity",
    "runbook",
    "destinations",
    "dedup",
    "alert_context",
    "unique",
)
IOTA_FUNCTIONS = ("title", "severity", "dedup", "alert_context")
SEVERITIES = frozenset({"INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL"})


class RuleError(Exception):
    """Carries an error object that is ready to be sent, in place of a call that could not be made."""

    def __init__(self, error: Failure) -> None:
        super().__init__(error["exception"])
        self.error = error


class Rule:
    """One rule: what the pack says of it and, once it is loaded, its namespace."""

    def __init__(self, index: int, entry: dict[str, Any]) -> None:
        self.index = index
        self.id: str = entry["id"]
        self.is_panther = entry["form"] == "panther"
        self.path: str = entry["path"]
        self.alerts: bool = entry.get("create_alert", True)
        self.severity: str = entry["severity"]
        self.filters: list[Any] = entry.get("inline_filters") or []
        stem = self.path.rpartition("/")[2].removesuffix(".py")
        display_name: str = (entry.get("metadata") or {}).get("display_name") or ""
        # What stands in for a function that the rule does not define.
        self.title = display_name or (self.id if self.is_panther else stem)
        self.dedup = f"defaultDedupString:{self.id}" if self.is_panther else stem
        self.module_name = self.id if self.is_panther else f"iota_rules.{self.id}"
        self.function_names = PANTHER_FUNCTIONS if self.is_panther else IOTA_FUNCTIONS
        self.namespace: dict[str, Any] = {}
        # The functions it defines, in the order they are called; and themselves: whoever rebinds a name later, binds
        # it for his own code.
        self.functions: tuple[str, ...] = ()
        self.answers: dict[str, Callable[..., Any]] = {}
        # What the hot loop calls; None until the rule is loaded.
        self.call: Callable[[Event], object] | None = None
        # Loading failed in a way that may pass: it is tried again with the next batch.
        self.retry = False
        self.load_error: Failure | None = None

    def load(self, sources: Sources, cell: Cell, clock: Clock) -> None:
        """Load the rule; when that fails, `call` raises the reason. The cell says that an import runs."""
        self.retry, self.load_error = False, None
        try:
            self.namespace = load_module(sources, self.path, self.module_name)
            self.functions = tuple(name for name in self.function_names if name in self.namespace)
            self.answers = {name: self.namespace[name] for name in self.functions}
            self.call = self._with_filters(cell)
        except BaseException as error:  # noqa: BLE001  # a rule's import may raise anything, `SystemExit` too
            told = describe(error, "import", sources.names, clock.import_ms)
            # A slow start or a full memory may pass, a wrong file never does.
            self.retry = told["failure"] in {"timeout", "memory"}
            if told["failure"] == "raise":
                told["failure"] = "load"
            self.load_error = told
            self.call = _refusing(told)

    def _with_filters(self, cell: Cell) -> Callable[[Event], object]:
        rule: Callable[[Event], object] = self.namespace["rule"]
        if not self.filters:
            return rule
        from iota_engine._filters import FilterFailed, compile_filters

        try:
            passes = compile_filters(self.filters)
        except FilterFailed as error:
            raise LoadFailed(str(error), self.path) from error

        @calls_rules
        def filtered(event: Event) -> object:
            cell.show(FILTER)
            try:
                passed = passes(raw_of(event))
            except Exception as error:
                text = f"{type(error).__name__}: {error}"
                raise RuleError(failure("filter", "raise", text, self.path)) from error
            finally:
                cell.show(RULE)
            return rule(event) if passed else False

        return filtered


def _refusing(told: Failure) -> Callable[[Event], object]:
    def refuse(_event: Event) -> object:
        raise RuleError(told)

    return refuse
