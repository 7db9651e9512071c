from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import by_template, on_behalf, with_long_term_key

# What a call deletes, and by which name it goes.
NAMES = {
    "DeleteBucket": "bucketName",
    "DeleteDBInstance": "dBInstanceIdentifier",
    "DeleteDBCluster": "dBClusterIdentifier",
    "DeleteTable": "tableName",
    "DeleteVolume": "volumeId",
    "DeleteFileSystem": "fileSystemId",
    "DeleteFunction20150331": "functionName",
    "DeleteStream": "streamName",
    "DeleteRepository": "repositoryName",
    "DeleteSecret": "secretId",
    "DeleteHostedZone": "id",
    "DeleteStack": "stackName",
    "TerminateInstances": "instancesSet",
}
# What scales a cluster starts and ends instances all day.
SCALERS = ("karpenter", "cluster-autoscaler")


def rule(event):
    if event.get("eventName") not in NAMES or not succeeded(event):
        return False
    if by_aws_service(event) or on_behalf(event):
        return False
    agent = event.get("userAgent") or ""
    return not by_template(event) and not any(name in agent for name in SCALERS)


def severity(event):
    return "CRITICAL" if with_long_term_key(event) else "HIGH"


def title(event):
    return f"{actor(event)} deleted many resources of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    name = event.deep_get("requestParameters", NAMES[event.get("eventName")])
    # Instances are terminated by the list: each call counts once.
    return name if isinstance(name, str) else event.get("eventID", "unknown")


def alert_context(event):
    return context(event, last=unique(event), what=event.get("eventName"))
