from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import ADMIN_POLICIES, allows_everything, is_self

EVENTS = ("AttachUserPolicy", "AttachRolePolicy", "PutUserPolicy", "PutRolePolicy", "AddUserToGroup")
DENIALS = (":iam::aws:policy/AWSCompromisedKeyQuarantine", ":iam::aws:policy/AWSDenyAll")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or not is_self(event):
        return False
    policy = event.deep_get("requestParameters", "policyArn", default="")
    # Administrator rights are told by AdminPolicyAttached and AdminInlinePolicy. The others take rights away: AWS
    # attaches the quarantine in the name of the user whose key has leaked.
    if policy.endswith(ADMIN_POLICIES) or any(name in policy for name in DENIALS):
        return False
    return not allows_everything(event.deep_get("requestParameters", "policyDocument"))


def gained(event):
    return (
        event.deep_get("requestParameters", "policyArn")
        or event.deep_get("requestParameters", "policyName")
        or event.deep_get("requestParameters", "groupName", default="unknown")
    )


def title(event):
    what = gained(event).rpartition("/")[2]
    return f"{actor(event)} gave rights to itself in account {account(event)}: {event.get('eventName')} {what}"


def dedup(event):
    # A climb takes several steps.
    return event.deep_get("userIdentity", "arn") or actor(event)


def alert_context(event):
    document = event.deep_get("requestParameters", "policyDocument")
    return context(event, gained=gained(event), policy=document or gained(event))
