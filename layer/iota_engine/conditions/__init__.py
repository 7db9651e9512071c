"""Conditions: what must hold of an event before a rule can match it, taken from the rule's source.

In: the syntax trees of a pack's files. Out: for every rule a condition in the language of `docs/conditions.md`.
Separate from the rest of the compiler: it is pure, runs no rule code, and the worker never imports it.

`_forms` writes conditions, `_values` are what expressions stand for. `_survey`, `_aliases` and `_modules` say what a
name means in which file, and whether that can change. `_rules` follows a rule from its first line to each of its
returns: `_statements` with `_branches` and `_loops`, `_expressions` with `_collections`, `_compare` and
`_comprehensions`, `_calls` with `_methods`, `_library` and `_patterns`.
"""

from iota_engine.conditions._rules import Conditions

__all__ = ["Conditions"]
