from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user


def rule(event):
    if event.get("eventName") != "UpdateAccessKey" or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "status") != "Active":
        return False
    return succeeded(event) and not by_aws_service(event) and is_for_another_user(event)


def title(event):
    owner = event.deep_get("requestParameters", "userName", default="unknown")
    return f"{actor(event)} switched an access key of user {owner} on again in account {account(event)}"


def alert_context(event):
    return context(
        event,
        owner=event.deep_get("requestParameters", "userName"),
        key=event.deep_get("requestParameters", "accessKeyId"),
    )
