from iota_cloudtrail import account, actor, context
from iota_resources import by_template, from_console, in_unusual_hands, on_behalf

EVENTS = (
    "GetBucketAcl",
    "GetBucketPolicy",
    "GetBucketPolicyStatus",
    "GetBucketPublicAccessBlock",
    "GetBucketVersioning",
    "GetBucketObjectLockConfiguration",
    "GetBucketReplication",
    "GetBucketEncryption",
    "GetBucketLogging",
    "GetBucketLifecycle",
    "GetBucketLocation",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    # Refused calls count too, and those about what a bucket does not have.
    if not in_unusual_hands(event) or from_console(event) or on_behalf(event):
        return False
    return not by_template(event)


def title(event):
    return f"{actor(event)} read the settings of many buckets in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def alert_context(event):
    return context(event, bucket=unique(event), last=event.get("eventName"))
