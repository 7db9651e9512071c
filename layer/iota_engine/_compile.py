"""The compiler: a folder of rules becomes a rulepack.

In: the command line. Out: the pack, a report on stdout, and where asked a bundle and the rules' own tests.
Separate from the worker: only this side reads YAML, walks folders and writes files.
"""

from __future__ import annotations

import argparse
import json
import sys
from contextlib import suppress
from importlib.machinery import PathFinder
from pathlib import Path

from iota_engine._canary import ID as CANARY
from iota_engine._digest import sha256
from iota_engine._discover import Discovery
from iota_engine._exceptions import read_exceptions
from iota_engine._flags import flagged
from iota_engine._importpass import WorkerDied, import_all, site_folders
from iota_engine._inline import translate_filters
from iota_engine._metadata import Unusable
from iota_engine._overrides import apply, wants
from iota_engine._own_files import NotRight
from iota_engine._pack import pack_bytes
from iota_engine._product import files_of, own_files, parts, report
from iota_engine._rule import IOTA_FUNCTIONS, PANTHER_FUNCTIONS
from iota_engine._site import Site, read_site
from iota_engine._site_module import MODULE, source
from iota_engine._syntax import NotPython, parse, top_level_names
from iota_engine._testcases import test_cases
from iota_engine._tree import Tree
from iota_engine._yaml import YamlMissing
from iota_engine.conditions import Conditions

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ast
    from typing import Any

    from iota_engine._found import Candidate, Found


class CannotRun(Exception):
    """The compilation cannot run at all; the text goes to stderr."""


def main(arguments: list[str]) -> int:
    """Run `compile` and return its exit code."""
    options = _options(arguments)
    try:
        told = compile_rules(options)
    except (CannotRun, NotRight, YamlMissing, WorkerDied) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    except OSError as error:
        sys.stderr.write(f"`{error.filename}`: {error.strerror}\n")
        return 2
    sys.stdout.write(json.dumps(told) + "\n")
    return 0


def _options(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="iota_engine compile", allow_abbrev=False)
    parser.add_argument("rules", nargs="+", type=Path, metavar="RULES")
    parser.add_argument("--output", required=True, type=Path, metavar="FILE")
    parser.add_argument("--include", action="append", default=[], type=Path, metavar="DIR")
    parser.add_argument("--bundle", action="store_true")
    parser.add_argument("--include-disabled", action="store_true")
    parser.add_argument("--no-import", action="store_true")
    parser.add_argument("--no-site", action="store_true")
    parser.add_argument("--confine", type=json.loads, metavar="JSON")
    parser.add_argument("--tests", type=Path, metavar="FILE")
    return parser.parse_intermixed_args(arguments)


def compile_rules(options: argparse.Namespace) -> dict[str, Any]:
    """Compile as the options say and return the report."""
    folders = [_folder(path) for path in options.rules]
    tree = Tree(folders[0], bundled=options.bundle)
    discovery = Discovery(tree)
    for folder in folders:
        tree.add_folder(folder)
        discovery.rules_folder(folder)
    for path in options.include:
        discovery.helper_folder(_folder(path))
    found = discovery.found
    _refuse_twins(found)
    # The rules' own tests are about the rules, and come out alike whoever runs them.
    found.site = Site() if options.no_site else read_site(folders, tree)
    changed = apply(found.site, found)
    if not options.no_site:
        found.exceptions_file, found.exceptions = read_exceptions(folders, found)
    rules = _chosen(found, include_disabled=options.include_disabled)
    if not options.no_import:
        rules = _importable(rules, found, options.confine)
    places = _helpers(found)
    helpers = {name: tree for name, (_, tree) in places.items()}
    conditions = Conditions(helpers, [*_models(found), *(each.syntax for each in found.rules)], _installed)
    for candidate in rules:
        candidate.entry["condition"] = conditions.of(candidate.syntax, is_panther=candidate.entry["form"] == "panther")
    cases = test_cases(rules, found)
    pack, digest = pack_bytes(parts(rules, found))
    output: Path = options.output
    output.parent.mkdir(parents=True, exist_ok=True)
    if options.bundle:
        tree.copy(files_of(rules, found), output.parent / "rules")
    output.write_bytes(pack)
    if options.tests is not None:
        options.tests.write_text(json.dumps(cases), encoding="utf-8")
    own = own_files(found, changed, wants(found.site, rules, helpers))
    return report(rules, found, digest) | {"flagged": flagged(rules, places), "own": own}


