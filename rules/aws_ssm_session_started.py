from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import in_unusual_hands, requested

EVENTS = ("StartSession", "ResumeSession")


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "ssm.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def target(event):
    # ResumeSession names only the session.
    return requested(event, "target", "sessionId")


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} opened a session on {target(event)} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        target=target(event),
        document=event.deep_get("requestParameters", "documentName"),
        session=event.deep_get("responseElements", "sessionId"),
    )
