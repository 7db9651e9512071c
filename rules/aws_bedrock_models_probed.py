from iota_cloudtrail import account, actor, context
from iota_resources import in_unusual_hands

EVENTS = (
    "InvokeModel",
    "InvokeModelWithResponseStream",
    "Converse",
    "ConverseStream",
    "GetFoundationModelAvailability",
)


def rule(event):
    # Refused calls count too: they are how one finds out.
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "bedrock.amazonaws.com"
        and in_unusual_hands(event)
    )


def model(event):
    return event.deep_get("requestParameters", "modelId", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} tried many models of Bedrock in account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return model(event)


def alert_context(event):
    return context(event, model=model(event), error=event.get("errorCode"))
