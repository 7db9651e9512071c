from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import allows_everything


def rule(event):
    return (
        event.get("eventName") == "GetFederationToken"
        and event.get("eventSource") == "sts.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def severity(event):
    # The token can do what both the user and this policy allow.
    return "HIGH" if allows_everything(event.deep_get("requestParameters", "policy")) else "MEDIUM"


def title(event):
    name = event.deep_get("requestParameters", "name", default="unknown")
    return f"{actor(event)} took a federation token named {name} in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def alert_context(event):
    return context(
        event,
        policy=event.deep_get("requestParameters", "policy"),
        seconds=event.deep_get("requestParameters", "durationSeconds"),
        new_key=event.deep_get("responseElements", "credentials", "accessKeyId"),
    )
