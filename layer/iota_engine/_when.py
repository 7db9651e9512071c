"""When: what must hold of a record for an exception to hide a match of it, as conditions of the pack.

In: one mapping of fields to what they must be. Out: `{"condition", "source_ip"}`.
Separate from who may do so. The words are those of `docs/conditions.md`; whatever would raise there is false here, and
what is not known for certain hides nothing.
"""

from __future__ import annotations

from iota_engine._own_files import meant
from iota_engine._site import account_id, cidr
from iota_engine.conditions._constants import scalar
from iota_engine.conditions._patterns import portable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from iota_engine._own_files import Problems

    Condition = dict[str, Any]

# Names for what is found in more than one place.
_SHORT = ("account", "actor_arn", "source_ip")
# What CloudTrail's records have at the top.
_FIELDS = frozenset(
    """
    additionalEventData addendum apiVersion awsRegion edgeDeviceDetails errorCode errorMessage eventCategory
    eventContext eventID eventName eventSource eventTime eventType eventVersion insightDetails managementEvent readOnly
    recipientAccountId requestID requestParameters resources responseElements serviceEventDetails
    sessionCredentialFromConsole sharedEventID sourceIPAddress tlsDetails userAgent userIdentity vpcEndpointAccountId
    vpcEndpointId
    """.split()
)
# Fields that say what something was done to.
_THINGS = frozenset(("requestParameters", "resources", "responseElements", "serviceEventDetails"))
_TEXTS = ("contains", "ends_with", "starts_with")
_NUMBERS = ("greater", "greater_equal", "less", "less_equal")
_WORDS = ("equals", "exists", "in", "matches", "not", "truthy", *_TEXTS, *_NUMBERS)
# Say nothing of a value that would tell one thing from another.
_VAGUE = frozenset(("exists", "not", "truthy"))
_NEVER = {"op": "never"}


def written(said: dict[Any, Any], problems: Problems, where: str) -> dict[str, Any]:
    """Return one alternative as the pack has it; what is wrong is noted."""
    parts: list[Condition] = []
    networks: list[str] = []
    for key, value in said.items():
        with problems.at(f"{where}.{key}"):
            if key == "source_ip":
                networks = sorted({cidr(one) for one in _list(value)})
            elif key == "account":
                parts.append(_account([account_id(one) for one in _list(value)]))
            elif key == "actor_arn":
                # The session's own name, or the role behind it.
                places = (["userIdentity", "arn"], ["userIdentity", "sessionContext", "sessionIssuer", "arn"])
                parts.append({"op": "any", "of": [_field([{"deep": place}], value) for place in places]})
            else:
                parts.append(_path(key, value))
    return {"condition": parts[0] if len(parts) == 1 else {"op": "all", "of": parts}, "source_ip": networks}


def names_a_thing(said: dict[Any, Any]) -> bool:
    """Tell whether an alternative says what something is done to, and not only by whom, from where and what."""
    return any(
        str(key).replace("[]", "").partition(".")[0] in _THINGS
        and not (isinstance(value, dict) and _VAGUE.issuperset(value))
        for key, value in said.items()
    )


def _list(value: Any) -> list[Any]:
    values = value if isinstance(value, list) else [value]
    if not values:
        message = "is an empty list; give at least one"
        raise ValueError(message)
    return values


def _account(ids: list[str]) -> Condition:
    """Return that the account is one of `ids`: the one an alert names."""
    own = [{"deep": ["recipientAccountId"]}]
    actors = [{"deep": ["userIdentity", "accountId"]}]
    return {"op": "if", "of": [{"op": "is_null", "term": own}, _one_of(actors, ids), _one_of(own, ids)]}


def _path(key: object, value: Any) -> Condition:
    """Return the condition of a field: names with dots between them, `[]` behind a list of which one item counts."""
    text = key if isinstance(key, str) else ""
    names = text.split(".")
    top = names[0].removesuffix("[]")
    if top not in _FIELDS or not text.isascii() or not all(name.removesuffix("[]") for name in names):
        message = f"`{key}` is no field of CloudTrail's records; {meant(top, (*_FIELDS, *_SHORT))}"
        raise ValueError(message)
    return _steps(names, value, [])


