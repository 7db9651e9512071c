from iota_cloudtrail import actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "PutBucketVersioning" or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return event.deep_get("requestParameters", "VersioningConfiguration", "Status") == "Suspended" or mfa_switched_off(
        event
    )


def mfa_switched_off(event):
    # Whoever says anything about MFA Delete sends a code: S3 refuses the call otherwise.
    return (
        event.deep_get("requestParameters", "VersioningConfiguration", "MfaDelete") == "Disabled"
        and event.deep_get("userIdentity", "type") == "Root"
    )


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def severity(event):
    return "HIGH" if mfa_switched_off(event) else "MEDIUM"


def title(event):
    what = "MFA Delete" if mfa_switched_off(event) else "versioning"
    return f"{actor(event)} switched off {what} of bucket {bucket(event)}"


def alert_context(event):
    return context(event, bucket=bucket(event))
