from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "SetDefaultPolicyVersion"
        and event.get("eventSource") == "iam.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    policy = event.deep_get("requestParameters", "policyArn", default="unknown").rpartition("/")[2]
    version = event.deep_get("requestParameters", "versionId", default="unknown")
    return f"{actor(event)} set policy {policy} to version {version} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        policy=event.deep_get("requestParameters", "policyArn"),
        version=event.deep_get("requestParameters", "versionId"),
    )
