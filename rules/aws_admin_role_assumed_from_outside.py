from iota_cloudtrail import account, context, succeeded

WORDS = ("admin", "organizationaccountaccessrole", "poweruser", "breakglass", "break-glass")
# Roles that are assumed from outside all day: Control Tower's.
EXPECTED = ("AWSControlTowerExecution", "stacksets-exec-")


def rule(event):
    if event.get("eventName") != "AssumeRole" or event.get("eventSource") != "sts.amazonaws.com":
        return False
    caller = event.deep_get("userIdentity", "accountId")
    if caller is None or caller == event.get("recipientAccountId"):
        return False
    name = role(event)
    if name.startswith(EXPECTED) or not any(word in name.lower() for word in WORDS):
        return False
    # The caller's account gets a copy of the record too; only in the role's own is it an arrival.
    return f":{account(event)}:" in event.deep_get("requestParameters", "roleArn", default="") and succeeded(event)


def role(event):
    return event.deep_get("requestParameters", "roleArn", default="").rpartition("/")[2]


def title(event):
    where = event.deep_get("userIdentity", "accountId", default="unknown")
    return f"account {where} assumed role {role(event)} of account {account(event)}"


def alert_context(event):
    return context(
        event,
        from_account=event.deep_get("userIdentity", "accountId"),
        new_key=event.deep_get("responseElements", "credentials", "accessKeyId"),
    )
