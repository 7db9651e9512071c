from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user

EVENTS = ("DeleteUser", "DeleteLoginProfile", "DeleteAccessKey", "UpdateAccessKey")


def rule(event):
    # `Threshold` in the .yml says how many users within DedupPeriodMinutes make an alert.
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or not is_for_another_user(event):
        return False
    if event.get("eventName") == "UpdateAccessKey":
        return event.deep_get("requestParameters", "status") == "Inactive"
    return True


def user(event):
    return event.deep_get("requestParameters", "userName", default="unknown")


def title(event):
    return f"{actor(event)} took access from many users of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    # Deleting one user takes many calls.
    return user(event)


def alert_context(event):
    return context(event, user=user(event), change=event.get("eventName"))
