from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

ENDINGS = (
    "DeleteDetector",
    "StopMonitoringMembers",
    "DisassociateFromAdministratorAccount",
    "DisassociateFromMasterAccount",
)


def rule(event):
    if event.get("eventSource") != "guardduty.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "UpdateDetector":
        # Absent means unchanged.
        return event.deep_get("requestParameters", "enable") is False
    return event.get("eventName") in ENDINGS


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} switched off GuardDuty in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(event, detector=event.deep_get("requestParameters", "detectorId"))
