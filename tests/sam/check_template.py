"""Checks `template.yaml` without AWS: SAM must be able to transform it, and what comes out must keep our promises.

    python tests/sam/check_template.py

`sam validate --lint` accepts templates whose transform fails, and knows nothing of what this stack must not be able to
do. So the transform is run here, in this process, and its result is asked: which rights, which log settings, which
filter, and whether CloudFormation can find an order in which to make it all.
"""

import os
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

# Before boto3 is imported: it must not look for an account or a network.
os.environ.update(AWS_ACCESS_KEY_ID="none", AWS_SECRET_ACCESS_KEY="none", AWS_EC2_METADATA_DISABLED="true")

import boto3
from samtranslator.parser.parser import Parser  # type: ignore[import-untyped]
from samtranslator.translator.translator import Translator  # type: ignore[import-untyped]
from samtranslator.yaml_helper import yaml_parse  # type: ignore[import-untyped]

Json = dict[str, Any]

TEMPLATE = Path(__file__).resolve().parents[2] / "template.yaml"
FILTER = '{ $.kind = "alert" || $.kind = "rule_error" || $.kind = "health" }'
BUCKET = "arn:${AWS::Partition}:s3:::${LogBucketPrefix}-${AWS::AccountId}-${AWS::Region}"


class Stack:
    """The template as written, and as CloudFormation will see it."""

    def __init__(self) -> None:
        self.source: Json = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
        uploaded = yaml_parse(TEMPLATE.read_text(encoding="utf-8"))
        for resource in uploaded["Resources"].values():
            for local in ("CodeUri", "ContentUri"):
                if local in resource.get("Properties", {}):
                    resource["Properties"][local] = "s3://artefacts/key"
        session = boto3.Session(region_name="us-east-1")
        self.translated: Json = Translator({}, Parser(), boto_session=session).translate(uploaded, {})

    def only(self, kind: str) -> Json:
        """The properties of the one resource of a kind."""
        [found] = [entry for entry in self.translated["Resources"].values() if entry["Type"] == kind]
        properties: Json = found["Properties"]
        return properties

    def statements(self) -> list[Json]:
        """The rights of the function's role, those under a condition included."""
        [policy] = self.only("AWS::IAM::Role")["Policies"]
        entries = policy["PolicyDocument"]["Statement"]
        return [entry["Fn::If"][1] if "Fn::If" in entry else entry for entry in entries]


def the_function_is_the_wrapper(stack: Stack) -> None:
    """The Rust binary is started in place of a Python runtime that AWS patches."""
    function = stack.only("AWS::Lambda::Function")
    equal(function["Runtime"], "python3.13")
    equal(function["Architectures"], ["x86_64"])
    equal(function["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"], "/var/task/bootstrap")
    equal(len(function["Layers"]), 2)


def no_line_is_dropped(stack: Stack) -> None:
    """JSON logs into our own group, nothing filtered by level, kept for a while and beyond the stack's end."""
    logging = stack.only("AWS::Lambda::Function")["LoggingConfig"]
    equal(logging["LogFormat"], "JSON")
    equal(logging["ApplicationLogLevel"], "INFO")
    equal(logging["LogGroup"], {"Ref": "DetectLogs"})
    equal(stack.only("AWS::Logs::LogGroup")["RetentionInDays"], {"Ref": "AlertRetentionDays"})
    equal(stack.translated["Resources"]["DetectLogs"]["DeletionPolicy"], "Retain")


def the_siem_gets_what_people_must_see(stack: Stack) -> None:
    """The subscription carries alerts, rule errors and health lines, and exists only with a destination."""
    equal(stack.only("AWS::Logs::SubscriptionFilter")["FilterPattern"], FILTER)
    equal(stack.translated["Resources"]["ToSiem"]["Condition"], "HasSiem")


def the_role_can_do_little(stack: Stack) -> None:
    """Exactly the rights the function needs, each on the resource it needs it for, and no managed policy."""
    role = stack.only("AWS::IAM::Role")
    equal(role.get("ManagedPolicyArns"), None)
    rights = {entry["Sid"]: entry for entry in stack.statements()}
    allowed = {sid: entry["Action"] for sid, entry in rights.items()}
    equal(
        allowed,
        {
            "ReadLogFiles": ["s3:GetObject", "s3:GetObjectVersion"],
            "WriteLines": ["logs:CreateLogStream", "logs:PutLogEvents"],
            "KeepFailures": "sqs:SendMessage",
            "DecryptLogFiles": "kms:Decrypt",
        },
    )
    equal(rights["ReadLogFiles"]["Resource"], {"Fn::Sub": BUCKET + "/AWSLogs/*"})
    equal(rights["WriteLines"]["Resource"], {"Fn::GetAtt": ["DetectLogs", "Arn"]})
    equal(rights["KeepFailures"]["Resource"], {"Fn::GetAtt": ["Failures", "Arn"]})
    equal(rights["DecryptLogFiles"]["Resource"], {"Ref": "TrailKmsKeyArn"})
    equal(list(rights["DecryptLogFiles"]["Condition"]["StringEquals"]), ["kms:ViaService"])


