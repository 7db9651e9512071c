from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import foreign_accounts, requested

EVENTS = (
    "AddPermission20150331",
    "AddPermission20150331v2",
    "AddLayerVersionPermission20181031",
)
# What ties a permission for everyone to somebody.
TIES = ("principalOrgID", "organizationId", "sourceAccount", "sourceArn")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "lambda.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.deep_get("requestParameters", "functionUrlAuthType") is not None:
        return False
    return public(event) or bool(foreign_accounts(event, [principal(event)]))


def principal(event):
    return event.deep_get("requestParameters", "principal", default="")


def public(event):
    return principal(event) == "*" and all(event.deep_get("requestParameters", tie) is None for tie in TIES)


def what(event):
    return requested(event, "functionName", "layerName")


def severity(event):
    return "HIGH" if public(event) else "MEDIUM"


def title(event):
    whom = "everyone" if public(event) else principal(event)
    return f"{actor(event)} opened {what(event)} of account {account(event)} to {whom}"


def alert_context(event):
    return context(
        event,
        function=what(event),
        principal=principal(event),
        action=event.deep_get("requestParameters", "action"),
        statement=event.deep_get("requestParameters", "statementId"),
    )
