from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "EnableOrganizationsRootSessions",
    "DisableOrganizationsRootSessions",
    "EnableOrganizationsRootCredentialsManagement",
    "DisableOrganizationsRootCredentialsManagement",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    return f"{actor(event)} changed central root access in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, features=event.deep_get("responseElements", "enabledFeatures"))
