from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_resources import foreign_accounts

EVENTS = ("CreateResourceShare", "AssociateResourceShare", "UpdateResourceShare")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ram.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "UpdateResourceShare":
        return event.deep_get("requestParameters", "allowExternalPrincipals") is True
    # Where outsiders are not allowed an account can only be one of the organization.
    if event.deep_get("requestParameters", "allowExternalPrincipals") is False:
        return False
    return bool(receivers(event))


def receivers(event):
    # Organizations and their units belong to the account that runs the organization: they are no outsiders.
    names = [
        name
        for name in as_list(event.deep_get("requestParameters", "principals"))
        if ":organizations:" not in str(name)
    ]
    return foreign_accounts(event, names)


def share(event):
    name = event.deep_get("requestParameters", "name") or event.deep_get("requestParameters", "resourceShareArn")
    return (name or "unknown").rpartition("/")[2]


def title(event):
    whom = ", ".join(receivers(event)) or "outsiders"
    return f"{actor(event)} opened the resource share {share(event)} of account {account(event)} to {whom}"


def alert_context(event):
    return context(
        event,
        share=share(event),
        receivers=receivers(event),
        resources=as_list(event.deep_get("requestParameters", "resourceArns")),
    )
