from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

REMOVED = ("DeleteBucketPublicAccessBlock", "DeleteAccountPublicAccessBlock", "DeletePublicAccessBlock")
CHANGED = ("PutBucketPublicAccessBlock", "PutAccountPublicAccessBlock", "PutPublicAccessBlock")
SWITCHES = ("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets")


def rule(event):
    if event.get("eventSource") != "s3.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") in REMOVED:
        return True
    if event.get("eventName") in CHANGED:
        # S3 takes an absent switch for one that is off.
        return not all(is_on(event, switch) for switch in SWITCHES)
    return False


def is_on(event, switch):
    value = event.deep_get("requestParameters", "PublicAccessBlockConfiguration", switch)
    return value is True or value == "true"


def bucket(event):
    return event.deep_get("requestParameters", "bucketName")


def severity(event):
    # Without a bucket it is the whole account that lost its protection.
    return "MEDIUM" if bucket(event) else "HIGH"


def title(event):
    what = f"bucket {bucket(event)}" if bucket(event) else f"the whole account {account(event)}"
    return f"{actor(event)} weakened the public access block of {what}"


def alert_context(event):
    return context(event, bucket=bucket(event))
