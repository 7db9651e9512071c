"""Overrides: what `site.yml` changes of rules, put into their pack entries; and which rules want what it does not say.

In: a `Site` and what discovery found. Out: changed candidates, and two lists for people.
Separate from reading the file: only here rules and site meet.
"""

from __future__ import annotations

import ast

from iota_engine._metadata import DEFAULT_PERIOD
from iota_engine._own_files import Problems, meant
from iota_engine._site_module import MODULE, NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from iota_engine._found import Candidate, Found
    from iota_engine._site import Site

    # A module, and a name in it.
    _Name = tuple[str, str]
    # What a file imports, by its names in it: members of modules, and modules.
    _Imports = tuple[dict[str, _Name], dict[str, str]]


def apply(site: Site, found: Found) -> list[dict[str, Any]]:
    """Change the rules that the site speaks of and return what was changed; raises `NotRight`.

    Tags first, then the rule's own id, which is the more exact word.
    """
    if site.file is None:
        return []
    problems = Problems(found.tree.name(site.file))
    by_id = {str(each.entry["id"]): each for each in found.rules}
    tags = {tag for each in found.rules for tag in each.entry["metadata"]["tags"]}
    # Rules that cannot load, or are not for CloudTrail, are told elsewhere: their names are no misspelling.
    known = {*by_id, *(str(told["id"]) for told in (*found.failed, *found.listed) if told["id"])}
    _only_there(site.rules, known, "rules", "rule", problems)
    _only_there(site.tags, tags, "tags", "tag", problems)
    changed = []
    for name, candidate in sorted(by_id.items()):
        change = _change_of(name, candidate, site, problems)
        if change:
            _put(candidate, change, found.tree.name(site.file), problems)
            changed.append({"id": name, **change})
    problems.raise_any()
    return changed


def _only_there(named: Iterable[str], known: set[str], where: str, what: str, problems: Problems) -> None:
    for name in named:
        if name not in known:
            problems.tell(f"there is no {what} `{name}`; {meant(name, known)}", where)


def _change_of(name: str, candidate: Candidate, site: Site, problems: Problems) -> dict[str, Any]:
    change: dict[str, Any] = {}
    said_by: dict[str, str] = {}
    own = site.rules.get(name, {})
    for tag in candidate.entry["metadata"]["tags"]:
        for key, value in site.tags.get(tag, {}).items():
            if key not in own and change.setdefault(key, value) != value:
                problems.tell(f"tags `{said_by[key]}` and `{tag}` disagree; say it under `rules`", f"{name}.{key}")
            said_by[key] = tag
    return {**change, **own}


def _put(candidate: Candidate, change: dict[str, Any], file: str, problems: Problems) -> None:
    entry = candidate.entry
    if "enabled" in change:
        candidate.enabled = change["enabled"]
        candidate.off = f"switched off in `{file}`"
    if "severity" in change:
        entry["severity"] = change["severity"]
        # What the rule's own `severity` says is no longer asked for.
        entry["severity_fixed"] = True
    entry["threshold"] = change.get("threshold", entry["threshold"])
    period = change.get("dedup_period_minutes")
    if period is not None:
        entry["dedup_period_minutes"] = period
    if entry["threshold"] > 1 and entry["dedup_period_minutes"] == 0:
        if period == 0:
            message = f"0 does not group, but {entry['threshold']} matches make an alert; give the minutes they lie in"
            problems.tell(message, f"{entry['id']}.dedup_period_minutes")
        entry["dedup_period_minutes"] = DEFAULT_PERIOD


def wants(site: Site, rules: list[Candidate], helpers: dict[str, ast.Module]) -> list[dict[str, Any]]:
    """Return the values of the site that are not set, each with the rules that ask for it."""
    wanted: dict[str, list[str]] = {}
    uses = _Uses(helpers)
    for candidate in rules:
        for value in sorted({NAMES[name] for name in uses.of(candidate.syntax) if name in NAMES}):
            if not getattr(site, value):
                wanted.setdefault(value, []).append(str(candidate.entry["id"]))
    return [{"value": value, "rules": ids} for value, ids in sorted(wanted.items())]


class _Uses:
    """Follows files to the names of `iota_site` that their functions come to, through functions of helpers."""

    def __init__(self, helpers: dict[str, ast.Module]) -> None:
        self._helpers = helpers
        # What each name of a helper uses itself, and what each helper imports: many rules come to the same ones.
        self._known: dict[_Name, set[_Name]] = {}
        self._imported: dict[str, _Imports] = {}

    def of(self, tree: ast.Module) -> set[str]:
        """Return the names."""
        found: set[str] = set()
        seen: set[_Name] = set()
        pending = list(_used("", tree.body, _imports(tree)))
        while pending:
            at = pending.pop()
            module, name = at
            if module == MODULE:
                found.add(name)
            elif at not in seen:
                seen.add(at)
                pending += self._used_by(module, name)
        return found

    def _used_by(self, module: str, name: str) -> set[_Name]:
        at = module, name
        if at not in self._known:
            tree = self._helpers.get(module)
            if tree is None:
                return set()
            if module not in self._imported:
                self._imported[module] = _imports(tree)
            nodes = [node for node in tree.body if name in _bound(node)]
            self._known[at] = _used(module, nodes, self._imported[module])
        return self._known[at]


def _used(module: str, nodes: Iterable[ast.AST], imports: _Imports) -> set[_Name]:
    """Return the names of modules that come up below `nodes`, those of `module` itself included if it is a helper."""
    members, modules = imports
    used: set[_Name] = set()
    for node in (inner for outer in nodes for inner in ast.walk(outer)):
        if isinstance(node, ast.Name):
            if node.id in members:
                used.add(members[node.id])
            elif module:
                used.add((module, node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in modules:
            used.add((modules[node.value.id], node.attr))
    return used


def _imports(tree: ast.Module) -> _Imports:
    members: dict[str, _Name] = {}
    modules: dict[str, str] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            members.update({alias.asname or alias.name: (node.module, alias.name) for alias in node.names})
        elif isinstance(node, ast.Import):
            modules.update({alias.asname or alias.name: alias.name for alias in node.names})
    return members, modules


def _bound(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    targets = node.targets if isinstance(node, ast.Assign) else []
    return {target.id for target in targets if isinstance(target, ast.Name)}
