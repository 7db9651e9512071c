from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_site import is_known_account


def rule(event):
    if event.get("eventName") != "ModifyDocumentPermission" or event.get("eventSource") != "ssm.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(receivers(event))


def receivers(event):
    given = as_list(event.deep_get("requestParameters", "accountIdsToAdd"))
    return [name for name in given if name and name != account(event) and not is_known_account(name)]


def public(event):
    return any(str(name).lower() == "all" for name in receivers(event))


def severity(event):
    return "HIGH" if public(event) else "MEDIUM"


def title(event):
    name = event.deep_get("requestParameters", "name", default="unknown")
    whom = "everyone" if public(event) else ", ".join(receivers(event))
    return f"{actor(event)} shared the document {name} of account {account(event)} with {whom}"


def alert_context(event):
    return context(event, document=event.deep_get("requestParameters", "name"), receivers=receivers(event))
