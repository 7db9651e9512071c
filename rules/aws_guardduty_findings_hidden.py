from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

FILTERS = ("CreateFilter", "UpdateFilter")
TRUST = ("CreateIPSet", "UpdateIPSet", "CreateTrustedEntitySet", "UpdateTrustedEntitySet")
EXPORTS = ("DeletePublishingDestination", "DeleteThreatIntelSet", "DeleteThreatEntitySet")


def rule(event):
    name = event.get("eventName")
    if name not in FILTERS and name not in TRUST and name not in EXPORTS:
        return False
    if event.get("eventSource") != "guardduty.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name in FILTERS:
        return event.deep_get("requestParameters", "action") == "ARCHIVE"
    # A list that is not active is trusted by nobody.
    return name in EXPORTS or event.deep_get("requestParameters", "activate") is not False


def severity(event):
    return "MEDIUM" if event.get("eventName") in EXPORTS else "HIGH"


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} hid findings of GuardDuty in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(
        event,
        name=event.deep_get("requestParameters", "name") or event.deep_get("requestParameters", "filterName"),
        location=event.deep_get("requestParameters", "location"),
    )
