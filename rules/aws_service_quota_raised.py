from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import in_unusual_hands

SERVICES = (
    "ec2",
    "sagemaker",
    "bedrock",
    "ses",
    "sns",
    "sms-voice",
    "lambda",
    "fargate",
    "batch",
    "lightsail",
    "gamelift",
)


def rule(event):
    if event.get("eventName") != "RequestServiceQuotaIncrease":
        return False
    if event.get("eventSource") != "servicequotas.amazonaws.com":
        return False
    return (
        event.deep_get("requestParameters", "serviceCode") in SERVICES
        and succeeded(event)
        and not by_aws_service(event)
    )


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    service = event.deep_get("requestParameters", "serviceCode", default="unknown")
    return f"{actor(event)} asked for a higher quota of {service} in account {account(event)}, {event.get('awsRegion')}"


def alert_context(event):
    return context(
        event,
        service=event.deep_get("requestParameters", "serviceCode"),
        quota=event.deep_get("requestParameters", "quotaCode"),
        wanted=event.deep_get("requestParameters", "desiredValue"),
    )
