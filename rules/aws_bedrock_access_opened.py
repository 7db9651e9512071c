from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import in_unusual_hands

EVENTS = (
    "PutFoundationModelEntitlement",
    "PutUseCaseForModelAccess",
    "CreateFoundationModelAgreement",
)


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "bedrock.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} opened access to foundation models in account {account(event)}"


def dedup(event):
    return f"{account(event)} {event.deep_get('userIdentity', 'arn', default='unknown')}"


def alert_context(event):
    return context(event, model=event.deep_get("requestParameters", "modelId"))
