"""Who is behind an identity, and what a policy lets whom do: questions of the rules about people and their rights."""

import json

from iota_cloudtrail import as_list
from iota_site import is_ci_role

# Managed policies that are administrator rights, or can give themselves those rights. The start of the ARN differs
# between AWS's partitions (aws, aws-cn, aws-us-gov), its end does not.
ADMIN_POLICIES = (
    ":iam::aws:policy/AdministratorAccess",
    ":iam::aws:policy/IAMFullAccess",
)
# Words in the names of what watches over an account: log groups, alarms, rules, buckets.
SECURITY_WORDS = (
    "/aws/eks/",
    "-iam",
    "audit",
    "cis-",
    "cloudtrail",
    "flow-log",
    "flowlog",
    "guardduty",
    "iam-",
    "login",
    "root",
    "route53",
    "security",
    "siem",
    "signin",
    "trail",
    "unauthorized",
    "waf-",
)


def is_person(event):
    """Whether somebody sat at the keyboard: root, a console session, MFA, or a session of Identity Center.

    It does not know a person who works with a long-lived access key from a program.
    """
    if event.deep_get("userIdentity", "type") == "Root" or event.get("sessionCredentialFromConsole") == "true":
        return True
    if event.deep_get("userIdentity", "sessionContext", "attributes", "mfaAuthenticated") == "true":
        return True
    return role_name(event).startswith("AWSReservedSSO_")


def role_name(event):
    """The role behind a session, empty if there is none."""
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "userName", default="")


def role_arn(event):
    """The ARN of the role behind a session, empty if there is none."""
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn", default="")


def by_ci(event):
    """Whether a role made the call that the organisation deploys with; never, where that is not said."""
    return is_ci_role(role_arn(event))


def is_self(event):
    """Whether a call of IAM is aimed at the very user or role that makes it."""
    if event.deep_get("userIdentity", "type") == "IAMUser":
        return event.deep_get("requestParameters", "userName") == event.deep_get("userIdentity", "userName")
    if event.deep_get("userIdentity", "type") == "AssumedRole":
        return event.deep_get("requestParameters", "roleName") == role_name(event)
    return False


def is_for_another_user(event):
    """Whether a call of IAM names a user, and not the one who makes it. Without a name it means the caller."""
    owner = event.deep_get("requestParameters", "userName")
    return owner is not None and owner != event.deep_get("userIdentity", "userName")


def receiver(event):
    """Whom or what a call of IAM was about, as a person would say it: `user alice`, `role ci-deploy`."""
    for kind in ("userName", "roleName", "groupName", "policyArn", "policyName"):
        name = event.deep_get("requestParameters", kind)
        if name:
            return f"{kind.removesuffix('Name').removesuffix('Arn')} {name.rpartition('/')[2]}"
    return "unknown"


def statements(document):
    """The statements of a policy, which CloudTrail carries as a JSON string. None if it cannot be read."""
    try:
        policy = json.loads(document or "{}")
    except (TypeError, ValueError):
        return []
    found = as_list(policy.get("Statement")) if hasattr(policy, "keys") else []
    return [statement for statement in found if hasattr(statement, "keys")]


def allowing(document):
    """The statements of a policy that allow something."""
    return [statement for statement in statements(document) if statement.get("Effect") == "Allow"]


def allows_everything(document):
    """Whether a policy allows all actions on all resources."""
    return any(
        any(action in ("*", "*:*") for action in as_list(statement.get("Action")))
        and "*" in as_list(statement.get("Resource"))
        for statement in allowing(document)
    )


def principals(statement, kind="AWS"):
    """The principals of one kind in a statement. `*` is everyone."""
    principal = statement.get("Principal")
    if hasattr(principal, "keys"):
        principal = principal.get(kind)
    return [str(one) for one in as_list(principal)]


def account_of(principal):
    """The account of a principal, which is an ARN or the account itself; empty for `*` and for deleted principals."""
    if principal.startswith("arn:"):
        parts = principal.split(":")
        return parts[4] if len(parts) > 4 else ""
    return principal if principal.isdigit() else ""


def condition_keys(statement):
    """The keys, in lower case, on which a statement's conditions depend."""
    tests = (statement.get("Condition") or {}).values()
    return {key.lower() for test in tests if hasattr(test, "keys") for key in test}


def sounds_like_security(name):
    """Whether a name says that the thing watches over the account."""
    return any(word in str(name).lower() for word in SECURITY_WORDS)


def by_pipeline(event):
    """Whether a role that deploys made the call, or it names such a tool.

    Anybody can write the name: it may lower a severity, never decide.
    """
    if by_ci(event):
        return True
    agent = event.get("userAgent") or ""
    return any(name in agent for name in ("Terraform", "OpenTofu", "Pulumi", "cloudformation.amazonaws.com"))
