from iota_cloudtrail import account, context


def rule(event):
    # `Threshold` in the .yml says how many users within DedupPeriodMinutes make an alert.
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("responseElements", "ConsoleLogin") == "Failure"
        and event.deep_get("userIdentity", "type") == "IAMUser"
    )


def title(event):
    return f"sign-ins to account {account(event)} as many users fail from {event.get('sourceIPAddress')}"


def dedup(event):
    return event.get("sourceIPAddress") or "unknown"


def unique(event):
    # Different users count, not tries. Names that belong to nobody are all written alike and count as one.
    return event.deep_get("userIdentity", "userName", default="unknown")


def alert_context(event):
    return context(event, user=event.deep_get("userIdentity", "userName"), error=event.get("errorMessage"))
