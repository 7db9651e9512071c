from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import ADMIN_POLICIES, is_self, receiver

REMOVED = ("DeleteUserPermissionsBoundary", "DeleteRolePermissionsBoundary")
REPLACED = ("PutUserPermissionsBoundary", "PutRolePermissionsBoundary")


def rule(event):
    name = event.get("eventName")
    if name not in REMOVED and name not in REPLACED:
        return False
    if event.get("eventSource") != "iam.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name in REMOVED:
        return True
    return event.deep_get("requestParameters", "permissionsBoundary", default="").endswith(ADMIN_POLICIES)


def severity(event):
    return "HIGH" if is_self(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} removed the permissions boundary of {receiver(event)} in account {account(event)}"


def alert_context(event):
    return context(event, receiver=receiver(event), boundary=event.deep_get("requestParameters", "permissionsBoundary"))
