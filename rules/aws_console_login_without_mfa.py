from iota_cloudtrail import account, actor, context


def rule(event):
    # Only IAM users: a federated sign-in always says "No" here, since its MFA happened at the identity provider,
    # and root has a rule of its own.
    return (
        event.get("eventName") == "ConsoleLogin"
        and event.deep_get("userIdentity", "type") == "IAMUser"
        and event.deep_get("responseElements", "ConsoleLogin") == "Success"
        and event.deep_get("additionalEventData", "MFAUsed") != "Yes"
    )


def title(event):
    return f"{actor(event)} signed in to the console of account {account(event)} without MFA"


def alert_context(event):
    return context(event)
