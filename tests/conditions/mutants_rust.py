"""Unsound changes to the prefilter, one at a time: a test must notice each.

Usage: python tests/conditions/mutants_rust.py [--target DIR] [NUMBER…]

Works on a copy of the sources in a temporary folder. `--target` names the copy's Cargo target folder; without it the
repository's own is copied once, so that only this crate compiles again. A minute a mutant; no part of `make test`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (
    "Cargo.toml",
    "Cargo.lock",
    "build.rs",
    "rust-toolchain.toml",
    "clippy.toml",
    "src",
    "layer",
    "tests",
    "docs",
    ".cargo",
    "README.md",
)

EVALUATE, VALUE, PROJECT = "src/prefilter/evaluate.rs", "src/prefilter/value.rs", "src/prefilter/project.rs"
OUTCOME, INDEX, PATTERN = "src/prefilter/outcome.rs", "src/prefilter/index.rs", "src/prefilter/pattern.rs"
NEEDS, GUARD = "src/prefilter/needs.rs", "src/prefilter/guard.rs"

# File, old, new, why it is unsound.
MUTANTS: list[tuple[str, str, str, str]] = [
    (
        OUTCOME,
        "Self((self.0 & 1) << 1 | (self.0 & 2) >> 1 | self.0 & 4)",
        "Self((self.0 & 1) << 1 | (self.0 & 2) >> 1)",
        "`not` forgets the exception, which `rescue` may turn into a match",
    ),
    (
        OUTCOME,
        "seen = seen.with(part.without(on));",
        "seen = part.without(on);",
        "`and` forgets what an earlier part may do",
    ),
    (
        EVALUATE,
        "if !found.may(Outcomes::R) {",
        "if found.may(Outcomes::TF) {",
        "`rescue` forgets the exception where there may be none",
    ),
    (
        EVALUATE,
        "Found::Value(Value::Null)) if *null =>",
        "Found::Value(Value::Null)) =>",
        "a default stands in for null in Panther's form too",
    ),
    (
        EVALUATE,
        "Got::Value(Value::Null | Value::Bool(_)",
        "Got::Value(Value::Text(_) | Value::Null | Value::Bool(_)",
        "iterating over a string raises",
    ),
    (
        EVALUATE,
        "(_, Value::OddText | Value::OddNumber { .. }) => Outcomes::ALL,",
        "(_, Value::OddText) => Outcomes::F,\n            (_, Value::OddNumber { .. }) => Outcomes::ALL,",
        "text in other alphabets equals nothing",
    ),
    (EVALUATE, "Some(regex) if is_printable(text) =>", "Some(regex) =>", "`$` before a last newline"),
    (EVALUATE, "if self.slots.has_odd_keys(node) {", "if false {", "the Kelvin sign is no `k`"),
    (
        EVALUATE,
        "Member::Twice => return Found::Unknown,",
        "Member::Twice => return Found::Missing,",
        "a key twice is none",
    ),
    (
        EVALUATE,
        "Value::Bool(_) => type_bit(Type::Bool) | type_bit(Type::Int),",
        "Value::Bool(_) => type_bit(Type::Bool),",
        "a bool is no int",
    ),
    (EVALUATE, "if self.program.of_item[id as usize] {", "if false {", "what one item gave is remembered for the next"),
    (
        EVALUATE,
        "self.memo.known[id as usize] = self.memo.round << 3",
        "self.memo.known[id as usize] = (self.memo.round + 1) << 3",
        "what one record gave is remembered for the next",
    ),
    (
        EVALUATE,
        "i64::try_from(len).ok()?.checked_add(index)?",
        "i64::try_from(len).ok()?.checked_add(index)? - 1",
        "counting from the end is off by one",
    ),
    (
        EVALUATE,
        "Member::Twice => None,",
        "Member::Twice => Some(direct.default.value()),",
        "a key that is there twice is missing, on the short way",
    ),
    (
        EVALUATE,
        "|| direct.through.iter().any(|&path| self.slots.get(path) == Member::Twice)",
        "",
        "an object that is there twice is looked into, on the short way",
    ),
    (
        EVALUATE,
        "if !self.slots.is_plain() || !direct",
        "if !direct",
        "escapes are not undone on the short way",
    ),
    (EVALUATE, "Got::Value(if out.is_ascii()", "Got::Value(if true", "a replacement in another alphabet is read"),
    (VALUE, "f64::from(u8::from(*value))", "f64::from(u8::from(*value)) + 2.0", "`True == 1` is forgotten"),
    (
        VALUE,
        "digits.len() > INT_DIGITS",
        "digits.len() > INT_DIGITS + 2",
        "integers are compared as doubles that can't hold them",
    ),
    (VALUE, "Some(value) if value.is_finite() =>", "Some(value) =>", "`1e400` and `NaN` are compared"),
    (
        VALUE,
        "(false, false) => Outcomes::TF,",
        "(false, false) => Outcomes::F,",
        "two lists with items are never equal",
    ),
    (VALUE, "if matches!(found, Found::Value(_)) {", "if false {", "of two keys in a nested object the last counts"),
    (
        VALUE,
        "keys.is_sorted_by(|a, b| a < b).then_some(keys.len())",
        "Some(keys.len())",
        "a key twice counts twice in `len`",
    ),
    (
        VALUE,
        "let Some(name) = ascii_text(name) else { return Found::Unknown };",
        "let Some(name) = ascii_text(name) else { continue };",
        "keys in another alphabet are passed by in nested objects",
    ),
    (PROJECT, "name == key || name.eq_ignore_ascii_case(key)", "name == key", "keys are told apart by case"),
    (PROJECT, "slot.twice = slot.round == round;", "slot.twice = false;", "of two keys the last counts"),
    (PROJECT, "if !escaped && self.high == 0 {", "if true {", "escapes in keys are not undone"),
    (
        PROJECT,
        "let plain = walk.high == 0 && !walk.escapes;",
        "let plain = walk.high == 0;",
        "escapes in values are not undone",
    ),
    (
        PROJECT,
        "let plain = walk.high == 0 && !walk.escapes;",
        "let plain = !walk.escapes;",
        "text in other alphabets is read",
    ),
    (PROJECT, "more if more > 1 && text[len] == b'0' => return None,", "", "numbers that Python refuses are taken"),
    (
        PROJECT,
        "(walk.space() == text.len()).then_some(())?;",
        "",
        "what follows a record is passed by, which Python refuses",
    ),
    (
        PROJECT,
        "0..0x20 => return None,",
        "",
        "control characters near the end of a record are taken, which Python refuses",
    ),
    (
        NEEDS,
        "Node::Rescue(tried, otherwise) => of(*tried, outcome).either(of(*otherwise, outcome)),",
        "Node::Rescue(tried, _) => of(*tried, outcome),",
        "a match after an exception is not indexed",
    ),
    (
        NEEDS,
        "Node::Not(inner) => of(*inner, outcome.not()),",
        "Node::Not(inner) => of(*inner, outcome),",
        "what `not` needs is what it excludes",
    ),
    (
        NEEDS,
        "found = found.either(before.clone().both(of(part, on.not())));",
        "found = found.both(before.clone().both(of(part, on.not())));",
        "one part of an `or` needs what all of them do",
    ),
    (
        INDEX,
        "_ => Names::nothing(),\n                };",
        "_ => names(program, field, term, test),\n                };",
        "`!=` is indexed under the name it excludes",
    ),
    (
        GUARD,
        "Self::best(a.iter().flat_map(|a| b.iter().filter_map(|b| a.or(b))).collect()),",
        "Self::best(a.union(&b).cloned().collect()),",
        "either side of an `or` guards the rule",
    ),
    (
        GUARD,
        "self.tests.union(&other.tests)",
        "self.tests.intersection(&other.tests)",
        "of two tests of which one will do, neither is looked at",
    ),
    (
        GUARD,
        "Clause::of(BTreeSet::from([(rank, node, outcome == Outcomes::T)]))",
        "Clause::of(BTreeSet::from([(rank, node, true)]))",
        "what must be false guards as if it must be true",
    ),
    (
        INDEX,
        "[Step::Get { key, .. } | Step::Item(key)] =>",
        "[Step::Get { key, .. } | Step::Item(key), ..] =>",
        "`eventName.lower() == …` is indexed as if it were the name",
    ),
    (
        INDEX,
        "source.map_or(&self.of_source,",
        "source.map_or(&[],",
        "rules of a source are passed by where the source is not known",
    ),
    (
        EVALUATE,
        "(Value::Object(object), Const::Text(key)) if key.is_ascii() =>",
        "(Value::Object(object), Const::Text(key)) =>",
        "a constant in another alphabet is no key, whatever its lower case",
    ),
    (
        PATTERN,
        "means_the_same(self.text.as_bytes()).then_some(())?;",
        "",
        "`\\<` is the start of a word, which Python takes for a `<`",
    ),
]


def main() -> int:
    """Run the mutants that were asked for and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--target", type=Path, help="Cargo target folder of the copy")
    parser.add_argument("numbers", nargs="*", type=int, metavar="NUMBER", help="only these mutants")
    args = parser.parse_args()
    chosen = [(n, mutant) for n, mutant in enumerate(MUTANTS, 1) if not args.numbers or n in args.numbers]
    with tempfile.TemporaryDirectory(prefix="iota-mutants-") as folder:
        copy = Path(folder, "iota")
        copy.mkdir()
        for name in SOURCES:
            source = ROOT / name
            (shutil.copytree if source.is_dir() else shutil.copy2)(source, copy / name)
        # What was built elsewhere remembers where it was built.
        for name in ("build.rs", "src/lib.rs"):
            (copy / name).touch()
        target = args.target
        if target is None:
            target = Path(folder, "target")
            # Times of change must be kept, or everything compiles again.
            subprocess.run(["cp", "-a", ROOT / "target", target], check=True)
        if verdict(copy, target, tell=True) != "survived":
            print("the tests fail without any mutant; mend that first", file=sys.stderr)
            return 2
        results = [(n, mutant, judged(copy, target, mutant)) for n, mutant in chosen]
    for n, (file, _, _, why), result in results:
        print(f"{n:>3}  {result:<14} {Path(file).name:<12} {why}")
    alive = [n for n, _, result in results if result != "killed"]
    print(f"{len(results) - len(alive)} of {len(results)} killed" + (f"; not killed: {alive}" if alive else ""))
    return 1 if alive else 0


