from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import by_person, from_instance, in_unusual_hands, on_behalf, requested

EVENTS = ("ModifyDBInstance", "ModifyDBCluster", "ModifyCluster")
SOURCES = ("rds.amazonaws.com", "redshift.amazonaws.com")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if event.deep_get("requestParameters", "masterUserPassword") is None:
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    return by_person(event) or from_instance(event)


def database(event):
    return requested(event, "dBInstanceIdentifier", "dBClusterIdentifier", "clusterIdentifier")


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} reset the master password of database {database(event)} in account {account(event)}"


def alert_context(event):
    return context(event, database=database(event), master_user=event.deep_get("responseElements", "masterUsername"))
