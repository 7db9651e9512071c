from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf

EVENTS = ("GetSnapshotBlock", "ListSnapshotBlocks", "ListChangedBlocks")
# ARNs of the roles of backup products.
BACKUP_ROLES = ()


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ebs.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn") not in BACKUP_ROLES


def title(event):
    return f"{actor(event)} read disk snapshots of account {account(event)} block by block"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def alert_context(event):
    return context(event, snapshot=event.deep_get("requestParameters", "snapshotId"))
