from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import by_template, on_behalf

ENDINGS = (
    "DeleteBucketReplication",
    "DeleteBucketEncryption",
    "DeleteBucketPolicy",
    "DeleteBucketPublicAccessBlock",
    "DeletePublicAccessBlock",
    "DeleteBucketLifecycle",
    "DeleteBucketInventoryConfiguration",
)
EVENTS = (*ENDINGS, "PutBucketVersioning", "PutBucketLogging")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event) or by_template(event):
        return False
    if event.get("eventName") == "PutBucketVersioning":
        return event.deep_get("requestParameters", "VersioningConfiguration", "Status") == "Suspended"
    if event.get("eventName") == "PutBucketLogging":
        return event.deep_get("requestParameters", "BucketLoggingStatus", "LoggingEnabled") is None
    return True


def title(event):
    return f"{actor(event)} removed several safeguards of buckets in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.get("eventName")


def alert_context(event):
    return context(event, bucket=event.deep_get("requestParameters", "bucketName"), last=event.get("eventName"))
