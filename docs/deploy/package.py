"""Packs what `sam build` made, for deployments without the SAM CLI: zips, and a template without SAM's transform.

    python docs/deploy/package.py zip .aws-sam/build/RulesLayer rules.zip
    python docs/deploy/package.py stackset [--build .aws-sam/build] [--out .aws-sam/stackset]

Service-managed StackSets refuse templates with a transform, so the transform is carried out here. The zips' names hold
their content's hash: a new rule makes a new name, without which CloudFormation would see no change. Lambda takes code
only from a bucket of its own region, so the template's parameter is what all those buckets' names begin with.
"""

import argparse
import hashlib
import json
import os
import sys
import zipfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
# What is uploaded, and the property that says where it lies.
ARTEFACTS = {"Detect": "CodeUri", "EngineLayer": "ContentUri", "RulesLayer": "ContentUri"}

Json = dict[str, Any]


def pack(folder: Path, target: Path) -> str:
    """Zip a folder so that the same files give the same bytes; give back their hash."""
    if not any(folder.iterdir()):
        raise SystemExit(f"`{folder}` is empty; run `sam build`")
    target.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), date_time=(2026, 1, 1, 0, 0, 0))
            entry.compress_type = zipfile.ZIP_DEFLATED
            # Lambda runs as nobody in particular: readable by all, and runnable where it was.
            entry.external_attr = (0o100755 if os.access(path, os.X_OK) else 0o100644) << 16
            archive.writestr(entry, path.read_bytes())
    return hashlib.sha256(target.read_bytes()).hexdigest()


def stackset(build: Path, out: Path) -> list[str]:
    """Write the zips and the template; give back the keys of the zips."""
    keys: dict[str, str] = {}
    for name in ARTEFACTS:
        if not (build / name).is_dir():
            raise SystemExit(f"`{build / name}` is missing; run `sam build`")
        digest = pack(build / name, out / f"{name}.zip")
        keys[name] = f"iota/{digest[:16]}/{name}.zip"
        uploaded = out / keys[name]
        uploaded.parent.mkdir(parents=True, exist_ok=True)
        (out / f"{name}.zip").replace(uploaded)
    template = out / "template.json"
    template.write_text(json.dumps(transformed(keys), indent=1) + "\n", encoding="utf-8")
    return list(keys.values())


def transformed(keys: dict[str, str]) -> Json:
    """The template as CloudFormation itself understands it, its code where `CodeBucketPrefix` says."""
    # Before boto3 is imported: it must not look for an account.
    os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_EC2_METADATA_DISABLED="true")
    import boto3
    from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
    from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
    from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

    template: Json = yaml_parse((ROOT / "template.yaml").read_text(encoding="utf-8"))
    template["Parameters"]["CodeBucketPrefix"] = {
        "Type": "String",
        "Description": "What the names of the code buckets begin with; a hyphen and the region follow.",
    }
    groups = template["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    groups.insert(0, {"Label": {"default": "Where the code is"}, "Parameters": ["CodeBucketPrefix"]})
    bucket = {"Fn::Sub": "${CodeBucketPrefix}-${AWS::Region}"}
    for name, where in ARTEFACTS.items():
        template["Resources"][name]["Properties"][where] = {"Bucket": bucket, "Key": keys[name]}
    session = boto3.Session(region_name="us-east-1")
    result: Json = Translator({}, Parser(), boto_session=session).translate(template, {})
    # What only SAM reads, and a mark that would say the template still has to be transformed.
    for resource in result["Resources"].values():
        resource.pop("Metadata", None)
    result.pop("Transform", None)
    return result


def main(arguments: list[str]) -> int:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("zip")
    one.add_argument("folder", type=Path)
    one.add_argument("target", type=Path)
    whole = commands.add_parser("stackset")
    whole.add_argument("--build", type=Path, default=ROOT / ".aws-sam" / "build")
    whole.add_argument("--out", type=Path, default=ROOT / ".aws-sam" / "stackset")
    options = parser.parse_args(arguments)
    if options.command == "zip":
        print(f"{options.target}  sha256 {pack(options.folder, options.target)}")
        return 0
    for key in stackset(options.build, options.out):
        print(options.out / key)
    print(options.out / "template.json")
    print("Upload the folder iota/ to every region's code bucket; docs/deploy.md has the commands.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
