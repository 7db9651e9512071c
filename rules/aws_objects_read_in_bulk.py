from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf

# How tools that fetch whole buckets name themselves, in small letters.
TOOLS = ("aws-cli/", "s3browser", "s3 browser", "cyberduck", "winscp", "rclone/", "s5cmd", "s3cmd", "s4cmd", "minio")


def rule(event):
    if event.get("eventName") != "GetObject" or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    agent = (event.get("userAgent") or "").lower()
    return any(tool in agent for tool in TOOLS)


def title(event):
    bucket = event.deep_get("requestParameters", "bucketName", default="unknown")
    return f"{actor(event)} downloaded bucket {bucket} of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    bucket = event.deep_get("requestParameters", "bucketName", default="")
    return f"{bucket}/{event.deep_get('requestParameters', 'key', default='')}"


def alert_context(event):
    return context(event, bucket=event.deep_get("requestParameters", "bucketName"))