def _steps(names: list[str], value: Any, start: list[Any]) -> Condition:
    for at, name in enumerate(names):
        if name.endswith("[]"):
            whole = [*start, {"deep": [*names[:at], name.removesuffix("[]")]}]
            rest = names[at + 1 :]
            item = _steps(rest, value, ["item"]) if rest else _field(["item"], value)
            return _sure({"op": "some", "in": whole, "where": item})
    return _field([*start, {"deep": names}], value)


def _field(term: list[Any], value: Any) -> Condition:
    """Return what must hold of a term: one value, one of a list, or words with what they ask for."""
    if isinstance(value, list):
        return _one_of(term, _list(value))
    if not isinstance(value, dict):
        return _predicate(term, "equals", value)
    if not value:
        message = f"says nothing; use one of {', '.join(f'`{word}`' for word in sorted(_WORDS))}"
        raise ValueError(message)
    parts = [_predicate(term, word, asked) for word, asked in value.items()]
    return parts[0] if len(parts) == 1 else {"op": "all", "of": parts}


def _one_of(term: list[Any], values: list[Any]) -> Condition:
    return _sure({"op": "in", "term": term, "set": [_constant(one) for one in values]})


def _predicate(term: list[Any], word: str, asked: Any) -> Condition:
    make = _MAKERS.get(word)
    if make is None:
        message = f"unknown word `{word}`; {meant(word, _WORDS)}"
        raise ValueError(message)
    return make(term, word, asked)


def _sure(condition: Condition) -> Condition:
    """Return a condition that is false where `condition` raises."""
    return {"op": "rescue", "of": [condition, _NEVER]}


def _equals(term: list[Any], _word: str, asked: Any) -> Condition:
    return _sure({"op": "equals", "term": term, "to": _constant(asked)})


def _in(term: list[Any], _word: str, asked: Any) -> Condition:
    return _one_of(term, _list(asked))


def _not(term: list[Any], _word: str, asked: Any) -> Condition:
    if isinstance(asked, dict) and "not" in asked:
        message = "`not` of `not` says nothing; leave both out"
        raise ValueError(message)
    return {"op": "not", "of": _field(term, asked)}


def _truth(term: list[Any], word: str, asked: Any) -> Condition:
    if asked not in (True, False) or type(asked) is not bool:
        message = f"`{word}: {asked}` is neither true nor false"
        raise ValueError(message)
    null: Condition = {"op": "is_null", "term": term}
    found = {"op": "not", "of": null} if word == "exists" else {"op": "truthy", "term": term}
    return found if asked else {"op": "not", "of": found}


def _texts(term: list[Any], word: str, asked: Any) -> Condition:
    texts = [_text(one) for one in _list(asked)]
    if word != "contains":
        return _sure({"op": word, "term": term, "any_of": texts})
    parts = [_sure({"op": "contains", "term": term, "const": text}) for text in texts]
    return parts[0] if len(parts) == 1 else {"op": "any", "of": parts}


def _matches(term: list[Any], _word: str, asked: Any) -> Condition:
    pattern = portable(_text(asked), 0, "search")
    if pattern is None:
        message = f"`{asked}` is no pattern that can be told for certain; see docs/conditions.md, or use `starts_with`"
        raise ValueError(message)
    return _sure({"op": "matches", "term": term, "pattern": pattern})


def _number(term: list[Any], word: str, asked: Any) -> Condition:
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not scalar(asked):
        message = f"`{word}: {asked}` is no number that can be compared for certain"
        raise ValueError(message)
    return _sure({"op": word, "term": term, "to": asked})


def _constant(value: Any) -> Any:
    if value is None or not isinstance(value, str | bool | int | float) or not scalar(value):
        message = f"`{value}` is no text of ASCII or plain number; for what is not there write `exists: false`"
        raise ValueError(message)
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or not value.isascii():
        message = f"`{value}` is no text of ASCII; quote it"
        raise ValueError(message)
    return value


_MAKERS: dict[str, Callable[[list[Any], str, Any], Condition]] = {
    "equals": _equals,
    "in": _in,
    "not": _not,
    "exists": _truth,
    "truthy": _truth,
    "matches": _matches,
    **dict.fromkeys(_TEXTS, _texts),
    **dict.fromkeys(_NUMBERS, _number),
}
