"""Core: panther_core, the reference implementation, asked what it makes of each record.

In: a clone of panther-analysis and a corpus. Out: matches. Separate because it is the only file that imports what is
AGPL. Rules see iota's own stand-ins for boto3 and the key-value store: the original needs AWS.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any
from unittest import mock

from checkout import LOG_TYPE, cloudtrail_rules, documents
from matches import Match, Place, canonical, event_id
from panther_core.data_model import DataModel
from panther_core.enriched_event import PantherEvent
from panther_core.immutable import ImmutableCaseInsensitiveDict, ImmutableList
from panther_core.rule import Rule

LAYER = Path(__file__).resolve().parents[2] / "layer"


class Core:
    """All CloudTrail rules of one clone, loaded once."""

    def __init__(self, clone: Path) -> None:
        # At the end of the path, so that the real panther_core comes before iota's.
        sys.path += [str(clone / "global_helpers"), str(LAYER), str(LAYER / "iota_engine" / "supplied")]
        from iota_engine._record import add_panther_fields

        self._add_fields = add_panther_fields
        self._model = _data_model(clone / "data_models")
        self._rules: dict[str, tuple[dict[str, Any], Rule]] = {}
        for file, document in documents(cloudtrail_rules(clone), "rule"):
            rule = Rule(
                {
                    "id": document["RuleID"],
                    "path": str(file.parent / document["Filename"]),
                    "analysisType": "RULE",
                    "versionId": "",
                    "severity": document["Severity"].upper(),
                    "dedupPeriodMinutes": 60,
                    "tags": [],
                    "reports": {},
                }
            )
            if rule.setup_exception is not None:
                raise rule.setup_exception
            self._rules[document["RuleID"]] = (document, rule)
        self.failures: set[Place] = set()

    def matches_printed_plainly(self, corpus: Iterable[tuple[str, int, dict[str, Any]]]) -> dict[Place, Match]:
        """Return what the rules would say if lists and mappings of the event printed like Python's own."""
        with (
            mock.patch.object(ImmutableList, "__repr__", lambda value: repr(value.copy())),
            mock.patch.object(ImmutableCaseInsensitiveDict, "__repr__", lambda value: repr(value.copy())),
        ):
            return self.matches(corpus)

    def matches(self, corpus: Iterable[tuple[str, int, dict[str, Any]]]) -> dict[Place, Match]:
        """Return all matches; `failures` then holds where `rule()` failed."""
        found: dict[Place, Match] = {}
        self.failures = set()
        with contextlib.redirect_stdout(io.StringIO()):
            for file, index, record in corpus:
                self._add_fields(record, LOG_TYPE)
                event = PantherEvent(record, self._model)
                for name, (document, rule) in self._rules.items():
                    result = rule.run(event, {}, {}, batch_mode=True)
                    if result.detection_exception is not None:
                        self.failures.add(Place(name, file, index))
                    if result.trigger_alert:
                        found[Place(name, file, index)] = _match(document, record, result)
        return found


def _match(document: dict[str, Any], record: dict[str, Any], result: Any) -> Match:
    context = result.alert_context_output
    return Match(
        event_id=event_id(record),
        # Panther's backend gives an alert without a title of its own the display name.
        title=result.title_output or document.get("DisplayName") or document["RuleID"],
        severity=result.severity_output or document["Severity"].upper(),
        dedup=result.dedup_output,
        context=canonical(None if context is None else json.loads(context)),
    )


def _data_model(folder: Path) -> DataModel:
    for file, document in documents(folder, "datamodel"):
        if LOG_TYPE in document["LogTypes"]:
            mappings = [{key.lower(): value for key, value in mapping.items()} for mapping in document["Mappings"]]
            # The source must be handed over as `body`: a `path` is ignored.
            body = (file.parent / document["Filename"]).read_text()
            return DataModel({"id": document["DataModelID"], "mappings": mappings, "versionId": "", "body": body})
    message = f"no data model for {LOG_TYPE} in {folder}"
    raise FileNotFoundError(message)
