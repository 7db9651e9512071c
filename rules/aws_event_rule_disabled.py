from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import by_pipeline, sounds_like_security

EVENTS = ("DisableRule", "DeleteRule", "RemoveTargets")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "events.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and sounds_like_security(name(event))


def name(event):
    return event.deep_get("requestParameters", "name") or event.deep_get("requestParameters", "rule", default="unknown")


def severity(event):
    return "LOW" if by_pipeline(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} switched off event rule {name(event)} in account {account(event)}"


def alert_context(event):
    return context(event, rule=name(event), change=event.get("eventName"))
