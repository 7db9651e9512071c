"""Shrinking: a program that fails, made as small as it can be.

In: a program and a question. Out: a smaller program of which the answer is still yes.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses


def shrink(pack, fails):
    """Return a smaller program that still fails."""
    source, progress = pack.rule, True
    while progress:
        progress = False
        for candidate in _smaller(source):
            smaller = dataclasses.replace(pack, rule=candidate)
            if fails(smaller):
                source, progress = candidate, True
                break
    return dataclasses.replace(pack, rule=source)


def _smaller(source: str):
    tree = ast.parse(source)
    count = sum(1 for _ in ast.walk(tree))
    for at in range(count):
        for how in range(3):
            attempt = ast.parse(source)
            node = next(each for place, each in enumerate(ast.walk(attempt)) if place == at)
            if _reduce(node, how):
                with contextlib.suppress(Exception):
                    found = ast.unparse(ast.fix_missing_locations(attempt))
                    if len(found) < len(source):
                        compile(found, "x", "exec")
                        yield found


def _reduce(node: ast.AST, how: int) -> bool:
    for name, field in ast.iter_fields(node):
        if name in ("body", "orelse", "handlers", "cases", "values") and isinstance(field, list) and len(field) > how:
            if len(field) > 1 or name == "orelse":
                del field[how]
                return True
            if isinstance(field[0], ast.If | ast.For | ast.Try | ast.While) and isinstance(node, ast.stmt):
                setattr(node, name, field[0].body)
                return True
        if (
            isinstance(field, ast.expr)
            and not isinstance(field, ast.Name | ast.Constant)
            and name in ("value", "test", "operand", "elt", "left")
        ):
            parts = [each for each in ast.iter_child_nodes(field) if isinstance(each, ast.expr)]
            if len(parts) > how:
                setattr(node, name, parts[how])
                return True
    return False
