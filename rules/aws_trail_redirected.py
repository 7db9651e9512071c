from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "UpdateTrail" or event.get("eventSource") != "cloudtrail.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    # A request holds what is to change. What stays is left out.
    return bool(event.deep_get("requestParameters", "s3BucketName") or event.deep_get("requestParameters", "kmsKeyId"))


def title(event):
    trail = event.deep_get("requestParameters", "name", default="unknown").rpartition("/")[2]
    return f"{actor(event)} sent trail {trail} of account {account(event)} elsewhere"


def alert_context(event):
    return context(
        event,
        trail=event.deep_get("requestParameters", "name"),
        bucket=event.deep_get("requestParameters", "s3BucketName"),
        key=event.deep_get("requestParameters", "kmsKeyId"),
    )
