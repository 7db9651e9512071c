"""What the checks of the deployed form share: where files are, and the template as CloudFormation will see it."""

import os
from pathlib import Path
from typing import Any

# Before boto3 is imported: nothing here may look for an account or a network.
os.environ.update(
    AWS_ACCESS_KEY_ID="none",
    AWS_SECRET_ACCESS_KEY="none",
    AWS_DEFAULT_REGION="us-east-1",
    AWS_EC2_METADATA_DISABLED="true",
)

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

Json = dict[str, Any]

ROOT = Path(__file__).resolve().parents[2]
TEMPLATE = ROOT / "template.yaml"


def source(path: Path = TEMPLATE) -> Json:
    """A template as written, its short forms (`!Ref`) spelt out."""
    parsed: Json = yaml_parse(path.read_text(encoding="utf-8"))
    return parsed


def translated(template: Json, region: str = "us-east-1") -> Json:
    """The template after SAM's transform, with artefacts as if they were uploaded."""
    for resource in template["Resources"].values():
        for local in ("CodeUri", "ContentUri"):
            if isinstance(resource.get("Properties", {}).get(local), str):
                resource["Properties"][local] = "s3://artefacts/key"
    session = boto3.Session(region_name=region)
    result: Json = Translator({}, Parser(), boto_session=session).translate(template, {})
    return result
