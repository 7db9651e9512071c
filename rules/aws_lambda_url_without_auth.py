from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "CreateFunctionUrlConfig",
    "UpdateFunctionUrlConfig",
    "CreateFunctionUrlConfig20211031",
    "UpdateFunctionUrlConfig20211031",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "lambda.amazonaws.com":
        return False
    return event.deep_get("requestParameters", "authType") == "NONE" and succeeded(event) and not by_aws_service(event)


def function(event):
    return event.deep_get("requestParameters", "functionName", default="unknown").rpartition(":")[2]


def title(event):
    return f"{actor(event)} gave function {function(event)} of account {account(event)} a URL without authentication"


def alert_context(event):
    return context(event, function=function(event), url=event.deep_get("responseElements", "functionUrl"))
