from iota_cloudtrail import account, actor, context
from iota_resources import by_template, from_console, in_unusual_hands, on_behalf

EVENTS = (
    "DescribeTrails",
    "GetTrailStatus",
    "GetEventSelectors",
    "ListTrails",
    "ListDetectors",
    "GetDetector",
    "ListFindings",
    "GetFindings",
    "DescribeHub",
    "GetEnabledStandards",
    "DescribeConfigurationRecorders",
    "DescribeConfigurationRecorderStatus",
    "DescribeConfigRules",
    "GetMacieSession",
    "BatchGetAccountStatus",
    "ListGraphs",
    "ListAnalyzers",
    "DescribeFlowLogs",
)
SOURCES = (
    "cloudtrail.amazonaws.com",
    "guardduty.amazonaws.com",
    "securityhub.amazonaws.com",
    "config.amazonaws.com",
    "macie2.amazonaws.com",
    "inspector2.amazonaws.com",
    "detective.amazonaws.com",
    "access-analyzer.amazonaws.com",
    "ec2.amazonaws.com",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    # Refused questions count too.
    if not in_unusual_hands(event) or from_console(event) or on_behalf(event):
        return False
    return not by_template(event)


def title(event):
    return f"{actor(event)} asked what watches account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.get("eventSource")


def alert_context(event):
    return context(event, last=event.get("eventName"), error=event.get("errorCode"))
