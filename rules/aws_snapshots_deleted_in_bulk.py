from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf, with_long_term_key

EVENTS = ("DeleteSnapshot", "DeregisterImage", "DeleteDBSnapshot", "DeleteDBClusterSnapshot", "DeleteBackup")
SOURCES = (
    "ec2.amazonaws.com",
    "rds.amazonaws.com",
    "dynamodb.amazonaws.com",
    "elasticache.amazonaws.com",
    "fsx.amazonaws.com",
)
NAMES = (
    "snapshotId",
    "imageId",
    "dBSnapshotIdentifier",
    "dBClusterSnapshotIdentifier",
    "backupArn",
    "snapshotName",
    "backupId",
)
# ARNs of the roles of jobs that clean up.
CLEANERS = ()


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn") not in CLEANERS


def severity(event):
    return "HIGH" if with_long_term_key(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} deleted many snapshots of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    for part in NAMES:
        name = event.deep_get("requestParameters", part)
        if name:
            return name
    return event.get("eventID", "unknown")


def alert_context(event):
    return context(event, last=unique(event))
