"""The product: what a compilation writes down, in the pack and in its report.

In: the packed rules and what discovery found. Out: JSON-ready objects.
Separate from the steps that lead to it: this is the format, of docs/engine-protocol.md.
"""

from __future__ import annotations

import sys

from iota_engine import ENGINE_VERSION
from iota_engine._exceptions import expired
from iota_engine._importpass import site_folders
from iota_engine._site_module import MODULE, source
from iota_engine.conditions._forms import NEVER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from iota_engine._found import Candidate, Found


def files_of(rules: list[Candidate], found: Found) -> list[Path]:
    """Return every file that was read."""
    own = [file for file in (found.site.file, found.exceptions_file) if file is not None]
    return [file for candidate in rules for file in candidate.files] + found.support + own


def parts(rules: list[Candidate], found: Found) -> dict[str, Any]:
    """Return what the pack holds."""
    packed = {candidate.entry["id"] for candidate in rules}
    return {
        "engine_version": ENGINE_VERSION,
        "python": ".".join(map(str, sys.version_info[:3])),
        "files": found.tree.digests(files_of(rules, found)),
        "paths": [found.tree.name(folder) for folder in found.helper_folders],
        "modules": {MODULE: source(found.site)},
        "accounts": found.site.accounts,
        "exceptions": [
            {**each, "rules": [name for name in each["rules"] if name in packed]} for each in found.exceptions
        ],
        "data_models": found.data_models,
        "rules": [candidate.entry for candidate in rules],
        "failed": _sorted(found.failed),
        "listed": _sorted(found.listed),
    }


def _sorted(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(told, key=lambda each: (each["path"], each["id"] or "", each["reason"]))


def report(rules: list[Candidate], found: Found, digest: str) -> dict[str, Any]:
    """Return what people are told of the rules."""
    open_rules = [
        {"id": candidate.entry["id"], "reason": candidate.entry["condition"]["reason"]}
        for candidate in rules
        if candidate.entry["condition"]["op"] == "anything"
    ]
    return {
        "digest": digest,
        "rules": len(rules),
        "failed": _sorted(found.failed),
        "listed": _sorted(found.listed),
        "unconditioned": open_rules,
        "never": [candidate.entry["id"] for candidate in rules if candidate.entry["condition"] == NEVER],
        "site": site_folders(),
        "inputs": found.tree.inputs(),
    }


def own_files(found: Found, changed: list[dict[str, Any]], wanted: list[dict[str, Any]]) -> dict[str, Any]:
    """Return what people are told of `site.yml` and `exceptions.yml`."""
    return {
        "file": found.tree.name(found.site.file) if found.site.file else None,
        "changed": changed,
        "wants": wanted,
        "exceptions": len(found.exceptions),
        "expired": expired(found.exceptions),
    }
