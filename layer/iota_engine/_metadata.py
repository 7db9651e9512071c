"""Metadata: the YAML of one rule, checked and brought to the pack's words.

In: a parsed YAML mapping. Out: the members of a pack entry that come from it, or a reason that says what to mend.
Separate from `_discover`, which knows files and folders; here are only keys and values.
"""

from __future__ import annotations

import re
from difflib import get_close_matches

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
# What Panther's schema knows besides; iota reads `AnalysisType`, `Filename`, `LogTypes` and `InlineFilters` of it.
PANTHER_KEYS = frozenset(
    {
        *IOTA_KEYS,
        "AlertContext",
        "AlertTitle",
        "AnalysisType",
        "BaseVersion",
        "Detection",
        "DynamicSeverities",
        "Filename",
        "GroupBy",
        "InlineFilters",
        "LogTypes",
        "OnlyUseBaseRiskScore",
        "ScheduledQueries",
        "Status",
        "SummaryAttributes",
        "Suppressions",
    }
)
DEFAULT_PERIOD = 60
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


def threshold(document: dict[str, Any]) -> int:
    """Return how many matches make an alert; Panther takes one for what is no whole number above zero."""
    found = document.get("Threshold")
    return found if type(found) is int and found > 0 else 1


def dedup_period(document: dict[str, Any], *, is_panther: bool) -> int:
    """Return how many minutes matches belong together; Panther takes an hour for what is no whole number above zero.

    A rule of iota's form that says nothing of either is not grouped (0): each of its matches is an alert.
    """
    found = document.get("DedupPeriodMinutes")
    if type(found) is int and found > 0:
        return found
    return DEFAULT_PERIOD if is_panther or threshold(document) > 1 else 0


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


def only_panthers(document: dict[str, Any]) -> None:
    """Refuse keys that Panther's schema does not have: a misspelt `Threshold` must not be ignored."""
    for key in document:
        if key not in PANTHER_KEYS:
            near = get_close_matches(str(key), PANTHER_KEYS, n=1)
            message = f"unknown key `{key}`; " + (
                f"did you mean `{near[0]}`?" if near else "Panther has none such: remove it"
            )
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
        "dedup_period_minutes": dedup_period(document, is_panther=is_panther),
        "threshold": threshold(document),
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
