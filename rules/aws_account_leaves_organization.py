from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

LEAVING = ("LeaveOrganization",)
REMOVING = ("RemoveAccountFromOrganization", "CloseAccount", "DeleteOrganization")
SOURCES = ("organizations.amazonaws.com", "account.amazonaws.com")


def rule(event):
    name = event.get("eventName")
    if (name not in LEAVING and name not in REMOVING) or event.get("eventSource") not in SOURCES:
        return False
    if by_aws_service(event):
        return False
    # Nobody leaves by mistake: a refused try tells as much of who made it.
    return name in LEAVING or succeeded(event)


def severity(event):
    return "HIGH" if succeeded(event) else "MEDIUM"


def title(event):
    target = event.deep_get("requestParameters", "accountId") or account(event)
    verb = "took" if succeeded(event) else "tried to take"
    return f"{actor(event)} {verb} account {target} out of the organization: {event.get('eventName')}"


def alert_context(event):
    return context(event, target=event.deep_get("requestParameters", "accountId"), error=event.get("errorCode"))
