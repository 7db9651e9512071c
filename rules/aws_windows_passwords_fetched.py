from iota_cloudtrail import account, actor, by_aws_service, context

# Refused tries count as well.
REFUSALS = ("Client.UnauthorizedOperation", "UnauthorizedOperation")


def rule(event):
    # `Threshold` in the .yml says how many instances within DedupPeriodMinutes make an alert.
    if event.get("eventName") != "GetPasswordData" or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if event.get("errorCode") and event.get("errorCode") not in REFUSALS:
        return False
    return not by_aws_service(event)


def instance(event):
    return event.deep_get("requestParameters", "instanceId", default="unknown")


def title(event):
    return f"{actor(event)} fetched Windows passwords of many instances in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return instance(event)


def alert_context(event):
    return context(event, instance=instance(event), error=event.get("errorCode"))
