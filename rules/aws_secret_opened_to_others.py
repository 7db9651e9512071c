from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import account_of, allowing, condition_keys, principals


def rule(event):
    if event.get("eventName") != "PutResourcePolicy" or event.get("eventSource") != "secretsmanager.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(strangers(event))


def strangers(event):
    """The other accounts that the policy lets in by name."""
    found = set()
    for statement in allowing(event.deep_get("requestParameters", "resourcePolicy")):
        if not condition_keys(statement) & {"aws:principalorgid", "aws:principalaccount", "aws:principalarn"}:
            found.update(account_of(one) for one in principals(statement))
    return sorted(found - {"", account(event)})


def secret(event):
    return event.deep_get("requestParameters", "secretId", default="unknown")


def title(event):
    whom = ", ".join(strangers(event))
    return f"{actor(event)} opened secret {secret(event)} of account {account(event)} to account {whom}"


def alert_context(event):
    policy = event.deep_get("requestParameters", "resourcePolicy")
    return context(event, secret=secret(event), accounts=strangers(event), policy=policy)
