from iota_cloudtrail import account, context


def rule(event):
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("userIdentity", "type") == "Root"
        and event.deep_get("responseElements", "ConsoleLogin") == "Success"
    )


def without_mfa(event):
    return event.deep_get("additionalEventData", "MFAUsed") != "Yes"


def severity(event):
    return "CRITICAL" if without_mfa(event) else "HIGH"


def title(event):
    how = "without MFA" if without_mfa(event) else "with MFA"
    return f"root of account {account(event)} signed in to the console {how}"


def dedup(event):
    # One alert an hour for each place root comes from, however often it signs in there.
    return f"{account(event)}:{event.get('sourceIPAddress')}"


def alert_context(event):
    return context(event, mfa=not without_mfa(event))
