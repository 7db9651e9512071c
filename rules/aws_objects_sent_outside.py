from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded
from iota_resources import on_behalf
from iota_site import is_known_account

EVENTS = ("CopyObject", "PutObject", "CompleteMultipartUpload", "UploadPartCopy")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    whose = owner(event)
    return whose not in (None, event.deep_get("userIdentity", "accountId")) and not is_known_account(whose)


def owner(event):
    """The account of the bucket that was written to, where the caller's is known; else nothing."""
    if event.deep_get("userIdentity", "accountId") is None:
        return None
    name = f":::{bucket(event)}"
    for resource in as_list(event.get("resources")):
        if resource.get("type") == "AWS::S3::Bucket" and resource.get("ARN", "").endswith(name):
            return resource.get("accountId")
    return None


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} wrote objects into bucket {bucket(event)} of account {owner(event)}"


def dedup(event):
    return f"{event.deep_get('userIdentity', 'arn', default='unknown')} {bucket(event)}"


def unique(event):
    return event.deep_get("requestParameters", "key") or event.get("eventID", "unknown")


def alert_context(event):
    return context(
        event,
        bucket=bucket(event),
        bucket_owner=owner(event),
        object=event.deep_get("requestParameters", "key"),
        copied_from=event.deep_get("requestParameters", "x-amz-copy-source"),
    )
