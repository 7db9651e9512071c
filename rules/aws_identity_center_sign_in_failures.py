from iota_cloudtrail import context


def rule(event):
    # `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    return (
        event.get("eventName") == "CredentialVerification"
        and event.get("eventSource") == "signin.amazonaws.com"
        and event.deep_get("serviceEventDetails", "CredentialVerification") == "Failure"
    )


def user(event):
    # The name typed; where AWS hides it, the user whom it belongs to.
    return event.deep_get("additionalEventData", "UserName") or event.deep_get(
        "userIdentity", "onBehalfOf", "userId", default="unknown"
    )


def title(event):
    return f"Identity Center sign-ins of {user(event)} fail again and again"


def dedup(event):
    return user(event)


def alert_context(event):
    kind = event.deep_get("additionalEventData", "CredentialType")
    return context(event, user=user(event), credential_type=kind)
