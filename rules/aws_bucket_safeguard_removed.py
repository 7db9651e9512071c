from iota_cloudtrail import actor, by_aws_service, context, succeeded
from iota_resources import on_behalf, with_long_term_key

EVENTS = (
    "DeleteBucketReplication",
    "DeleteBucketEncryption",
    "DeleteBucketPolicy",
    "PutBucketLogging",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    if event.get("eventName") == "PutBucketLogging":
        # No target: no logs any more.
        return event.deep_get("requestParameters", "BucketLoggingStatus", "LoggingEnabled") is None
    return True


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def severity(event):
    return "MEDIUM" if with_long_term_key(event) else "LOW"


def title(event):
    return f"{actor(event)} removed a safeguard of bucket {bucket(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, bucket=bucket(event))
