from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "UpdatePassword"
        and event.get("eventSource") == "sso-directory.amazonaws.com"
        # EMAIL lets the user choose one; OTP shows it to the caller.
        and event.deep_get("requestParameters", "passwordMode") == "OTP"
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    user = event.deep_get("requestParameters", "userId", default="unknown")
    return f"{actor(event)} took a one-time password for user {user} of Identity Center in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userId"),
        store=event.deep_get("requestParameters", "identityStoreId"),
    )
