from iota_cloudtrail import account, context

# What CloudTrail writes where the name typed belongs to nobody: it may be a password.
NOBODY = "HIDDEN_DUE_TO_SECURITY_REASONS"


def rule(event):
    # `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("responseElements", "ConsoleLogin") == "Failure"
        and event.deep_get("userIdentity", "type") == "IAMUser"
        and event.deep_get("userIdentity", "userName") != NOBODY
    )


def title(event):
    user = event.deep_get("userIdentity", "userName", default="unknown")
    return f"console sign-ins of {user} to account {account(event)} fail again and again"


def alert_context(event):
    return context(event, mfa_used=event.deep_get("additionalEventData", "MFAUsed"), error=event.get("errorMessage"))
