"""Rules: the condition of each rule of a pack.

In: what discovery found. Out: a condition for every rule.
"""

from __future__ import annotations

import ast

from iota_engine.conditions import _forms as forms
from iota_engine.conditions._calls import Given, follow
from iota_engine.conditions._expressions import evaluate
from iota_engine.conditions._follow import Frame, TooMuch, Walk
from iota_engine.conditions._hooks import without_hooks
from iota_engine.conditions._modules import Module, Pack
from iota_engine.conditions._truth import truth
from iota_engine.conditions._values import EVENT, Function, Unknown

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from typing import Any

    from iota_engine.conditions._forms import Condition

# A condition that is larger costs more than the rule it saves.
_MAX_SIZE = 3000
# A level is a list in an object, and readers of JSON stop at 128.
_MAX_DEPTH = 50


class Conditions:
    """The conditions of one pack's rules."""

    def __init__(
        self, helpers: dict[str, ast.Module], others: Iterable[ast.Module], hidden: Callable[[str], bool]
    ) -> None:
        """`helpers` by the name they are imported by, `others` all other files.

        `hidden` tells of a top-level name whether something installed is imported in place of a helper.
        """
        trees = list(others)
        self._plain = {id(tree): without_hooks(tree) for tree in (*helpers.values(), *trees)}
        named = {name: self._plain[id(tree)] for name, tree in helpers.items()}
        self._pack = Pack(named, [self._plain[id(tree)] for tree in trees], hidden)

    def of(self, syntax: ast.Module, *, is_panther: bool) -> Condition:
        """Return the condition of the rule in a file."""
        if self._pack.reflective is not None:
            return forms.anything(
                f"`{self._pack.reflective}` is used in the rules or their helpers: any name may change"
            )
        module = Module(self._pack, self._plain[id(syntax)])
        module.evaluate = _top_level
        rule = module.name("rule")
        if isinstance(rule, Unknown):
            return forms.anything(rule.reason)
        if not isinstance(rule, Function) or not isinstance(rule.node, ast.FunctionDef):
            return forms.anything("`rule` is not a plain function")
        walk = Walk(self._pack, is_panther=is_panther)
        frame = Frame(walk, module, {})
        if not _takes_event(rule.node):
            return forms.anything("`rule` takes more than the event")
        line = rule.node.lineno
        try:
            value = follow(rule.node, rule, Given([EVENT]), frame)
            found = truth(value, frame)
        except (TooMuch, RecursionError):
            return forms.anything(f"line {line}: it branches too much; split the rule or use a table")
        # What is used there outlives the call: whatever is known of the answer, the call must be made.
        touched = forms.choose(walk.touching)
        found = forms.choice(touched, forms.anything(f"{walk.why}; it outlives the call, which must be made"), found)
        if not forms.may_hold(found):
            if not forms.may_raise(found):
                return forms.NEVER
            # It is asked all the same: what it does instead of matching should be seen.
            return forms.anything(f"line {line}: it can never match")
        if forms.size(found) > _MAX_SIZE or forms.depth(found) > _MAX_DEPTH:
            return forms.anything(f"line {line}: its condition is too large; split the rule or use a table")
        return found


def _takes_event(node: ast.FunctionDef) -> bool:
    arguments = node.args
    if arguments.vararg or arguments.kwarg or arguments.kwonlyargs:
        return False
    return len(arguments.posonlyargs) + len(arguments.args) == 1 and not arguments.defaults


def _top_level(node: ast.expr, module: Module) -> Any:
    """Return what an expression at the top level of a file stands for."""
    walk = Walk(module.pack, is_panther=True)
    try:
        return evaluate(node, Frame(walk, module, {}))
    except (TooMuch, RecursionError):
        return Unknown("a constant that takes too long to make")
