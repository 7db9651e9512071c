from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_site import is_known_account

SOURCES = ("ec2.amazonaws.com", "rds.amazonaws.com")
EVENTS = (
    "ModifySnapshotAttribute",
    "ModifyImageAttribute",
    "ModifyDBSnapshotAttribute",
    "ModifyDBClusterSnapshotAttribute",
)


def rule(event):
    if event.get("eventSource") not in SOURCES or event.get("eventName") not in EVENTS:
        return False
    return succeeded(event) and not by_aws_service(event) and bool(receivers(event))


def receivers(event):
    """Who can now copy the data and could not before: account ids, organizations, or `all`."""
    name = event.get("eventName")
    if name == "ModifySnapshotAttribute":
        given = as_list(event.deep_get("requestParameters", "createVolumePermission", "add", "items"))
    elif name == "ModifyImageAttribute":
        given = as_list(event.deep_get("requestParameters", "launchPermission", "add", "items"))
    else:
        given = [{"userId": value} for value in as_list(event.deep_get("requestParameters", "valuesToAdd"))]
    names = [
        entry.get("group") or entry.get("userId") or entry.get("organizationArn") or entry.get("organizationalUnitArn")
        for entry in given
    ]
    return [name for name in names if name and name != account(event) and not is_known_account(name)]


def shared(event):
    for part in ("snapshotId", "imageId", "dBSnapshotIdentifier", "dBClusterSnapshotIdentifier"):
        name = event.deep_get("requestParameters", part)
        if name:
            return name
    return "unknown"


def severity(event):
    return "CRITICAL" if "all" in receivers(event) else "HIGH"


def title(event):
    names = receivers(event)
    whom = "everyone" if "all" in names else ", ".join(names)
    return f"{actor(event)} shared {shared(event)} of account {account(event)} with {whom}"


def alert_context(event):
    return context(event, shared=shared(event), receivers=receivers(event))
