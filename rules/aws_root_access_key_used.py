from iota_cloudtrail import account, context


def rule(event):
    # ASIA is a session of the console, AKIA a key. Refused calls count: the key was there to be used.
    return event.deep_get("userIdentity", "type") == "Root" and event.deep_get(
        "userIdentity", "accessKeyId", default=""
    ).startswith("AKIA")


def title(event):
    return f"an access key of root is used in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "accessKeyId", default="unknown")


def alert_context(event):
    return context(event, call=f"{event.get('eventSource')} {event.get('eventName')}", error=event.get("errorCode"))
