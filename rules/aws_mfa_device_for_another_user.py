from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user


def rule(event):
    if event.get("eventName") != "EnableMFADevice" or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if event.deep_get("userIdentity", "type") == "Root":
        # Root registers its own device under a name that is nobody's. What else it does, RootActivity tells.
        return False
    return succeeded(event) and not by_aws_service(event) and is_for_another_user(event)


def title(event):
    user = event.deep_get("requestParameters", "userName", default="unknown")
    return f"{actor(event)} registered an MFA device for user {user} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userName"),
        device=event.deep_get("requestParameters", "serialNumber"),
    )
