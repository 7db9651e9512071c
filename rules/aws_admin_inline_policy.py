import json

from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

EVENTS = ("PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion")
EVERYTHING = ("*", "*:*")


def rule(event):
    if event.get("eventSource") != "iam.amazonaws.com" or event.get("eventName") not in EVENTS:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.deep_get("requestParameters", "omitted") is not None:
        # Over 100 KB CloudTrail leaves the parameters out. No honest policy is that long: a known way to hide one.
        return True
    return allows_everything(event.deep_get("requestParameters", "policyDocument", default="{}"))


def allows_everything(document):
    """Whether a policy, which CloudTrail carries as a JSON string, allows all actions on all resources."""
    try:
        policy = json.loads(document)
    except ValueError:
        return False
    for statement in as_list(policy.get("Statement")):
        if (
            statement.get("Effect") == "Allow"
            and any(action in EVERYTHING for action in as_list(statement.get("Action")))
            and "*" in as_list(statement.get("Resource"))
        ):
            return True
    return False


def receiver(event):
    for kind in ("userName", "roleName", "groupName", "policyName", "policyArn"):
        name = event.deep_get("requestParameters", kind)
        if name:
            return name
    return "unknown"


def title(event):
    return f"{actor(event)} wrote a policy that allows everything: {receiver(event)} in account {account(event)}"


def alert_context(event):
    return context(event, receiver=receiver(event), policy=event.deep_get("requestParameters", "policyDocument"))
