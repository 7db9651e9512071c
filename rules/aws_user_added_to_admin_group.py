from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_self

WORDS = ("admin", "poweruser", "root", "superuser")


def rule(event):
    if event.get("eventName") != "AddUserToGroup" or event.get("eventSource") != "iam.amazonaws.com":
        return False
    group = event.deep_get("requestParameters", "groupName", default="").lower()
    if not any(word in group for word in WORDS) or not succeeded(event) or by_aws_service(event):
        return False
    # Who joins one on its own is told by RightsGivenToOneself.
    return not is_self(event)


def title(event):
    user = event.deep_get("requestParameters", "userName", default="unknown")
    group = event.deep_get("requestParameters", "groupName", default="unknown")
    return f"{actor(event)} added user {user} to group {group} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userName"),
        group=event.deep_get("requestParameters", "groupName"),
    )
