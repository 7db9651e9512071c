from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_identity import sounds_like_security

EVENTS = ("DeleteAlarms", "DisableAlarmActions", "DeleteMetricFilter")


def rule(event):
    if event.get("eventName") not in EVENTS or not succeeded(event) or by_aws_service(event):
        return False
    return any(sounds_like_security(name) for name in names(event))


def names(event):
    if event.get("eventName") == "DeleteMetricFilter":
        parts = ("filterName", "logGroupName")
        return [event.deep_get("requestParameters", part, default="unknown") for part in parts]
    return [str(name) for name in as_list(event.deep_get("requestParameters", "alarmNames"))]


def title(event):
    what = ", ".join(names(event))
    return f"{actor(event)} removed what watches over account {account(event)}: {event.get('eventName')} {what}"


def dedup(event):
    return f"{account(event)}:{actor(event)}"


def alert_context(event):
    return context(event, names=names(event))
