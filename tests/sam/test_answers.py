"""The questions that the command puts to the AWS CLI, and the answers that its tests have recorded for them.

Nobody who tests here has an account: so both are held to AWS's own models of its services. A question's options must be
those of the operation, none that it requires may be missing, and an answer may have no member that AWS does not send.
"""

import json
import re
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from botocore import xform_name
from transform import ROOT

RECORDED = sorted((ROOT / "tests" / "doctor").glob("*.json"))
# What the AWS CLI adds to operations.
PAGING = {"max-items", "output"}
SERVICES = {"s3api": "s3"}


def asked() -> list[Any]:
    """Every recorded question with its answer."""
    found = []
    for path in RECORDED:
        for question, answer in json.loads(path.read_text(encoding="utf-8")).items():
            found.append(pytest.param(question, answer, id=f"{path.stem}-{question[:60]}"))
    return found


def strange(shape: Any, value: Any, place: str) -> list[str]:
    """Members of an answer that the service's model does not have."""
    if shape.type_name == "structure":
        unknown = [f"{place}.{name}" for name in value if name not in shape.members]
        known = [(name, inner) for name, inner in value.items() if name in shape.members and inner is not None]
        return unknown + [
            each for name, inner in known for each in strange(shape.members[name], inner, f"{place}.{name}")
        ]
    if shape.type_name == "list":
        return [each for inner in value for each in strange(shape.member, inner, f"{place}[]")]
    kinds = {"string": str, "boolean": bool, "integer": int, "long": int, "timestamp": (str, int), "map": dict}
    kind = kinds.get(shape.type_name, object)
    return [] if isinstance(value, kind) else [f"{place} is a {type(value).__name__}, not a {shape.type_name}"]


@pytest.mark.parametrize(("question", "answer"), asked())
def test_a_recorded_answer_is_one_that_aws_can_give(question: str, answer: Any) -> None:
    """The operation is there, it takes these options, and answers with such members."""
    service, command, *_ = question.split(" ")
    model = botocore.session.get_session().get_service_model(SERVICES.get(service, service))
    [operation] = [model.operation_model(name) for name in model.operation_names if xform_name(name, "-") == command]
    options = set(re.findall(r" --([a-z-]+)", question)) - PAGING
    members = {xform_name(name, "-"): name for name in operation.input_shape.members} if operation.input_shape else {}
    required = operation.input_shape.required_members if operation.input_shape else []

    assert set() == options - members.keys()
    # `--zip-file`, which the stand-in leaves out of a question, is the CLI's word for `Content`.
    assert [] == [name for name in required if xform_name(name, "-") not in options | {"content"}]
    # What answers nothing has no shape.
    assert [] == (strange(operation.output_shape, answer, command) if operation.output_shape else list(answer))


def test_there_are_answers_to_look_at() -> None:
    """A folder that moved would leave nothing to check."""
    assert len(asked()) > 25
    assert Path(ROOT / "tests" / "doctor" / "healthy.json") in RECORDED
