from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf, requested, with_long_term_key

EVENTS = (
    "ModifyDBInstance",
    "ModifyDBCluster",
    "UpdateContinuousBackups",
    "DeleteDBInstanceAutomatedBackup",
    "DeleteDBClusterAutomatedBackup",
)
SOURCES = ("rds.amazonaws.com", "dynamodb.amazonaws.com")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    if event.get("eventName") in ("ModifyDBInstance", "ModifyDBCluster"):
        retention = event.deep_get("requestParameters", "backupRetentionPeriod")
        return retention is not None and retention == 0
    if event.get("eventName") == "UpdateContinuousBackups":
        switch = event.deep_get("requestParameters", "pointInTimeRecoverySpecification", "pointInTimeRecoveryEnabled")
        return switch is False
    return True


def database(event):
    return requested(
        event, "dBInstanceIdentifier", "dBClusterIdentifier", "tableName", "dbiResourceId", "dbClusterResourceId"
    )


def severity(event):
    return "HIGH" if with_long_term_key(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} switched off the backups of {database(event)} in account {account(event)}"


def alert_context(event):
    return context(event, database=database(event))
