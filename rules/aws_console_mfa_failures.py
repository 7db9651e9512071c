from iota_cloudtrail import account, actor, context


def rule(event):
    # `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    if event.get("eventName") == "CheckMfa":
        return event.deep_get("responseElements", "CheckMfa") == "Failure"
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("responseElements", "ConsoleLogin") == "Failure"
        and event.deep_get("additionalEventData", "MFAUsed") == "Yes"
    )


def title(event):
    return f"{actor(event)} has the password but not the second factor for account {account(event)}"


def alert_context(event):
    return context(event, device=event.deep_get("additionalEventData", "MFAIdentifier"))