def _folder(path: Path) -> Path:
    if not path.is_dir():
        message = f"`{path}` is not a folder; give the folder that holds the rules"
        raise CannotRun(message)
    return path.absolute()


def _refuse_twins(found: Found) -> None:
    owners: dict[str, Candidate] = {}
    for candidate in found.rules:
        first = owners.setdefault(candidate.entry["id"], candidate)
        if first is not candidate:
            places = [found.tree.name(each.files[-1]) for each in (first, candidate)]
            message = f"two rules have the id `{candidate.entry['id']}`: `{places[0]}` and `{places[1]}`; rename one"
            raise CannotRun(message)


def _chosen(found: Found, *, include_disabled: bool) -> list[Candidate]:
    """Return the rules to pack, sorted by id, their entries complete but for what an import tells."""
    chosen = []
    for candidate in sorted(found.rules, key=lambda each: str(each.entry["id"])):
        entry = candidate.entry
        if entry["id"] == CANARY:
            found.fail(candidate.files[-1], f"`{CANARY}` is the id of iota's own rule; take another", CANARY)
            continue
        if not candidate.enabled and not include_disabled:
            found.list(candidate.file, candidate.off, entry["id"])
            continue
        try:
            entry["inline_filters"] = translate_filters(candidate.document.get("InlineFilters"))
        except Unusable as problem:
            found.fail(candidate.files[-1], str(problem), entry["id"])
            continue
        names = PANTHER_FUNCTIONS if entry["form"] == "panther" else IOTA_FUNCTIONS
        defined = top_level_names(candidate.syntax)
        digests = "".join(found.tree.digest(file) for file in candidate.files)
        entry["path"] = found.tree.name(candidate.file)
        entry["functions"] = [name for name in names if name in defined]
        entry["digest"] = sha256(digests.encode("ascii"))
        # Until it is compiled, for the pack that the import pass reads.
        entry["condition"] = {"op": "anything", "reason": "not compiled"}
        chosen.append(candidate)
    return chosen


def _importable(rules: list[Candidate], found: Found, confine: dict[str, Any] | None) -> list[Candidate]:
    """Return the rules that a worker can load; tell of the others."""
    if not rules:
        return rules
    draft = pack_bytes(parts(rules, found))
    *answers, model = import_all(draft, found.tree, files_of(rules, found), len(rules), confine)
    if found.data_models and model.get("error"):
        entry, error = found.data_models[0], model["error"]
        told = {"id": entry["id"], "path": error["file"] or entry["path"], "line": error["line"]}
        found.failed.append({**told, "reason": error["exception"]})
    kept = []
    for candidate, answer in zip(rules, answers, strict=True):
        error = answer.get("error")
        if error is None:
            candidate.entry["functions"] = answer["functions"]
            kept.append(candidate)
            continue
        told = {"id": candidate.entry["id"], "path": error["file"] or candidate.entry["path"], "line": error["line"]}
        found.failed.append({**told, "reason": error["exception"]})
    return kept


def _helpers(found: Found) -> dict[str, tuple[str, ast.Module]]:
    """Return place and syntax of each module that rules may import, by its name; the first folder that has it wins."""
    helpers = {MODULE: (f"<{MODULE}>", parse(source(found.site).encode("ascii"), MODULE))}
    for folder in found.helper_folders:
        for file in found.support:
            if file.suffix != ".py" or not file.is_relative_to(folder):
                continue
            parts = file.relative_to(folder).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            if name not in helpers:
                # One that is no Python fails the rules that import it, with its own words.
                with suppress(NotPython):
                    helpers[name] = found.tree.name(file), parse(found.tree.read(file), str(file))
    return helpers


def _models(found: Found) -> list[ast.Module]:
    """Return the syntax of the data models, which the engine runs unasked."""
    paths = {model["path"] for model in found.data_models}
    models = []
    for file in found.support:
        if found.tree.name(file) in paths:
            with suppress(NotPython):
                models.append(parse(found.tree.read(file), str(file)))
    return models


def _installed(name: str) -> bool:
    """Tell whether `import name` finds something installed, or supplied by the engine, before any helper."""
    supplied = str(Path(__file__).parent / "supplied")
    return PathFinder.find_spec(name, [*site_folders(), supplied]) is not None