def judged(copy: Path, target: Path, mutant: tuple[str, str, str, str]) -> str:
    """Apply one mutant, have the tests run, take it back."""
    file, old, new, _ = mutant
    path = copy / file
    text = path.read_text()
    if text.count(old) != 1:
        return f"found {text.count(old)} times"
    path.write_text(text.replace(old, new))
    try:
        result = verdict(copy, target)
    finally:
        path.write_text(text)
    print(f"{result}: {mutant[3]}", file=sys.stderr, flush=True)
    return result


def verdict(copy: Path, target: Path, *, tell: bool = False) -> str:
    """Say whether the tests noticed, and with `tell` what."""
    command = ["cargo", "test", "--release", "--locked", "--lib", "prefilter"]
    # Incremental: a mutant touches one function.
    environment = {**os.environ, "CARGO_TARGET_DIR": str(target), "CARGO_INCREMENTAL": "1"}
    build = subprocess.run([*command, "--no-run"], cwd=copy, env=environment, capture_output=True, text=True)
    if build.returncode != 0:
        print(build.stderr[-2000:], file=sys.stderr)
        return "does not build"
    try:
        done = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, timeout=600)
    except subprocess.TimeoutExpired:
        return "killed"
    if tell and done.returncode != 0:
        print((done.stdout + done.stderr)[-3000:], file=sys.stderr)
    return "survived" if done.returncode == 0 else "killed"


if __name__ == "__main__":
    sys.exit(main())
