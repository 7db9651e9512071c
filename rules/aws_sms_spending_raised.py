from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "SetSMSAttributes",
    "CreateSMSSandboxPhoneNumber",
    "SetTextMessageSpendLimitOverride",
)
SOURCES = ("sns.amazonaws.com", "sms-voice.amazonaws.com")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "SetSMSAttributes":
        return event.deep_get("requestParameters", "attributes", "MonthlySpendLimit") is not None
    return True


def title(event):
    return f"{actor(event)} lifted a limit of text messages in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(
        event,
        limit=event.deep_get("requestParameters", "attributes", "MonthlySpendLimit")
        or event.deep_get("requestParameters", "monthlyLimit"),
    )
