from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import by_ci
from iota_resources import by_person, from_instance, in_unusual_hands, on_behalf

# Lambda writes the version of its API into the name.
EVENTS = ("UpdateFunctionCode", "UpdateFunctionCode20150331", "UpdateFunctionCode20150331v2")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "lambda.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event) or by_ci(event):
        return False
    # With `dryRun` nothing changes.
    return event.deep_get("requestParameters", "dryRun") is not True and (by_person(event) or from_instance(event))


def function(event):
    return event.deep_get("requestParameters", "functionName", default="unknown").rpartition(":")[2]


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} replaced the code of function {function(event)} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        function=function(event),
        role=event.deep_get("responseElements", "role"),
        code_sha256=event.deep_get("responseElements", "codeSha256"),
    )
