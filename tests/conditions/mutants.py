"""Mutants: the compiler with one unsound change each, which the tests and the soundness run must notice.

    python tests/conditions/mutants.py [NUMBER ...]

Each is applied to a copy of `layer/` and `tests/conditions/`; the tests of the compiler run first, then programs of
the grammar. Prints a table; fails if one survives, or if its text is no longer there.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PAIRS = 20_000

# File, old text, new text, what it breaks.
MUTANTS = [
    ("_forms", 'return _joined("all", parts, ALWAYS, NEVER)', 'return _joined("all", reversed(list(parts)), ALWAYS, NEVER)', "`and` from right to left"),
    ("_forms", 'return {"op": "any", "of": [negation(part) for part in condition["of"]]}', 'return {"op": "all", "of": [negation(part) for part in condition["of"]]}', "De Morgan forgotten"),
    ("_forms", "    if yes == NEVER:\n        return conjunction((negation(test), no))", "    if yes == NEVER:\n        return no", "a test is dropped"),
    ("_forms", '{"op": "rescue", "of": [part, NEVER]} if may_raise(part) else part', "part", "a place that raises hides others"),
    ("_follow", "for frame in self._chain():", "for frame in (self,):", "callers keep what a callee has changed"),
    ("_follow", "            if of_item(value):\n", "            if False:\n", "tests of an outer item in an inner loop"),
    ("_follow", "        if here not in self.touching:", "        if not self.touching:", "only the first place that remembers counts"),
    ("_values", 'return any(_makes(step) for step in value.steps)', "return False", "what split gives never changes"),
    ("_values", "        case Bound() | Stream():\n            return is_own(value.of)\n", "", "a method keeps the list that it is of"),
    ("_constants", "    return isinstance(value, set | frozenset) and len(value) > 1", "    return False", "sets have an order"),
    ("_constants", "return not isinstance(value, View) and all(map(compares, value))", "return True", "values that stand for something compare"),
    ("_compare", "    if opposite := _OPPOSITES.get(type(op)):\n        return forms.negation(", "    if opposite := _OPPOSITES.get(type(op)):\n        return (", "`not in` is `in`"),
    ("_compare", '"hashed": hashed} if all(map(scalar, members))', '"hashed": False} if all(map(scalar, members))', "a list is looked up in a dict"),
    ("_compare", "    if isinstance(left, Test) and isinstance(right, Const) and isinstance(right.value, bool):\n        return left.condition if right.value", "    if isinstance(left, Test) and isinstance(right, Const):\n        return left.condition if right.value", "a test equals any truthy value"),
    ("_collections", "not (of.is_event and key.lower() in _ADDED)", "True", "members that the engine adds"),
    ("_collections", "groups or [(NONE, [])]", "groups", "a list is looked up in an empty dict"),
    ("_expressions", "Const(not is_and) if isinstance(each, Test)", "Const(is_and) if isinstance(each, Test)", "what `and` gives if it gives its first"),
    ("_expressions", "name not in frame.steady or is_own(value)", "is_own(value)", "closures see a name as it was"),
    ("_expressions", "    inner = frame.branch() if is_binding else frame", "    inner = frame", "`:=` binds where it is not come to"),
    ("_expressions", 'return frame.unknown(node, f"`{name}` is used up by its first use; use a list")', "return found", "a generator is used twice"),
    ("_comprehensions", "return forms.conjunction((kept, rest)) if is_any", "return rest if is_any", "the `if` of a comprehension"),
    ("_comprehensions", 'part if is_any else forms.negation(part)}', "part}", "`all` over a list of the event"),
    ("_comprehensions", "        _blind(elements, node.generators, frame)\n", "        pass\n", "what a comprehension does besides"),
    ("_calls", "    for value in given.all():\n        risky(value, frame)\n", "", "arguments that raise"),
    ("_calls", '    for value in given.all():\n        if not calm', '    for value in ():\n        if not calm', "functions that are passed on"),
    ("_calls", "is_plain = isinstance(found, Function | Library) or (isinstance(found, Const) and not changeable(found.value))", "is_plain = isinstance(found, Const)", "mutable defaults"),
    ("_methods", "        frame.changed(node)\n        if isinstance(of, Term | Const)", "        if isinstance(of, Term | Const)", "a method changes nothing"),
    ("_methods", '        step["null"] = True', "        pass", "a null in iota's form"),
    ("_library", 'names = [_KINDS.get(kind.name)', 'names = ["str"', "every class is `str`"),
    ("_patterns", '    elif how == "fullmatch":\n        text = f"^(?:{text})$"', '    elif how == "fullmatch":\n        text = f"^(?:{text})"', "the end of a full match"),
    ("_statements", "    return after(risk, either(held, first, second))", "    return after(risk, either(held, first, first))", "the other branch"),
    ("_statements", "    frame.changed(target)\n    return is_this_calls", "    return is_this_calls", "an item is assigned"),
    ("_loops", "    return body(frame) if frame.walk.changes > changes else found", "    return found", "the second round of a loop"),
    ("_loops", "    outer = frame.branch()\n    _forget_bound(node, outer)\n\n    def body(_: Frame) -> Value:\n        inner = outer.round(node)", "    outer = frame.branch()\n\n    def body(_: Frame) -> Value:\n        inner = outer.round(node)", "what a round leaves to the next"),
    ("_loops", "type(other.value) is type(each.value) and other.value == each.value", "bool(other.value) == bool(each.value)", "which value a loop returns"),
    ("_branches", "    return either(completed, _passed(body), handled)", "    return _passed(body)", "handlers"),
    ("_branches", "    return completes(value, frame)", "    return forms.ALWAYS", "what a `return` in a `try` raises"),
    ("_statements", "    return after(forms.conjunction((risk, completes(value, frame))), on(frame))", "    return after(risk, on(frame))", "a statement that raises"),
    ("_branches", "            inner.names[case.pattern.name] = subject\n", "            pass\n", "the name of a case"),
    ("_scopes", "        elif not is_inside or isinstance(node, ast.NamedExpr):", "        elif not is_inside:", "`:=` in a comprehension is no name of the function"),
    ("_modules", "if changeable(found.value) and not self.pack.aliases.keep(name, found.value):", "if False:", "constants under another name"),
    ("_modules", "        if name in self.pack.changed:\n            return Unknown(f\"`{name}` is changed somewhere in the rules, or", "        if False:\n            return Unknown(f\"`{name}` is changed somewhere in the rules, or", "names that some file changes"),
    ("_modules", "places = [(at, node)] if _is_plain(node) else [(at, node), (at, node)]", "places = [(at, node)]", "a name that is bound below an `if`"),
    ("_modules", "if top in sys.stdlib_module_names or self._hidden(top):", "if False:", "a helper hides a library"),
    ("_survey", "            case ast.Global(names=names):\n                self.changed.update(names)\n", "", "`global`"),
    ("_aliases", "return not nested or self._targets(target, seen)", "return True", "members that a loop hands out"),
    ("_aliases", "            return all(self._parameters(function, place, nested, seen) for function in functions)", "            return True", "helpers that change what they are given"),
    ("_rules", "forms.choice(touched, forms.anything(", "forms.choice(forms.NEVER, forms.anything(", "rules that remember"),
]  # fmt: skip


def killed_by(mutant: tuple[str, str, str, str], folder: Path) -> str:
    """Return what notices a mutant, or an empty text."""
    name, old, new, _ = mutant
    for part in ("layer", "tests/conditions"):
        shutil.copytree(ROOT / part, folder / part, ignore=shutil.ignore_patterns("__pycache__", ".*_cache"))
    file = folder / "layer" / "iota_engine" / "conditions" / f"{name}.py"
    text = file.read_text(encoding="utf-8")
    if text.count(old) != 1:
        return f"! the text is there {text.count(old)} times"
    file.write_text(text.replace(old, new), encoding="utf-8")
    tests = [
        sys.executable,
        "-W",
        "ignore",
        "-m",
        "pytest",
        "-q",
        "-x",
        "-p",
        "no:cacheprovider",
        "tests/test_conditions.py",
    ]
    found = subprocess.run(tests, cwd=folder / "layer", capture_output=True, text=True, check=False)
    if found.returncode:
        return next(
            (line.partition("::")[2][:60] for line in found.stdout.splitlines() if line[:6] == "FAILED"), "tests"
        )
    programs = [sys.executable, "-W", "ignore", "tests/conditions/soundness.py", "--pairs", str(PAIRS), "--seed", "9"]
    found = subprocess.run(programs, cwd=folder, capture_output=True, text=True, check=False)
    return "programs of the grammar" if found.returncode else ""


def main(chosen: list[str]) -> int:
    """Run the mutants and print what kills each."""
    survived = 0
    for number, mutant in enumerate(MUTANTS, start=1):
        if chosen and str(number) not in chosen:
            continue
        with tempfile.TemporaryDirectory() as folder:
            killer = killed_by(mutant, Path(folder))
        survived += not killer or killer.startswith("!")
        sys.stdout.write(f"{number:3} {mutant[0]:16} {mutant[3]:52} {killer or 'SURVIVED'}\n")
        sys.stdout.flush()
    sys.stdout.write(f"{survived} survived\n")
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
