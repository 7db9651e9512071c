from iota_cloudtrail import account, actor, context
from iota_identity import role_arn
from iota_site import is_break_glass

# How a session begins: by a role that is assumed, or a user who signs in.
ROLE_CALLS = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")


def rule(event):
    return is_break_glass(role_arn(event) or event.deep_get("userIdentity", "arn")) or is_break_glass(assumed(event))


def assumed(event):
    """The role that the call is about to use."""
    return event.deep_get("requestParameters", "roleArn") if event.get("eventName") in ROLE_CALLS else None


def identity(event):
    return assumed(event) or role_arn(event) or event.deep_get("userIdentity", "arn", default="unknown")


def title(event):
    name = identity(event).rpartition("/")[2]
    return f"the emergency access {name} of account {account(event)} is used"


def dedup(event):
    return identity(event)


def alert_context(event):
    return context(event, identity=identity(event), who=actor(event), call=event.get("eventName"))
