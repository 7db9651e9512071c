from iota_cloudtrail import account, context, succeeded

# Each has a rule of its own that says more.
TOLD_ELSEWHERE = ("CreateAccessKey", "DeactivateMFADevice")


def rule(event):
    if event.deep_get("userIdentity", "type") != "Root" or event.get("readOnly") is not False:
        return False
    # Sign-ins and what AWS does for the account in its own name are not calls of root.
    if event.get("eventType") != "AwsApiCall" or event.deep_get("userIdentity", "invokedBy") is not None:
        return False
    return event.get("eventName") not in TOLD_ELSEWHERE and succeeded(event)


def title(event):
    return f"root of account {account(event)} changes things, first with {event.get('eventName')}"


def dedup(event):
    # A working session of root is one alert.
    return f"{account(event)}:{event.get('sourceIPAddress')}"


def alert_context(event):
    return context(event, change=f"{event.get('eventSource')} {event.get('eventName')}")
