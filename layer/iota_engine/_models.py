"""Data models at compile time: their YAML becomes entries of the pack.

In: the YAML of one data model. Out: an entry of `data_models`, or the reason why there is none.
Separate from `_datamodel`, which answers `event.udm` in a worker and never sees YAML.
"""

from __future__ import annotations

from os.path import normpath
from pathlib import Path

from iota_engine import _metadata
from iota_engine._paths import PathRefused, compile_path
from iota_engine._syntax import NotPython, parse, top_level_names

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from iota_engine._found import Found


def add_data_model(found: Found, file: Path, document: dict[str, Any]) -> None:
    """Take in the data model in `file`, if it is enabled and speaks of CloudTrail."""
    name = document.get("DataModelID")
    try:
        log_types = _metadata.texts(document, "LogTypes")
        if _metadata.CLOUDTRAIL not in log_types or not _metadata.flag(document, "Enabled"):
            return
        mappings = [_mapping(mapping) for mapping in document.get("Mappings") or []]
    except _metadata.Unusable as error:
        found.fail(file, str(error), name)
        return
    if found.data_models:
        found.list(file, f"`{_metadata.CLOUDTRAIL}` has the data model `{found.data_models[0]['id']}` already", name)
        return
    filename = document.get("Filename")
    python = Path(normpath(file.parent / filename)) if isinstance(filename, str) else None
    for problem in _problems(found, python, mappings):
        found.fail(file, problem, name)
    found.support.append(file)
    if python is not None:
        found.helper(python)
    found.data_models.append(
        {
            "id": str(name or file.stem),
            "log_types": log_types,
            "path": found.tree.name(python) if python is not None else None,
            "mappings": mappings,
        }
    )


def _mapping(mapping: Any) -> dict[str, str]:
    lowered = {str(key).lower(): value for key, value in mapping.items()} if isinstance(mapping, dict) else {}
    entry = {key: str(lowered[key]) for key in ("name", "path", "method") if lowered.get(key)}
    if "name" not in entry or len(entry) == 1:
        message = f"mapping `{mapping}` is incomplete; write `Name` and one of `Path`, `Method`"
        raise _metadata.Unusable(message)
    return entry


def _problems(found: Found, python: Path | None, mappings: list[dict[str, str]]) -> list[str]:
    """Tell what rules that ask this model would run into; the other mappings still serve."""
    problems = []
    for mapping in mappings:
        try:
            compile_path(mapping.get("path", "$"))
        except PathRefused as error:
            problems.append(f"mapping `{mapping['name']}`: {error}")
    try:
        names = top_level_names(parse(found.tree.read(python), str(python))) if python is not None else set()
    except (NotPython, OSError) as error:
        return [*problems, f"its `Filename` cannot be used: {error}"]
    for mapping in mappings:
        method = mapping.get("method")
        if method is not None and "path" not in mapping and method not in names:
            problems.append(f"mapping `{mapping['name']}`: its file defines no `{method}`")
    return problems
