from iota_cloudtrail import account, actor, by_aws_service, context
from iota_resources import first_look, from_console, on_behalf

REFUSALS = (
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "UnauthorizedOperation",
    "AuthorizationError",
    "UnauthorizedException",
)
# ARNs of the roles of tools that take inventory or judge the account's posture.
SCANNERS = ()


def rule(event):
    if not first_look(event) or event.get("errorCode") not in REFUSALS:
        return False
    if by_aws_service(event) or on_behalf(event) or from_console(event):
        return False
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn") not in SCANNERS


def title(event):
    return f"{actor(event)} was refused many inventory calls in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.get("eventName")


def alert_context(event):
    return context(event, last=event.get("eventName"))
