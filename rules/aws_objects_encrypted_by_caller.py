from iota_cloudtrail import actor, by_aws_service, context, succeeded

EVENTS = ("PutObject", "CopyObject", "CreateMultipartUpload", "UploadPart")
ALGORITHM = "x-amz-server-side-encryption-customer-algorithm"
# Buckets of applications that bring their own keys.
BUCKETS = ()


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if event.deep_get("requestParameters", ALGORITHM) is None:
        return False
    return succeeded(event) and not by_aws_service(event) and bucket(event) not in BUCKETS


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def key(event):
    return event.deep_get("requestParameters", "key", default="unknown")


def over_itself(event):
    source = event.deep_get("requestParameters", "x-amz-copy-source", default="").removeprefix("/")
    return source.partition("?")[0] == f"{bucket(event)}/{key(event)}"


def severity(event):
    return "CRITICAL" if over_itself(event) else "HIGH"


def title(event):
    return f"{actor(event)} encrypted objects of bucket {bucket(event)} with a key of their own"


def dedup(event):
    return f"{event.deep_get('userIdentity', 'arn', default='unknown')} {bucket(event)}"


def unique(event):
    return key(event)


def alert_context(event):
    return context(event, bucket=bucket(event), object=key(event))
