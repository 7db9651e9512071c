from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

ENDINGS = ("DisableMacie", "DisassociateFromAdministratorAccount", "DisassociateMember", "DeleteMember")


def rule(event):
    name = event.get("eventName")
    if event.get("eventSource") != "macie2.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name == "UpdateMacieSession":
        return event.deep_get("requestParameters", "status") == "PAUSED"
    if name in ("CreateFindingsFilter", "UpdateFindingsFilter"):
        return event.deep_get("requestParameters", "action") == "ARCHIVE"
    return name in ENDINGS


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} switched Macie off in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(event, change=event.get("eventName"), filter=event.deep_get("requestParameters", "name"))
