"""Exceptions: which matches `exceptions.yml` hides, checked and written in the language of conditions.

In: the rules folders and what discovery found. Out: the pack's list of exceptions.
Separate from `_when`, which turns one `when` into a condition: here is who may hide what, and until when.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta

from iota_engine._own_files import EXCEPTIONS, NotRight, Problems, meant, own_file
from iota_engine._site import text_of, whole
from iota_engine._when import names_a_thing, written

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from iota_engine._found import Found

_KEYS = ("expires", "id", "max_per_day", "owner", "reason", "rules", "tags", "when")
_ID = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}\Z")
# An exception is looked at again at least so often.
_MOST_DAYS = 180
_PER_DAY = 100
# Rules that see detection being taken apart.
PROTECTED = "protects-detection"


def read_exceptions(folders: list[Path], found: Found) -> tuple[Path | None, list[dict[str, Any]]]:
    """Return the one `exceptions.yml` of the folders and its exceptions; raises `NotRight` with all that is wrong."""
    file, document = own_file(EXCEPTIONS, folders, found.tree)
    if file is None:
        return None, []
    problems = Problems(found.tree.name(file))
    if not isinstance(document, list):
        raise NotRight(problems.text("is not a list; write each exception as `- id: NAME` and so on"))
    reader = _Reader(found, problems)
    exceptions = [reader.one(said, f"exception {number}") for number, said in enumerate(document, start=1)]
    problems.raise_any()
    return file, exceptions


def expired(exceptions: list[dict[str, Any]]) -> list[str]:
    """Return the ids of those that apply no more."""
    today = _today().isoformat()
    return [each["id"] for each in exceptions if each["expires"] <= today]


class _Reader:
    """Reads one exception after the other."""

    def __init__(self, found: Found, problems: Problems) -> None:
        self._problems = problems
        self._by_id = {str(each.entry["id"]): set(each.entry["metadata"]["tags"]) for each in found.rules}
        self._elsewhere = {str(told["id"]) for told in (*found.failed, *found.listed) if told["id"]}
        self._seen: set[str] = set()

    def one(self, said: object, where: str) -> dict[str, Any]:
        problems = self._problems
        told = problems.mapping(said, where)
        if isinstance(told.get("id"), str):
            where = told["id"]
        problems.only(told, _KEYS, where)
        for key in ("id", "owner", "reason", "expires", "when"):
            if told.get(key) in (None, "", [], {}):
                problems.tell(f"has no `{key}`; {_WANTED[key]}", where)
        with problems.at(f"{where}.id"):
            self._id(told.get("id"))
        rules = self._rules(told, where)
        result: dict[str, Any] = {"id": where, "rules": rules, "max_per_day": _PER_DAY}
        for key in ("owner", "reason"):
            with problems.at(f"{where}.{key}"):
                result[key] = text_of(told[key]) if told.get(key) is not None else ""
        with problems.at(f"{where}.expires"):
            result["expires"] = _expires(told.get("expires"))
        if "max_per_day" in told:
            with problems.at(f"{where}.max_per_day"):
                result["max_per_day"] = whole(told["max_per_day"], 1)
        result["when"] = self._when(told.get("when"), rules, where)
        return result

    def _id(self, found: object) -> None:
        if found is None:
            return
        if not isinstance(found, str) or not _ID.match(found):
            message = f"`{found}` is no id; use small letters, digits and `.`, `_`, `-`, at most 64"
            raise ValueError(message)
        if found in self._seen:
            message = f"`{found}` is there twice; each exception is counted under its own id"
            raise ValueError(message)
        self._seen.add(found)

    def _rules(self, told: dict[str, Any], where: str) -> list[str]:
        problems = self._problems
        named, tags = (problems.items(told.get(key), f"{where}.{key}") for key in ("rules", "tags"))
        if not named and not tags:
            problems.tell("names no rule; give `rules` or `tags`", where)
        known_tags = {tag for tags_of in self._by_id.values() for tag in tags_of}
        for what, names, known in (
            ("rule", named, self._by_id.keys() | self._elsewhere),
            ("tag", tags, known_tags),
        ):
            for name in names:
                if not isinstance(name, str) or name not in known:
                    problems.tell(f"there is no {what} `{name}`; {meant(name, known)}", f"{where}.{what}s")
        return sorted(name for name, has in self._by_id.items() if name in named or not has.isdisjoint(map(str, tags)))

    def _when(self, said: object, rules: list[str], where: str) -> list[dict[str, Any]]:
        problems = self._problems
        protected = [name for name in rules if PROTECTED in self._by_id[name]]
        alternatives = []
        for one in said if isinstance(said, list) else [said] if said is not None else []:
            if not isinstance(one, dict) or not one:
                problems.tell(
                    "is not a mapping; write `actor_arn: ARN` and the like, or a list of such", f"{where}.when"
                )
                continue
            alternatives.append(written(one, problems, f"{where}.when"))
            if protected and not names_a_thing(one):
                problems.tell(
                    f"would silence `{protected[0]}`, which protects detection, by who and where alone: say what it "
                    "may be done to, such as `requestParameters.name: TRAIL`",
                    f"{where}.when",
                )
        return alternatives


_WANTED = {
    "id": "it is counted under it",
    "owner": "say who answers for it",
    "reason": "say why this is no finding",
    "expires": f"give a date, at most {_MOST_DAYS} days ahead",
    "when": "say which matches it hides; a rule that nobody wants is switched off in `site.yml`",
}


def _expires(found: object) -> str:
    if found is None:
        return ""
    try:
        day = date.fromisoformat(found) if isinstance(found, str) else None
    except ValueError:
        day = None
    if day is None or day.isoformat() != found:
        message = f"`{found}` is no date; write it as `2026-12-31`"
        raise ValueError(message)
    last = _today() + timedelta(days=_MOST_DAYS)
    if day > last:
        message = (
            f"`{found}` is more than {_MOST_DAYS} days ahead; give {last.isoformat()} or earlier, and look again then"
        )
        raise ValueError(message)
    return day.isoformat()


def _today() -> date:
    return datetime.now(UTC).date()
