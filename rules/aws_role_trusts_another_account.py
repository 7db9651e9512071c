from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import account_of, allowing, condition_keys, principals
from iota_site import ACCOUNTS

EVENTS = ("CreateRole", "UpdateAssumeRolePolicy")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(trusted(event))


def trusted(event):
    """The foreign accounts that may assume the role from now on."""
    found = {account_of(principal) for statement in allowing(trust(event)) for principal in principals(statement)}
    return sorted(found - {"", account(event), *ACCOUNTS})


def trust(event):
    """The trust policy that the call wrote: each of the two calls has its own name for it."""
    return event.deep_get("requestParameters", "assumeRolePolicyDocument") or event.deep_get(
        "requestParameters", "policyDocument"
    )


def severity(event):
    with_external_id = all("sts:externalid" in condition_keys(statement) for statement in allowing(trust(event)))
    return "LOW" if event.get("eventName") == "CreateRole" and with_external_id else "MEDIUM"


def title(event):
    role = event.deep_get("requestParameters", "roleName", default="unknown")
    return f"{actor(event)} lets account {', '.join(trusted(event))} assume role {role} of account {account(event)}"


def alert_context(event):
    role = event.deep_get("requestParameters", "roleName")
    return context(event, role=role, trusted=trusted(event), trust_policy=trust(event))
