from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import allowing, condition_keys, principals

EVENTS = ("CreateRole", "UpdateAssumeRolePolicy")
# Condition keys that say who may come. An external id alone does not: it is no secret, but it is not for everyone.
TIES = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "sts:externalid",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return any(
        "*" in principals(statement) and not condition_keys(statement) & set(TIES)
        for statement in allowing(trust(event))
    )


def trust(event):
    """The trust policy that the call wrote: each of the two calls has its own name for it."""
    return event.deep_get("requestParameters", "assumeRolePolicyDocument") or event.deep_get(
        "requestParameters", "policyDocument"
    )


def title(event):
    role = event.deep_get("requestParameters", "roleName", default="unknown")
    return f"{actor(event)} lets everyone assume role {role} of account {account(event)}"


def alert_context(event):
    return context(event, role=event.deep_get("requestParameters", "roleName"), trust_policy=trust(event))
