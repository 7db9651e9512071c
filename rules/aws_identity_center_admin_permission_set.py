from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import ADMIN_POLICIES, allows_everything

EVENTS = ("AttachManagedPolicyToPermissionSet", "PutInlinePolicyToPermissionSet")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "sso.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "AttachManagedPolicyToPermissionSet":
        return event.deep_get("requestParameters", "managedPolicyArn", default="").endswith(ADMIN_POLICIES)
    return allows_everything(event.deep_get("requestParameters", "inlinePolicy"))


def permission_set(event):
    return event.deep_get("requestParameters", "permissionSetArn", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} made permission set {permission_set(event)} an administrator in account {account(event)}"


def alert_context(event):
    policy = event.deep_get("requestParameters", "managedPolicyArn") or event.deep_get(
        "requestParameters", "inlinePolicy"
    )
    return context(event, permission_set=permission_set(event), policy=policy)
