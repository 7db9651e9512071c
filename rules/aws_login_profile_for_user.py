from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventSource") != "iam.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "CreateLoginProfile":
        # A console password where there was none. Even for oneself: that is how a stolen access key becomes a login.
        return True
    if event.get("eventName") == "UpdateLoginProfile":
        # Resetting one's own password is everyday life.
        return event.deep_get("requestParameters", "userName") != event.deep_get("userIdentity", "userName")
    return False


def title(event):
    user = event.deep_get("requestParameters", "userName", default="unknown")
    verb = "created" if event.get("eventName") == "CreateLoginProfile" else "changed"
    return f"{actor(event)} {verb} the console password of user {user} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userName"),
        must_reset=event.deep_get("requestParameters", "passwordResetRequired"),
    )
