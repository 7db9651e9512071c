from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

SOURCES = ("sso.amazonaws.com", "sso-directory.amazonaws.com")


def rule(event):
    name = event.get("eventName")
    if name not in ("UpdateSsoConfiguration", "DeleteMfaDeviceForUser") or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if name == "DeleteMfaDeviceForUser":
        return True
    return (
        event.deep_get("requestParameters", "ssoConfiguration", "mfaMode") == "DISABLED"
        or event.deep_get("requestParameters", "ssoConfiguration", "noMfaSignInBehavior") == "ALLOWED"
    )


def severity(event):
    return "MEDIUM" if event.get("eventName") == "DeleteMfaDeviceForUser" else "HIGH"


def title(event):
    what = "removed an MFA device" if event.get("eventName") == "DeleteMfaDeviceForUser" else "weakened MFA"
    return f"{actor(event)} {what} in Identity Center in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userId"),
        setting=event.deep_get("requestParameters", "ssoConfiguration", "mfaMode"),
        without_device=event.deep_get("requestParameters", "ssoConfiguration", "noMfaSignInBehavior"),
    )
