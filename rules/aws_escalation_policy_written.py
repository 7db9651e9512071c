from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_identity import allowing, allows_everything, is_self, receiver

EVENTS = ("PutUserPolicy", "PutRolePolicy", "PutGroupPolicy", "CreatePolicy", "CreatePolicyVersion")
# Each is enough by itself to become an administrator, as long as it holds for every resource.
CLIMBS = (
    "iam:*",
    "iam:add*",
    "iam:addusertogroup",
    "iam:attach*",
    "iam:attachgrouppolicy",
    "iam:attachrolepolicy",
    "iam:attachuserpolicy",
    "iam:create*",
    "iam:createaccesskey",
    "iam:createloginprofile",
    "iam:createpolicyversion",
    "iam:passrole",
    "iam:put*",
    "iam:putgrouppolicy",
    "iam:putrolepolicy",
    "iam:putuserpolicy",
    "iam:setdefaultpolicyversion",
    "iam:update*",
    "iam:updateassumerolepolicy",
    "iam:updateloginprofile",
    "sts:*",
    "sts:assumerole",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    document = event.deep_get("requestParameters", "policyDocument")
    # What allows everything is told by AdminInlinePolicy, what is for oneself by RightsGivenToOneself.
    return bool(climbs(document)) and not allows_everything(document) and not is_self(event)


def climbs(document):
    """The dangerous actions that a policy allows on every resource, unconditionally."""
    found = set()
    for statement in allowing(document):
        if "*" in as_list(statement.get("Resource")) and not statement.get("Condition"):
            found.update(action for action in as_list(statement.get("Action")) if str(action).lower() in CLIMBS)
    return sorted(found)


def title(event):
    ways = ", ".join(climbs(event.deep_get("requestParameters", "policyDocument")))
    return f"{actor(event)} let {receiver(event)} become administrator in account {account(event)}: {ways}"


def alert_context(event):
    return context(event, receiver=receiver(event), policy=event.deep_get("requestParameters", "policyDocument"))
