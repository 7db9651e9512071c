from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import from_console


def rule(event):
    if event.get("eventName") != "DescribeInstanceAttribute" or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "attribute") != "userData":
        return False
    return succeeded(event) and not by_aws_service(event) and not from_console(event)


def title(event):
    return f"{actor(event)} read the start-up scripts of many instances in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return event.deep_get("requestParameters", "instanceId", default="unknown")


def alert_context(event):
    return context(event, instance=unique(event))
