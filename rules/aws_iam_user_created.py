from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import by_pipeline


def rule(event):
    return (
        event.get("eventName") == "CreateUser"
        and event.get("eventSource") == "iam.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def severity(event):
    with_key = event.deep_get("userIdentity", "accessKeyId", default="").startswith("AKIA")
    return "MEDIUM" if with_key and not by_pipeline(event) else "LOW"


def title(event):
    user = event.deep_get("requestParameters", "userName", default="unknown")
    return f"{actor(event)} created user {user} in account {account(event)}"


def alert_context(event):
    return context(event, user=event.deep_get("requestParameters", "userName"))
