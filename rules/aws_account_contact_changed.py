from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

CONTACTS = ("PutAlternateContact", "DeleteAlternateContact")
EMAIL = ("StartPrimaryEmailUpdate", "AcceptPrimaryEmailUpdate")


def rule(event):
    name = event.get("eventName")
    if (name not in CONTACTS and name not in EMAIL) or event.get("eventSource") != "account.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return name in EMAIL or event.deep_get("requestParameters", "AlternateContactType") == "SECURITY"


def severity(event):
    return "HIGH" if event.get("eventName") in EMAIL else "MEDIUM"


def title(event):
    target = event.deep_get("requestParameters", "AccountId") or account(event)
    what = "the e-mail address of root" if event.get("eventName") in EMAIL else "the security contact"
    return f"{actor(event)} changed {what} of account {target}"


def alert_context(event):
    return context(event, change=event.get("eventName"), target=event.deep_get("requestParameters", "AccountId"))
