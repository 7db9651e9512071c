from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_site import is_allowed_region

EVENTS = ("EnableRegion", "DisableRegion")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "account.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def severity(event):
    opened = event.get("eventName") == "EnableRegion"
    foreign = not is_allowed_region(event.deep_get("requestParameters", "RegionName"))
    return "HIGH" if opened and foreign else "MEDIUM"


def title(event):
    verb = "enabled" if event.get("eventName") == "EnableRegion" else "disabled"
    region = event.deep_get("requestParameters", "RegionName", default="unknown")
    return f"{actor(event)} {verb} region {region} for account {account(event)}"


def alert_context(event):
    return context(event, region_name=event.deep_get("requestParameters", "RegionName"))
