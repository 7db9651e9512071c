from iota_cloudtrail import account, actor, context, succeeded
from iota_resources import with_long_term_key

EVENTS = (
    "VerifyEmailIdentity",
    "VerifyDomainIdentity",
    "VerifyEmailAddress",
    "CreateEmailIdentity",
    "PutAccountDetails",
    "UpdateAccountSendingEnabled",
    "PutAccountSendingAttributes",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ses.amazonaws.com":
        return False
    if not succeeded(event) or not with_long_term_key(event):
        return False
    # Switching sending off is what a responder does.
    return (
        event.deep_get("requestParameters", "enabled") is not False
        and event.deep_get("requestParameters", "sendingEnabled") is not False
    )


def identity(event):
    for part in ("emailIdentity", "emailAddress", "domain"):
        name = event.deep_get("requestParameters", part)
        if name:
            return name
    return None


def severity(event):
    return "HIGH" if event.get("eventName") == "PutAccountDetails" else "MEDIUM"


def title(event):
    return f"{actor(event)} made SES ready to send in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, identity=identity(event))
