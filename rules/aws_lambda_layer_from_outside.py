from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_resources import foreign_accounts

EVENTS = (
    "CreateFunction20150331",
    "UpdateFunctionConfiguration20150331",
    "UpdateFunctionConfiguration20150331v2",
)
# Whose layers may be used. Given here: Lambda Insights, Powertools for AWS, the SDK for pandas; all of AWS.
TRUSTED_ACCOUNTS = ("580247275435", "017000801446", "336392948345")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "lambda.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(strange_layers(event))


def strange_layers(event):
    layers = as_list(event.deep_get("requestParameters", "layers"))
    return [layer for layer in layers if foreign_accounts(event, [layer], TRUSTED_ACCOUNTS)]


def function(event):
    return event.deep_get("requestParameters", "functionName", default="unknown").rpartition(":")[2]


def title(event):
    return f"{actor(event)} gave function {function(event)} of account {account(event)} a layer from outside"


def alert_context(event):
    return context(event, function=function(event), layers=strange_layers(event))
