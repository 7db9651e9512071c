from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "DeleteConfigRule",
    "DeleteConformancePack",
    "DeleteOrganizationConfigRule",
    "DeleteOrganizationConformancePack",
    "DeleteRemediationConfiguration",
)
NAMES = ("configRuleName", "conformancePackName", "organizationConfigRuleName", "organizationConformancePackName")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "config.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def name(event):
    for part in NAMES:
        found = event.deep_get("requestParameters", part)
        if found:
            return found
    return "unknown"


def title(event):
    return f"{actor(event)} deleted rules of AWS Config in account {account(event)}"


def alert_context(event):
    return context(event, name=name(event), call=event.get("eventName"))
