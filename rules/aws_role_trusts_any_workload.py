from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_identity import allowing, principals

EVENTS = ("CreateRole", "UpdateAssumeRolePolicy")
# Services at which anybody can have an account.
PUBLIC_SERVICES = ("token.actions.githubusercontent.com", "gitlab.com", "app.terraform.io", "oidc.circleci.com")
ANYBODY = ("*", "repo:*", "repo:*/*", "repo:*/*:*", "project_path:*", "organization:*")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return any(trusts_public_service(one) and not names_subject(one) for one in allowing(trust(event)))


def trusts_public_service(statement):
    return any(
        f"oidc-provider/{service}" in principal
        for principal in principals(statement, "Federated")
        for service in PUBLIC_SERVICES
    )


def names_subject(statement):
    """Whether a condition ties the statement to somebody: by the subject, or by a claim of the owner."""
    for operator, tests in (statement.get("Condition") or {}).items():
        if "Not" in operator or "IfExists" in operator or not hasattr(tests, "items"):
            continue
        for key, values in tests.items():
            claim = key.lower().rpartition(":")[2]
            if claim != "aud" and not any(value in ANYBODY for value in as_list(values)):
                return True
    return False


def trust(event):
    """The trust policy that the call wrote: each of the two calls has its own name for it."""
    return event.deep_get("requestParameters", "assumeRolePolicyDocument") or event.deep_get(
        "requestParameters", "policyDocument"
    )


def title(event):
    role = event.deep_get("requestParameters", "roleName", default="unknown")
    return f"{actor(event)} lets any project of a build service assume role {role} of account {account(event)}"


def alert_context(event):
    return context(event, role=event.deep_get("requestParameters", "roleName"), trust_policy=trust(event))
