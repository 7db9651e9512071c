from iota_cloudtrail import account, context


def rule(event):
    # `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("userIdentity", "type") == "Root"
        and event.deep_get("responseElements", "ConsoleLogin") == "Failure"
    )


def title(event):
    return f"root of account {account(event)} failed to sign in again and again"


def dedup(event):
    return account(event)


def alert_context(event):
    return context(event, mfa_used=event.deep_get("additionalEventData", "MFAUsed"), error=event.get("errorMessage"))
