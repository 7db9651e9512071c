"""What CloudFormation would make of a template for one choice of parameters.

In: the transformed template and some parameters. Out: the resources that exist, with every `If`, `Ref` to a parameter,
`Sub`, `Join`, `Select`, `Split` and `FindInMap` carried out. A `Ref` or `GetAtt` of a resource stays as it is, so that
it can be asked for whether that resource exists. Separate because the questions (check_template.py) are many.
"""

import re
from collections.abc import Iterator
from typing import Any

Json = dict[str, Any]

NOTHING = object()
"""What `AWS::NoValue` leaves: not even a null."""


class Evaluated:
    """A stack, for one choice of parameters in one partition."""

    def __init__(self, template: Json, chosen: Json | None = None, region: str = "us-east-1") -> None:
        self._template = template
        partition = {"us-gov": "aws-us-gov", "cn-nor": "aws-cn"}.get(region[:6], "aws")
        self._values: Json = {
            "AWS::Region": region,
            "AWS::Partition": partition,
            "AWS::URLSuffix": "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com",
            "AWS::AccountId": "111122223333",
            "AWS::StackName": "iota",
            "AWS::StackId": f"arn:{partition}:cloudformation:{region}:111122223333:stack/iota/0a1b2c3d",
            "AWS::NoValue": NOTHING,
        }
        for name, parameter in template.get("Parameters", {}).items():
            value = (chosen or {}).get(name, parameter.get("Default"))
            if value is None:
                raise AssertionError(f"parameter `{name}` has no default and was not given")
            if parameter["Type"] == "CommaDelimitedList":
                value = str(value).split(",")
            self._values[name] = value
        unknown = set(chosen or {}) - template.get("Parameters", {}).keys()
        if unknown:
            raise AssertionError(f"no such parameters: {unknown}")
        self.resources: Json = {
            name: self.value(entry)
            for name, entry in template["Resources"].items()
            if "Condition" not in entry or self.holds(entry["Condition"])
        }
        self.outputs: Json = {
            name: self.value(entry)
            for name, entry in template.get("Outputs", {}).items()
            if "Condition" not in entry or self.holds(entry["Condition"])
        }

    def holds(self, condition: str) -> bool:
        """Whether a condition is true."""
        return bool(self.value(self._template["Conditions"][condition]))

    def broken_rules(self) -> list[str]:
        """What CloudFormation would say before it makes anything."""
        return [
            one["AssertDescription"]
            for rule in self._template.get("Rules", {}).values()
            if "RuleCondition" not in rule or self.value(rule["RuleCondition"])
            for one in rule["Assertions"]
            if not self.value(one["Assert"])
        ]

    def value(self, piece: Any) -> Any:
        """A piece of the template, carried out."""
        if isinstance(piece, list):
            return [value for value in (self.value(inner) for inner in piece) if value is not NOTHING]
        if not isinstance(piece, dict):
            return piece
        if len(piece) == 1:
            [(name, argument)] = piece.items()
            function = getattr(self, "_" + name.removeprefix("Fn::").lower(), None)
            if name in FUNCTIONS and function is not None:
                return function(argument)
        carried = {key: self.value(inner) for key, inner in piece.items()}
        return {key: value for key, value in carried.items() if value is not NOTHING}

    def _ref(self, name: str) -> Any:
        return self._values.get(name, {"Ref": name})

    def _condition(self, name: str) -> bool:
        return self.holds(name)

    def _if(self, argument: list[Any]) -> Any:
        condition, then, otherwise = argument
        return self.value(then if self.holds(condition) else otherwise)

    def _equals(self, argument: list[Any]) -> bool:
        one, other = self.value(argument)
        return str(one) == str(other)

    def _not(self, argument: list[Any]) -> bool:
        return not self.value(argument[0])

    def _and(self, argument: list[Any]) -> bool:
        return all(self.value(inner) for inner in argument)

    def _or(self, argument: list[Any]) -> bool:
        return any(self.value(inner) for inner in argument)

    def _join(self, argument: list[Any]) -> Any:
        between, parts = self.value(argument)
        return between.join(str(part) for part in parts)

    def _select(self, argument: list[Any]) -> Any:
        index, parts = self.value(argument)
        return parts[int(index)]

    def _split(self, argument: list[Any]) -> list[str]:
        between, text = self.value(argument)
        return str(text).split(between)

    def _findinmap(self, argument: list[Any]) -> Any:
        table, first, second = self.value(argument)
        return self._template["Mappings"][table][str(first)][second]

    def _sub(self, argument: Any) -> Any:
        text, own = (argument, {}) if isinstance(argument, str) else (argument[0], self.value(argument[1]))
        values = {**self._values, **own}
        rest: Json = {}

        def filled(found: re.Match[str]) -> str:
            name = found.group(1)
            value = values.get(name)
            if value is None or isinstance(value, dict):
                rest[name] = value if isinstance(value, dict) else {"Fn::GetAtt": [*name.split(".", 1), "Ref"][:2]}
                return found.group(0)
            return str(value)

        text = re.sub(r"\$\{([A-Za-z0-9:.]+)\}", filled, text)
        # What still has to wait for a resource: its text, and the references, to be asked for existence.
        return {"Fn::Sub": [text, rest]} if rest else text


FUNCTIONS = {"Ref", "Condition"} | {
    f"Fn::{name}" for name in ("If", "Equals", "Not", "And", "Or", "Join", "Select", "Split", "FindInMap", "Sub")
}


def references(value: Any) -> Iterator[str]:
    """All resources that an evaluated piece refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
            elif key == "DependsOn":
                yield from [inner] if isinstance(inner, str) else inner
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def rounds(needs: dict[str, set[str]]) -> list[str]:
    """Resources that need each other, however far around; empty if there is an order to make them in."""
    waiting = dict(needs)
    while waiting:
        ready = [name for name, needed in waiting.items() if not needed & waiting.keys()]
        if not ready:
            return sorted(waiting)
        for name in ready:
            del waiting[name]
    return []
