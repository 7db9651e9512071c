from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf, requested, with_long_term_key

# Which call switches which protection, and in which member.
SWITCHES = {
    "ModifyDBInstance": ("deletionProtection",),
    "ModifyDBCluster": ("deletionProtection",),
    "UpdateTable": ("deletionProtectionEnabled",),
    "ModifyInstanceAttribute": ("disableApiTermination", "value"),
    "UpdateTerminationProtection": ("enableTerminationProtection",),
}
NAMES = ("dBInstanceIdentifier", "dBClusterIdentifier", "tableName", "instanceId", "stackName")


def rule(event):
    if event.get("eventName") not in SWITCHES or not succeeded(event):
        return False
    if by_aws_service(event) or on_behalf(event):
        return False
    return event.deep_get("requestParameters", *SWITCHES[event.get("eventName")]) is False


def resource(event):
    return requested(event, *NAMES)


def severity(event):
    return "MEDIUM" if with_long_term_key(event) else "LOW"


def title(event):
    return f"{actor(event)} made {resource(event)} of account {account(event)} deletable"


def alert_context(event):
    return context(event, resource=resource(event), service=event.get("eventSource"))
