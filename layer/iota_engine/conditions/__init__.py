"""Conditions: what must hold of an event before a rule can match it, taken from the rule's source.

In: the syntax trees of a pack's files. Out: for every rule a condition in the language of `docs/conditions.md`.
Separate from the rest of the compiler: it is pure, runs no rule code, and the worker never imports it.

`_forms` writes conditions, `_values` are what expressions stand for, `_modules` says what a name means in which file
and whether that can change, `_expressions`, `_calls` and `_statements` follow a rule from its first line to each of
its returns, `_patterns` carries regular expressions over.
"""

from iota_engine.conditions._rules import Conditions

__all__ = ["Conditions"]
