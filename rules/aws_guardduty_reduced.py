from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

MEMBERS = ("DeleteMembers", "DisassociateMembers")
CHANGES = ("UpdateDetector", "UpdateMemberDetectors", "UpdateOrganizationConfiguration")


def rule(event):
    name = event.get("eventName")
    if (name not in MEMBERS and name not in CHANGES) or event.get("eventSource") != "guardduty.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if name in MEMBERS:
        return True
    if event.deep_get("requestParameters", "autoEnableOrganizationMembers") == "NONE":
        return True
    return feature_off(event) or event.deep_get("requestParameters", "dataSources", "s3Logs", "enable") is False


def feature_off(event):
    features = as_list(event.deep_get("requestParameters", "features"))
    return any(feature.get("status") == "DISABLED" or feature.get("autoEnable") == "NONE" for feature in features)


def severity(event):
    return "HIGH" if event.get("eventName") in MEMBERS else "MEDIUM"


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} reduced GuardDuty in {where}: {event.get('eventName')}"


def alert_context(event):
    members = [str(one) for one in as_list(event.deep_get("requestParameters", "accountIds"))]
    return context(event, members=members, detector=event.deep_get("requestParameters", "detectorId"))
