"""Soundness: whatever Python answers must be in the set of outcomes of the rule's condition.

    python tests/conditions/soundness.py --pairs 100000 --seed 1 [--rules DIR --include DIR ...] [--dump N]

Programs are drawn from a grammar (`programs.py`); with `--rules`, real rules are mutated as well. Each runs on a
sequence of adversarial records (`records.py`) in Python, on the engine's own event object, and its condition is judged
by the reference evaluator. Every program also runs a second time with what the condition rules out left out: what is
left must be answered as before, and nothing that is left out may have been true.
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import copy
import dataclasses
import io
import json
import logging
import random
import signal
import sys
import types
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "layer"), str(ROOT / "layer" / "tests"), str(ROOT / "tests" / "conditions")]

import programs
import records
import shrinking
from iota_engine._event import Event, KindEvent
from iota_engine._record import add_panther_fields, parse_record
from iota_engine.conditions import Conditions
from reference import TFR, outcomes

RECORDS = 20


class Stopped(BaseException):
    """A program took too long."""


class Unsound(Exception):
    """A program whose condition is wrong, and where."""


@dataclasses.dataclass
class Pack:
    """One program and what it imports, ready to be run afresh."""

    rule: str
    helpers: dict[str, str]
    is_panther: bool

    def condition(self, trees: dict[str, ast.Module]):
        tree = ast.parse(self.rule)
        conditions = Conditions({name: trees[name] for name in self.helpers}, [tree], lambda _name: False)
        return conditions.of(tree, is_panther=self.is_panther)

    def load(self):
        """Return `rule` of a program that has not run yet."""
        for name in self.helpers:
            sys.modules.pop(name, None)
        finder = _Finder(self.helpers)
        sys.meta_path.append(finder)
        try:
            namespace = {"__name__": "rule_under_test"}
            exec(compile(self.rule, "rule.py", "exec"), namespace)
        finally:
            sys.meta_path.remove(finder)
        return lambda event: self._called(namespace["rule"], event, finder)

    def _called(self, rule, event, finder):
        sys.meta_path.append(finder)
        try:
            return rule(event)
        finally:
            sys.meta_path.remove(finder)

    def event(self, text: str):
        record, problem = parse_record(memoryview(text.encode("utf-8", "surrogatepass")))
        if record is None:
            raise ValueError(problem)
        if self.is_panther:
            add_panther_fields(record, "AWS.CloudTrail")
            return Event(record)
        return KindEvent(record)


class _Finder:
    """Finds the helpers of a program, behind everything that is installed."""

    def __init__(self, helpers: dict[str, str]) -> None:
        self._helpers = helpers

    def find_spec(self, name, _path=None, _target=None):
        from importlib.machinery import ModuleSpec

        return ModuleSpec(name, self) if name in self._helpers else None

    def create_module(self, _spec):
        return None

    def exec_module(self, module: types.ModuleType) -> None:
        exec(_code(self._helpers[module.__name__], f"{module.__name__}.py"), module.__dict__)


_codes: dict[str, types.CodeType] = {}


def _code(source: str, name: str):
    if source not in _codes:
        _codes[source] = compile(source, name, "exec")
    return _codes[source]


def answer(rule, event) -> str:
    """Return T, F or R."""
    try:
        return "T" if rule(event) else "F"
    except Stopped:
        raise
    except BaseException:  # a rule may raise anything
        return "R"


class Judge:
    """Counts, and stops at the first program that is wrong."""

    def __init__(self, dump: int = 0, out=None) -> None:
        self.programs = self.pairs = self.true = self.raised = self.open = self.skipped = self.unloadable = 0
        self.known = self.without = 0
        self._dump, self._out = dump, out

    def look(self, pack: Pack, trees: dict[str, ast.Module], texts: list[str]) -> None:
        try:
            rule = pack.load()
        except Stopped:
            raise
        except BaseException:  # what cannot be loaded is never asked
            self.unloadable += 1
            return
        condition = pack.condition(trees)
        self.programs += 1
        self.open += condition["op"] == "anything"
        answers, sets = [], []
        for text in texts:
            real = answer(rule, pack.event(text))
            found = outcomes(condition, text)
            answers.append(real)
            sets.append(found)
            self.pairs += 1
            self.true += real == "T"
            self.raised += real == "R"
            self.known += found != TFR
            self.without += "T" not in found
            if real not in found:
                raise Unsound(_told(pack, condition, text, real, found, "outcome"))
            if self._dump > 0:
                self._dump -= 1
                form = "panther" if pack.is_panther else "iota"
                self._out.write(
                    json.dumps({"form": form, "condition": condition, "event": text, "outcome": real}) + "\n"
                )
        again = pack.load()
        for text, real, found in zip(texts, answers, sets, strict=True):
            if "T" not in found:
                self.skipped += 1
            elif answer(again, pack.event(text)) != real:
                raise Unsound(_told(pack, condition, text, real, found, "answer once others are left out"))

    def report(self) -> str:
        def share(part: int, whole: int) -> str:
            return f"{100 * part / max(whole, 1):.1f} %"

        return (
            f"{self.programs} programs ({self.unloadable} cannot be loaded), {self.pairs} pairs: "
            f"{share(self.true, self.pairs)} true, {share(self.raised, self.pairs)} raise; "
            f"{share(self.programs - self.open, self.programs)} of conditions are not `anything`, "
            f"{share(self.known, self.pairs)} of outcomes are narrowed, {share(self.without, self.pairs)} are ruled out"
        )


def _told(pack: Pack, condition, text: str, real: str, found, what: str) -> tuple:
    return pack, condition, text, real, "".join(sorted(found)), what


# Programs


def drawn(seed: int):
    """Return a program of the grammar and its records."""
    chance = random.Random(seed)
    while True:
        rule, helper = programs.program(chance)
        with contextlib.suppress(SyntaxError):
            # What binds a name twice in one `match`, and the like.
            compile(rule, "rule.py", "exec")
            break
    asked = records.Asked(rule + helper)
    texts = [records.made(asked, chance) for _ in range(RECORDS)]
    return Pack(rule, {"helpers": helper}, is_panther=chance.random() < 0.5), texts


class Real:
    """Real rules, to be mutated."""

    def __init__(self, folders: list[Path], includes: list[Path]) -> None:
        from iota_engine._compile import _helpers
        from iota_engine._discover import Discovery
        from iota_engine._tree import Tree

        tree = Tree(folders[0].absolute(), bundled=False)
        discovery = Discovery(tree)
        for folder in folders:
            tree.add_folder(folder.absolute())
            discovery.rules_folder(folder.absolute())
        for folder in includes:
            discovery.helper_folder(folder.absolute())
        found = discovery.found
        self.trees = {name: tree for name, (_, tree) in _helpers(found).items()}
        self.helpers = {name: ast.unparse(helper) for name, helper in self.trees.items()}
        self.rules = []
        for candidate in found.rules:
            logs = [test["Log"] for test in candidate.document.get("Tests") or [] if isinstance(test.get("Log"), dict)]
            with contextlib.suppress(TypeError):
                logs = json.loads(json.dumps(logs))
                self.rules.append((candidate.entry["id"], candidate.syntax, candidate.entry["form"] == "panther", logs))

    def drawn(self, seed: int):
        chance = random.Random(seed)
        _, syntax, is_panther, logs = chance.choice(self.rules)
        tree = copy.deepcopy(syntax)
        for _ in range(chance.randrange(4)):
            mutate(tree, chance)
        source = ast.unparse(ast.fix_missing_locations(tree))
        asked = records.Asked(source)
        texts = [
            records.changed(chance.choice(logs), asked, chance)
            if logs and chance.random() < 0.8
            else records.made(asked, chance)
            for _ in range(RECORDS)
        ]
        return Pack(source, self.helpers, is_panther=is_panther), texts


def mutate(tree: ast.Module, chance: random.Random) -> None:
    """Change one thing in a rule."""
    rules = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    nodes = [node for function in rules for node in ast.walk(function)] or list(ast.walk(tree))
    for node in chance.sample(nodes, min(30, len(nodes))):
        match node:
            case ast.Compare(ops=ops):
                ops[0] = chance.choice((ast.Eq, ast.NotEq, ast.In, ast.NotIn, ast.Is, ast.Lt, ast.GtE))()
            case ast.BoolOp():
                node.op = chance.choice((ast.And, ast.Or))()
            case ast.UnaryOp(op=ast.Not()):
                node.operand = ast.UnaryOp(ast.Not(), node.operand)
            case ast.Constant(value=str(text)) if text:
                node.value = chance.choice((text + "x", text[:-1], text.lower(), "", "x"))
            case ast.Constant(value=bool()):
                node.value = not node.value
            case ast.If():
                node.test = ast.UnaryOp(ast.Not(), node.test)
            case ast.Return(value=ast.expr()):
                node.value = ast.UnaryOp(ast.Not(), node.value)
            case ast.FunctionDef(body=body) if len(body) > 1:
                at = chance.randrange(len(body))
                if chance.random() < 0.5:
                    del body[at]
                else:
                    body.insert(chance.randrange(len(body)), copy.deepcopy(body[at]))
            case ast.Call(args=[_, *_]):
                node.args.pop()
            case _:
                continue
        return


def run(drawing, trees, judge: Judge, pairs: int, seed: int) -> None:
    """Judge programs until there are that many pairs."""
    start = judge.pairs
    at = 0
    while judge.pairs - start < pairs:
        pack, texts = drawing(seed * 1_000_003 + at)
        at += 1
        with _bounded(), contextlib.redirect_stdout(io.StringIO()), contextlib.suppress(Stopped):
            judge.look(pack, trees or {name: _tree(text) for name, text in pack.helpers.items()}, texts)


_trees: dict[str, ast.Module] = {}


def _tree(source: str) -> ast.Module:
    if source not in _trees:
        _trees[source] = ast.parse(source)
    return _trees[source]


@contextlib.contextmanager
def _bounded():
    def stop(*_: object) -> None:
        raise Stopped

    signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, 5)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def explain(error: Unsound, trees, texts: list[str] | None = None) -> str:
    """Return a failure as small as it can be made."""
    pack, condition, text, real, found, what = error.args[0]

    def fails(smaller: Pack, record: str) -> bool:
        try:
            with _bounded(), contextlib.redirect_stdout(io.StringIO()):
                Judge().look(
                    smaller, trees or {name: _tree(each) for name, each in smaller.helpers.items()}, texts or [record]
                )
        except Unsound:
            return True
        except (Exception, Stopped):
            return False
        return False

    if fails(pack, text):
        texts = None if texts is None or not fails(pack, text) else texts
        pack = shrinking.shrink(pack, lambda smaller: fails(smaller, text))
        condition = pack.condition(trees or {name: _tree(each) for name, each in pack.helpers.items()})
    form = "panther" if pack.is_panther else "iota"
    told = [
        f"form: {form}",
        f"record: {text}",
        f"condition: {json.dumps(condition)}",
        f"{what}: {real}, the set: {found}",
    ]
    return "\n".join([pack.rule, "", *told])


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--rules", type=Path, action="append", default=[])
    parser.add_argument("--include", type=Path, action="append", default=[])
    parser.add_argument("--dump", type=int, default=0)
    parser.add_argument("--dump-to", type=Path, default=Path("conditions.jsonl"))
    options = parser.parse_args(arguments)
    sys.setrecursionlimit(3000)
    logging.disable(logging.CRITICAL)
    with contextlib.ExitStack() as stack:
        out = stack.enter_context(options.dump_to.open("w")) if options.dump else None
        for name, drawing, trees in _sources(options):
            judge = Judge(options.dump, out)
            try:
                run(drawing, trees, judge, options.pairs, options.seed)
            except Unsound as error:
                sys.stdout.write(explain(error, trees) + f"\n\nafter {judge.report()}\n")
                return 1
            sys.stdout.write(f"{name}: {judge.report()}; seed {options.seed}\n")
    return 0


def _sources(options: argparse.Namespace):
    yield "grammar", drawn, None
    if options.rules:
        real = Real(options.rules, options.include)
        yield f"{len(real.rules)} real rules, mutated", real.drawn, real.trees


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
