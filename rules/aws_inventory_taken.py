from iota_cloudtrail import account, actor, context, succeeded
from iota_resources import first_look, from_console, in_unusual_hands, on_behalf


def rule(event):
    if not first_look(event) or not succeeded(event):
        return False
    return in_unusual_hands(event) and not from_console(event) and not on_behalf(event)


def title(event):
    return f"{actor(event)} looked through many services of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.get("eventSource")


def alert_context(event):
    return context(event, last=event.get("eventName"))