def log_files_reach_the_function(stack: Stack) -> None:
    """The bucket notifies the function of what trails write, and may do so."""
    bucket = stack.only("AWS::S3::Bucket")
    [notification] = bucket["NotificationConfiguration"]["LambdaConfigurations"]
    equal(notification["Event"], "s3:ObjectCreated:*")
    rules = {rule["Name"]: rule["Value"] for rule in notification["Filter"]["S3Key"]["Rules"]}
    equal(rules, {"prefix": "AWSLogs/", "suffix": ".json.gz"})
    permission = stack.only("AWS::Lambda::Permission")
    equal(permission["Principal"], "s3.amazonaws.com")
    equal(permission["SourceAccount"], {"Ref": "AWS::AccountId"})


def the_bucket_is_closed(stack: Stack) -> None:
    """Log files are private, kept when the stack goes, and written by the expected account's trails alone."""
    bucket = stack.only("AWS::S3::Bucket")
    equal(set(bucket["PublicAccessBlockConfiguration"].values()), {True})
    equal(stack.translated["Resources"]["LogBucket"]["DeletionPolicy"], "Retain")
    for entry in stack.only("AWS::S3::BucketPolicy")["PolicyDocument"]["Statement"]:
        if entry["Effect"] == "Allow":
            equal(entry["Principal"], {"Service": "cloudtrail.amazonaws.com"})
            equal("aws:SourceArn" in entry["Condition"]["ArnLike"], True)


def failures_are_kept_and_told(stack: Stack) -> None:
    """What fails after all retries lies in a queue with an alarm, and so does the failure of that queue."""
    config = stack.only("AWS::Lambda::EventInvokeConfig")
    equal(config["MaximumRetryAttempts"], 2)
    equal(config["DestinationConfig"]["OnFailure"]["Destination"], {"Fn::GetAtt": ["Failures", "Arn"]})
    alarms = [entry for entry in stack.translated["Resources"].values() if entry["Type"] == "AWS::CloudWatch::Alarm"]
    metrics = sorted(alarm["Properties"]["MetricName"] for alarm in alarms)
    equal(metrics, ["ApproximateNumberOfMessagesVisible", "DestinationDeliveryFailures"])


def parameters_explain_themselves(stack: Stack) -> None:
    """Whoever deploys reads the descriptions and nothing else."""
    unexplained = [name for name, entry in stack.source["Parameters"].items() if not entry.get("Description")]
    equal(unexplained, [])
    groups = stack.source["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    equal(sorted(name for group in groups for name in group["Parameters"]), sorted(stack.source["Parameters"]))


def builds_copy_little(stack: Stack) -> None:
    """SAM copies the code folder before it builds: the project's folder would bring gigabytes of `target` along."""
    function = stack.source["Resources"]["Detect"]
    equal(function["Properties"]["CodeUri"], "src")
    equal(function["Metadata"], {"BuildMethod": "makefile", "ContextPath": "."})


def there_is_an_order(stack: Stack) -> None:
    """No resource needs itself, however far around: bucket, function and role love to close that circle."""
    resources = stack.translated["Resources"]
    needs = {name: set(references(entry)) & resources.keys() for name, entry in resources.items()}
    while needs:
        ready = [name for name, needed in needs.items() if not needed & needs.keys()]
        if not ready:
            raise AssertionError(f"these resources need each other: {', '.join(f'`{name}`' for name in sorted(needs))}")
        for name in ready:
            del needs[name]


def references(value: object) -> Iterator[str]:
    """All names that a piece of a template refers to."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "Ref":
                yield inner
            elif key == "Fn::GetAtt":
                yield inner[0] if isinstance(inner, list) else inner.split(".")[0]
            elif key == "DependsOn":
                yield from [inner] if isinstance(inner, str) else inner
            elif key == "Fn::Sub":
                text = inner if isinstance(inner, str) else inner[0]
                yield from re.findall(r"\$\{([A-Za-z0-9]+)[.}]", text)
                yield from references(inner)
            else:
                yield from references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from references(inner)


def equal(found: object, expected: object) -> None:
    """Fail with both values."""
    if found != expected:
        raise AssertionError(f"found `{found}`, expected `{expected}`")


CHECKS: tuple[Callable[[Stack], None], ...] = (
    the_function_is_the_wrapper,
    no_line_is_dropped,
    the_siem_gets_what_people_must_see,
    the_role_can_do_little,
    log_files_reach_the_function,
    the_bucket_is_closed,
    failures_are_kept_and_told,
    parameters_explain_themselves,
    builds_copy_little,
    there_is_an_order,
)


def main() -> int:
    """Run every check; the number that failed decides the exit code."""
    stack = Stack()
    failed = 0
    for check in CHECKS:
        try:
            check(stack)
        except (AssertionError, KeyError, ValueError) as error:
            failed += 1
            print(f"template.yaml: {check.__name__.replace('_', ' ')}: {error!s}", file=sys.stderr)
    print(f"template.yaml: {len(CHECKS) - failed} of {len(CHECKS)} checks hold")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
