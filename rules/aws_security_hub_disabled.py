from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

ENDINGS = (
    "DeleteMembers",
    "DisableSecurityHub",
    "DisableSecurityHubV2",
    "DisassociateFromAdministratorAccount",
    "DisassociateFromMasterAccount",
    "DisassociateMembers",
)
REDUCTIONS = ("BatchDisableStandards", "DisableImportFindingsForProduct", "DeleteFindingAggregator")


def rule(event):
    name = event.get("eventName")
    if name not in ENDINGS and name not in REDUCTIONS:
        return False
    return event.get("eventSource") == "securityhub.amazonaws.com" and succeeded(event) and not by_aws_service(event)


def severity(event):
    return "HIGH" if event.get("eventName") in ENDINGS else "MEDIUM"


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} switched Security Hub off in {where}: {event.get('eventName')}"


def dedup(event):
    # It is switched off region by region.
    return f"{account(event)}:{actor(event)}"


def alert_context(event):
    return context(event, change=event.get("eventName"))
