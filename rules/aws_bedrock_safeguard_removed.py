from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import on_behalf

EVENTS = ("DeleteModelInvocationLoggingConfiguration", "DeleteGuardrail")


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "bedrock.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
        and not on_behalf(event)
    )


def title(event):
    what = "a guardrail" if event.get("eventName") == "DeleteGuardrail" else "the invocation log"
    return f"{actor(event)} removed {what} of Bedrock in account {account(event)}, {event.get('awsRegion')}"


def alert_context(event):
    return context(event, guardrail=event.deep_get("requestParameters", "guardrailIdentifier"))
