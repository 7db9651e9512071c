from iota_cloudtrail import account, actor, by_aws_service, context

REFUSALS = (
    "AccessDenied",
    "AccessDeniedException",
    "Client.UnauthorizedOperation",
    "UnauthorizedOperation",
    "UnauthorizedException",
)


def rule(event):
    # `Threshold` in the .yml says how many different calls within DedupPeriodMinutes make an alert.
    if event.get("errorCode") not in REFUSALS or event.get("readOnly") is not False:
        return False
    # Writing of objects is refused a thousand times alike, and says little of its actor.
    if event.get("managementEvent") is False or event.get("sessionCredentialFromConsole") == "true":
        return False
    if event.deep_get("userIdentity", "type") == "AWSAccount" or event.deep_get("userIdentity", "invokedBy"):
        # A stranger has rights of its own at home; a service has tried for the actor.
        return False
    return not by_aws_service(event)


def call(event):
    return f"{event.get('eventSource')} {event.get('eventName')}"


def title(event):
    return f"{actor(event)} tries what it may change in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return call(event)


def alert_context(event):
    return context(event, call=call(event), error=event.get("errorMessage"))
