from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy")
SHORTEST = 12


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "DeleteAccountPasswordPolicy":
        return True
    length = event.deep_get("requestParameters", "minimumPasswordLength")
    return length is None or int(length) < SHORTEST


def title(event):
    verb = "deleted" if event.get("eventName") == "DeleteAccountPasswordPolicy" else "weakened"
    return f"{actor(event)} {verb} the password policy of account {account(event)}"


def alert_context(event):
    policy = event.get("requestParameters")
    return context(event, policy=policy.to_dict() if policy else None)
