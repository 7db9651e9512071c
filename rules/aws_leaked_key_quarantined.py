from iota_cloudtrail import account, actor, context, succeeded

EVENTS = ("AttachUserPolicy", "DetachUserPolicy")
QUARANTINE = ":iam::aws:policy/AWSCompromisedKeyQuarantine"
DENY_ALL = ":iam::aws:policy/AWSDenyAll"


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    policy = event.deep_get("requestParameters", "policyArn", default="")
    if QUARANTINE not in policy and not (lifted(event) and policy.endswith(DENY_ALL)):
        return False
    return succeeded(event)


def lifted(event):
    return event.get("eventName") == "DetachUserPolicy"


def user(event):
    return event.deep_get("requestParameters", "userName", default="unknown")


def severity(event):
    return "MEDIUM" if lifted(event) else "CRITICAL"


def title(event):
    if lifted(event):
        return f"{actor(event)} lifted the quarantine of user {user(event)} in account {account(event)}"
    return f"an access key of user {user(event)} in account {account(event)} was found in public"


def alert_context(event):
    return context(event, user=user(event), policy=event.deep_get("requestParameters", "policyArn"))
