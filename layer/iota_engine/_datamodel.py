"""Data models: what `event.udm(name)` means for one log type.

In: an entry of the pack's `data_models`. Out: paths and methods by name.
Separate because its methods are the users' code: they are loaded at the first use, under the limits of the asking rule.
"""

from __future__ import annotations

from iota_engine._failure import LoadFailed
from iota_engine._loading import load_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine._loading import Sources
    from iota_engine._paths import Path


class DataModel:
    """The mappings of one data model."""

    def __init__(self, entry: dict[str, Any], sources: Sources) -> None:
        self.id: str = entry["id"]
        self._file: str | None = entry.get("path")
        self._sources = sources
        self._namespace: dict[str, Any] | None = None
        self._paths: dict[str, Path] = {}
        # A path wins over a method of the same name.
        self.described: dict[str, str] = {
            mapping["name"]: mapping.get("path") or mapping["method"] for mapping in entry["mappings"]
        }
        self._has_path = {mapping["name"] for mapping in entry["mappings"] if mapping.get("path")}

    def maps(self, name: object) -> bool:
        """Tell whether the model maps `name`, in exactly this case."""
        return name in self.described

    def path(self, name: str) -> Path | None:
        """Return the path mapped to `name`, None where a method is."""
        if name not in self._has_path:
            return None
        path = self._paths.get(name)
        if path is None:
            from iota_engine._paths import PathRefused, compile_path

            try:
                path = self._paths[name] = compile_path(self.described[name])
            except PathRefused as error:
                message = f"data model `{self.id}`: {error}"
                raise LoadFailed(message) from error
        return path

    def load(self) -> dict[str, Any]:
        """Return the namespace of the model's file, which is run at first use."""
        if self._namespace is None:
            if self._file is None:
                self._namespace = {}
            else:
                self._namespace = load_namespace(self._sources, self._file, f"iota_data_models.{self.id}")
        return self._namespace

    def method(self, name: str) -> Callable[[Any], Any]:
        """Return the method mapped to `name`."""
        function = self.load().get(self.described[name])
        if function is None:
            message = (
                f"data model `{self.id}` maps `{name}` to `{self.described[name]}`, which its file does not define"
            )
            raise LoadFailed(message, self._file)
        called: Callable[[Any], Any] = function
        return called


def choose_model(entries: list[dict[str, Any]], log_type: str, sources: Sources) -> DataModel | None:
    """Return the first data model for `log_type`."""
    for entry in entries:
        if log_type in entry["log_types"]:
            return DataModel(entry, sources)
    return None
