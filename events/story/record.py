"""One CloudTrail record with all members a real one has, in the order CloudTrail writes them (event version 1.11)."""

from datetime import UTC, datetime
from typing import Any

from .dice import Dice
from .people import ACCOUNT

Json = dict[str, Any]

_READING = ("Describe", "List", "Get", "Lookup", "Head", "AssumeRole", "Decrypt", "GenerateDataKey", "BatchGet")
# The few services whose endpoint is not `<service>.<region>.amazonaws.com`.
_HOSTS = {"iam": "iam.amazonaws.com", "signin": "{region}.signin.aws.amazon.com"}


def at(clock: str) -> datetime:
    """A moment of the story's day, from `HH:MM:SS`."""
    hours, minutes, seconds = (int(part) for part in clock.split(":"))
    return datetime(2026, 3, 14, hours, minutes, seconds, tzinfo=UTC)


def stamp(when: datetime) -> str:
    """A moment as CloudTrail writes it."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


def wordy(when: datetime) -> str:
    """A moment as IAM and STS write it inside `responseElements`: `Mar 14, 2026, 9:16:40 AM`."""
    return when.strftime("%b %d, %Y, ") + when.strftime("%I:%M:%S %p").lstrip("0")


def record(
    dice: Dice,
    when: datetime,
    region: str,
    who: Json,
    call: str,
    *,
    ip: str,
    agent: str,
    params: Json | None = None,
    response: Json | None = None,
    extra: Json | None = None,
    error: tuple[str | None, str] | None = None,
    resources: list[Json] | None = None,
    data_event: bool = False,
    from_console: bool = False,
    event_type: str = "AwsApiCall",
    api_version: str | None = None,
    vpc_endpoint: str | None = None,
) -> Json:
    """The record of `call`, as in `ec2:DescribeInstances`. What real records leave out is absent, never null."""
    service, name = call.split(":")
    out: Json = {
        "eventVersion": "1.11",
        "userIdentity": who,
        "eventTime": stamp(when),
        "eventSource": f"{service}.amazonaws.com",
        "eventName": name,
        "awsRegion": region,
        "sourceIPAddress": ip,
        "userAgent": f"[{agent}]" if service == "s3" and not _inside_aws(ip) else agent,
    }
    if error:
        # A failed sign-in has a message and no code.
        code, message = error
        out |= {"errorCode": code, "errorMessage": message} if code else {"errorMessage": message}
    out["requestParameters"] = params
    out["responseElements"] = response
    if service == "s3":
        extra = _s3_details(dice, data_event) | (extra or {})
    if extra:
        out["additionalEventData"] = extra
    if service != "signin":
        out["requestID"] = dice.alphanumeric(16).upper() if service == "s3" else dice.uuid()
    out["eventID"] = dice.uuid()
    out["readOnly"] = name.startswith(_READING)
    if resources:
        out["resources"] = resources
    out["eventType"] = event_type
    if api_version:
        out["apiVersion"] = api_version
    out["managementEvent"] = not data_event
    out["recipientAccountId"] = ACCOUNT
    if who.get("type") == "AWSService":
        # The service's own account has a copy of the same action; this id joins the two.
        out["sharedEventID"] = dice.uuid()
    if vpc_endpoint:
        out["vpcEndpointId"] = vpc_endpoint
        out["vpcEndpointAccountId"] = ACCOUNT
    out["eventCategory"] = "Data" if data_event else "Management"
    if not _inside_aws(ip):
        out["tlsDetails"] = {
            "tlsVersion": "TLSv1.3",
            "cipherSuite": "TLS_AES_128_GCM_SHA256",
            "clientProvidedHostHeader": _HOSTS.get(service, f"{service}.{{region}}.amazonaws.com").format(
                region=region
            ),
        }
    if from_console:
        out["sessionCredentialFromConsole"] = "true"
    return out


def bucket_resources(bucket: str, key: str | None = None) -> list[Json]:
    """`resources` of an S3 record: the bucket, and for a data event the object before it."""
    out: list[Json] = [{"accountId": ACCOUNT, "type": "AWS::S3::Bucket", "ARN": f"arn:aws:s3:::{bucket}"}]
    if key is not None:
        out.insert(0, {"type": "AWS::S3::Object", "ARN": f"arn:aws:s3:::{bucket}/{key}"})
    return out


def _inside_aws(ip: str) -> bool:
    """Whether the call came from a service rather than from an address."""
    return ip == "AWS Internal" or ip.endswith(".amazonaws.com")


def _s3_details(dice: Dice, data_event: bool) -> Json:
    size = dice.number(200, 90_000)
    return {
        "SignatureVersion": "SigV4",
        "CipherSuite": "TLS_AES_128_GCM_SHA256",
        # Data events carry these as floats, management events as integers.
        "bytesTransferredIn": 0.0 if data_event else 0,
        "AuthenticationMethod": "AuthHeader",
        "x-amz-id-2": dice.base64(75) + "=",
        "bytesTransferredOut": float(size) if data_event else size,
    }
