from iota_cloudtrail import account, context

CHANGES = ("PasswordUpdated", "EmailUpdated", "PasswordRecoveryCompleted")
REQUESTS = ("PasswordRecoveryRequested",)


def rule(event):
    name = event.get("eventName")
    if name not in CHANGES and name not in REQUESTS:
        return False
    return event.deep_get("userIdentity", "type") == "Root" and event.deep_get("responseElements", name) == "Success"


def severity(event):
    return "MEDIUM" if event.get("eventName") in REQUESTS else "HIGH"


def title(event):
    return f"credentials of root of account {account(event)} changed: {event.get('eventName')}"


def alert_context(event):
    return context(event)
