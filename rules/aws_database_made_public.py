from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import requested

EVENTS = (
    "CreateDBInstance",
    "ModifyDBInstance",
    "RestoreDBInstanceFromDBSnapshot",
    "RestoreDBInstanceToPointInTime",
    "RestoreDBInstanceFromS3",
    "CreateDBInstanceReadReplica",
    "CreateDBCluster",
    "CreateCluster",
    "ModifyCluster",
    "RestoreFromClusterSnapshot",
    "CreateWorkgroup",
    "UpdateWorkgroup",
)
SOURCES = ("rds.amazonaws.com", "redshift.amazonaws.com", "redshift-serverless.amazonaws.com")


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") in SOURCES
        and event.deep_get("requestParameters", "publiclyAccessible") is True
        and succeeded(event)
        and not by_aws_service(event)
    )


def database(event):
    return requested(event, "dBInstanceIdentifier", "dBClusterIdentifier", "clusterIdentifier", "workgroupName")


def title(event):
    return f"{actor(event)} made the database {database(event)} of account {account(event)} public"


def alert_context(event):
    return context(
        event,
        database=database(event),
        snapshot=event.deep_get("requestParameters", "dBSnapshotIdentifier"),
        endpoint=event.deep_get("responseElements", "endpoint", "address"),
    )
