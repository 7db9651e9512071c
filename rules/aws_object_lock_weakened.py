from iota_cloudtrail import actor, by_aws_service, context, succeeded

EVENTS = ("PutObjectLockConfiguration", "PutBucketObjectLockConfiguration", "PutObjectLegalHold")
DAYS = 7


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "PutObjectLegalHold":
        return event.deep_get("requestParameters", "LegalHold", "Status") == "OFF"
    return is_short(event.deep_get("requestParameters", "ObjectLockConfiguration", "Rule", "DefaultRetention"))


def is_short(retention):
    if not hasattr(retention, "get"):
        return True
    days = retention.get("Days")
    return days is not None and int(days) <= DAYS


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} weakened the object lock of bucket {bucket(event)} with {event.get('eventName')}"


def alert_context(event):
    return context(event, bucket=bucket(event), object=event.deep_get("requestParameters", "key"))
