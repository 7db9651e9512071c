"""Metadata: the YAML of one rule, checked and brought to the pack's words.

In: a parsed YAML mapping. Out: the members of a pack entry that come from it, or a reason that says what to mend.
Separate from `_discover`, which knows files and folders; here are only keys and values.
"""

from __future__ import annotations

import re

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

SEVERITIES = ("INFO", "LOW", "MEDIUM", "HIGH", "CRITICAL")
CLOUDTRAIL = "AWS.CloudTrail"

# All that the `.yml` beside a rule of iota's form may hold; a misspelt key must not be ignored.
IOTA_KEYS = (
    "CreateAlert",
    "DedupPeriodMinutes",
    "Description",
    "DisplayName",
    "Enabled",
    "OutputIds",
    "Reference",
    "Reports",
    "RuleID",
    "Runbook",
    "Severity",
    "Tags",
    "Tests",
    "Threshold",
)
_DEFAULT_PERIOD = 60
_DEFAULT_THRESHOLD = 1
_ID = re.compile(r'[^<>&"%]+\Z')


class Unusable(Exception):
    """The metadata of a rule is wrong; the text says what to do."""


def rule_id(document: dict[str, Any], default: str | None) -> str:
    """Return the rule's id."""
    found = document.get("RuleID", default)
    if not isinstance(found, str) or not _ID.match(found):
        message = f'`RuleID` is `{found}`; give a text without any of < > & " %'
        raise Unusable(message)
    return found


def severity(document: dict[str, Any], default: str | None) -> str:
    """Return the rule's severity in the pack's words."""
    found = document.get("Severity", default)
    word = found.upper() if isinstance(found, str) else None
    if word not in SEVERITIES:
        message = f"`Severity` is `{found}`; use one of Info, Low, Medium, High, Critical"
        raise Unusable(message)
    return str(word)


def flag(document: dict[str, Any], key: str) -> bool:
    """Return a boolean that is true where it is absent."""
    found = document.get(key, True)
    if not isinstance(found, bool):
        message = f"`{key}` is `{found}`; use true or false"
        raise Unusable(message)
    return found


def number(document: dict[str, Any], key: str) -> int:
    """Return `DedupPeriodMinutes` or `Threshold`; Panther takes the default for what is not a whole number."""
    default = _DEFAULT_PERIOD if key == "DedupPeriodMinutes" else _DEFAULT_THRESHOLD
    found = document.get(key)
    return found if type(found) is int and found >= 0 else default


def text(document: dict[str, Any], key: str) -> str:
    """Return a text, empty where it is absent."""
    found = document.get(key)
    return "" if found is None else str(found)


def texts(document: dict[str, Any], key: str) -> list[str]:
    """Return a list of texts, empty where it is absent."""
    found = document.get(key)
    if found is None:
        return []
    if isinstance(found, str):
        return [found]
    if not isinstance(found, list):
        message = f"`{key}` is not a list; write it as `- one` per line"
        raise Unusable(message)
    return [str(item) for item in found]


def reports(document: dict[str, Any]) -> dict[str, list[str]]:
    """Return the frameworks a rule reports to, each with its sorted entries."""
    found = document.get("Reports")
    if found is None:
        return {}
    if not isinstance(found, dict):
        message = "`Reports` is not a mapping; write it as `MITRE ATT&CK:` with a list below"
        raise Unusable(message)
    return {str(name): sorted(texts(found, name)) for name in sorted(found, key=str)}


def only_known(document: dict[str, Any]) -> None:
    """Refuse keys that the metadata of iota's form does not have."""
    for key in document:
        if key not in IOTA_KEYS:
            message = f"unknown key `{key}`; use {', '.join(IOTA_KEYS)}, or add `AnalysisType: rule` for Panther's form"
            raise Unusable(message)


def entry(document: dict[str, Any], *, form: str, stem: str) -> dict[str, Any]:
    """Return the members of a pack entry that metadata decides."""
    is_panther = form == "panther"
    log_types = texts(document, "LogTypes") if is_panther else [CLOUDTRAIL]
    return {
        "id": rule_id(document, None if is_panther else stem),
        "form": form,
        "severity": severity(document, None if is_panther else "INFO"),
        "create_alert": flag(document, "CreateAlert"),
        "dedup_period_minutes": number(document, "DedupPeriodMinutes"),
        "threshold": number(document, "Threshold"),
        "metadata": {
            "display_name": text(document, "DisplayName"),
            "description": text(document, "Description"),
            "runbook": text(document, "Runbook"),
            "reference": text(document, "Reference"),
            "tags": sorted(texts(document, "Tags")),
            "reports": reports(document),
            "destinations": texts(document, "OutputIds"),
            "log_types": log_types,
        },
    }
