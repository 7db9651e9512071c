"""The site: what `site.yml` says of the organisation, checked to the last key.

In: the rules folders. Out: accounts, networks, roles and regions, and what is to be changed of which rules.
Separate from the rules: these are the values of whoever runs them, so that new rules never conflict with them.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass, field

from iota_engine._metadata import SEVERITIES
from iota_engine._own_files import SITE, NotRight, Problems, own_file

TYPE_CHECKING = False
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

    from iota_engine._tree import Tree

_KEYS = ("accounts", "allowed_regions", "break_glass", "ci_roles", "rules", "tags", "trusted_cidrs")
_ACCOUNT_KEYS = ("environment", "name", "owner")
_RULE_KEYS = ("dedup_period_minutes", "enabled", "severity", "threshold")
# Values that rules may ask for.
VALUES = ("accounts", "allowed_regions", "break_glass", "ci_roles", "trusted_cidrs")

_ACCOUNT = re.compile(r"[0-9]{12}\Z")
_ROLE = re.compile(r"(arn:aws[a-z-]*:iam::)([0-9]{12}|\*)(:(role|user)/[\w+=,.@/-]+)\Z", re.ASCII)
_REGION = re.compile(r"[a-z]{2,}(-[a-z]+)+-[0-9]+\Z")
_MAX_TEXT = 200
_MAX_NUMBER = 1_000_000


@dataclass
class Site:
    """What one organisation says of itself. Empty where nothing is said."""

    file: Path | None = None
    accounts: dict[str, dict[str, str | None]] = field(default_factory=dict)
    trusted_cidrs: tuple[str, ...] = ()
    ci_roles: tuple[str, ...] = ()
    break_glass: tuple[str, ...] = ()
    allowed_regions: tuple[str, ...] = ()
    # By rule id, and by tag: what of a rule is to be changed.
    rules: dict[str, dict[str, Any]] = field(default_factory=dict)
    tags: dict[str, dict[str, Any]] = field(default_factory=dict)


def read_site(folders: list[Path], tree: Tree) -> Site:
    """Return what the one `site.yml` of the folders says; raises `NotRight` with everything that is wrong in it."""
    file, document = own_file(SITE, folders, tree)
    if file is None:
        return Site()
    problems = Problems(tree.name(file))
    if not isinstance(document, dict):
        raise NotRight(problems.text("is not a mapping; write `accounts:` and the like"))
    problems.only(document, _KEYS, "")
    site = Site(file)
    site.accounts = _accounts(document.get("accounts"), problems)
    site.trusted_cidrs = _each(document, "trusted_cidrs", problems, cidr)
    site.allowed_regions = _each(document, "allowed_regions", problems, _region)
    site.ci_roles = _roles(document, "ci_roles", site, problems, ("role",))
    site.break_glass = _roles(document, "break_glass", site, problems, ("role", "user"))
    site.rules = _changes(document, "rules", problems)
    site.tags = _changes(document, "tags", problems)
    problems.raise_any()
    return site


def account_id(found: object) -> str:
    """Return an account id; raises `ValueError` for what is none, and for one that YAML has made shorter."""
    if type(found) is int and 0 <= found < 10**11:
        whole = str(found).zfill(12)
        message = f'`{found}` is a number that has lost its leading zeros, if it had any; quote it: "{whole}"'
        raise ValueError(message)
    text = str(found)
    if type(found) not in (int, str) or not _ACCOUNT.match(text):
        message = f"`{found}` is no account id; write 12 digits in quotes"
        raise ValueError(message)
    return text


def cidr(found: object) -> str:
    """Return a network as Python writes it; raises `ValueError`."""
    try:
        network = ipaddress.ip_network(found if isinstance(found, str) else "")
    except ValueError as error:
        reason = str(error) if isinstance(found, str) else "it is no text"
        message = f"`{found}` is no address or network: {reason}; write one like `198.51.100.0/24`"
        raise ValueError(message) from error
    if network.prefixlen == 0:
        message = f"`{found}` is every address there is; name your own networks"
        raise ValueError(message)
    return str(network)


def text_of(found: object) -> str:
    """Return a short text of one line; raises `ValueError`."""
    if not isinstance(found, str) or not found.strip() or len(found) > _MAX_TEXT or not found.isprintable():
        message = f"`{found}` is no text of at most {_MAX_TEXT} characters in one line"
        raise ValueError(message)
    return found


def whole(found: object, least: int) -> int:
    """Return a whole number; raises `ValueError`."""
    if type(found) is not int or not least <= found <= _MAX_NUMBER:
        message = f"`{found}` is no whole number from {least} to {_MAX_NUMBER}"
        raise ValueError(message)
    return found


def _accounts(found: object, problems: Problems) -> dict[str, dict[str, str | None]]:
    accounts: dict[str, dict[str, str | None]] = {}
    for key, said in problems.mapping(found, "accounts").items():
        with problems.at("accounts"):
            name = account_id(key)
            told = problems.mapping(said, f"accounts.{name}")
            problems.only(told, _ACCOUNT_KEYS, f"accounts.{name}")
            accounts[name] = dict.fromkeys(_ACCOUNT_KEYS)
            for key_of, value in told.items():
                if value is not None and key_of in _ACCOUNT_KEYS:
                    with problems.at(f"accounts.{name}.{key_of}"):
                        accounts[name][key_of] = text_of(value)
    return dict(sorted(accounts.items()))


def _each(document: dict[str, Any], key: str, problems: Problems, read: Any) -> tuple[str, ...]:
    values: set[str] = set()
    for one in problems.items(document.get(key), key):
        with problems.at(key):
            values.add(read(one))
    return tuple(sorted(values))


def _region(found: object) -> str:
    if not isinstance(found, str) or not _REGION.match(found):
        message = f"`{found}` is no region; write one like `eu-central-1`"
        raise ValueError(message)
    return found


def _roles(
    document: dict[str, Any], key: str, site: Site, problems: Problems, kinds: tuple[str, ...]
) -> tuple[str, ...]:
    arns: set[str] = set()
    for one in problems.items(document.get(key), key):
        with problems.at(key):
            match = _ROLE.match(one) if isinstance(one, str) else None
            if match is None or match[4] not in kinds:
                what = " or ".join(kinds)
                message = f"`{one}` is no ARN of a {what}; write `arn:aws:iam::ACCOUNT:{kinds[0]}/NAME` in full"
                raise ValueError(message)
            if match[2] != "*":
                arns.add(match[0])
                continue
            if not site.accounts:
                message = f"`{one}` means the role in each of your accounts; list them under `accounts`"
                raise ValueError(message)
            # Of a stranger's account the same name means nothing.
            arns.update(f"{match[1]}{account}{match[3]}" for account in site.accounts)
    return tuple(sorted(arns))


def _changes(document: dict[str, Any], key: str, problems: Problems) -> dict[str, dict[str, Any]]:
    changes: dict[str, dict[str, Any]] = {}
    for name, said in problems.mapping(document.get(key), key).items():
        where = f"{key}.{name}"
        change = problems.mapping(said, where)
        problems.only(change, _RULE_KEYS, where)
        changes[str(name)] = {}
        for word, value in change.items():
            with problems.at(f"{where}.{word}"):
                if word in _RULE_KEYS:
                    changes[str(name)][word] = _change(word, value)
    return changes


def _change(word: str, value: object) -> object:
    if word == "enabled":
        if not isinstance(value, bool):
            message = f"`{value}` is neither true nor false"
            raise ValueError(message)
        return value
    if word == "severity":
        severity = value.upper() if isinstance(value, str) else None
        if severity not in SEVERITIES:
            message = f"`{value}` is no severity; use one of Info, Low, Medium, High, Critical"
            raise ValueError(message)
        return severity
    return whole(value, 1 if word == "threshold" else 0)
