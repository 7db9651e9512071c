from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf, requested, with_long_term_key

EVENTS = ("DeleteDBInstance", "DeleteDBCluster", "DeleteCluster")
SOURCES = ("rds.amazonaws.com", "redshift.amazonaws.com")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    # RDS says skipFinalSnapshot, Redshift skipFinalClusterSnapshot. A member of a cluster has no snapshot of its own.
    if event.deep_get("responseElements", "dBClusterIdentifier") and event.get("eventName") == "DeleteDBInstance":
        return False
    return (
        event.deep_get("requestParameters", "skipFinalSnapshot") is True
        or event.deep_get("requestParameters", "skipFinalClusterSnapshot") is True
    )


def database(event):
    return requested(event, "dBInstanceIdentifier", "dBClusterIdentifier", "clusterIdentifier")


def severity(event):
    return "HIGH" if with_long_term_key(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} deleted database {database(event)} of account {account(event)} without a last snapshot"


def alert_context(event):
    return context(
        event,
        database=database(event),
        backups_too=event.deep_get("requestParameters", "deleteAutomatedBackups"),
    )
