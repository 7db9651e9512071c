from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import by_pipeline, sounds_like_security

DELETED = ("DeleteLogGroup", "DeleteLogStream")
FEW_DAYS = 7


def rule(event):
    name = event.get("eventName")
    if name not in DELETED and name not in ("DeleteSubscriptionFilter", "PutRetentionPolicy"):
        return False
    if event.get("eventSource") != "logs.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name == "PutRetentionPolicy":
        days = event.deep_get("requestParameters", "retentionInDays")
        if days is None or int(days) > FEW_DAYS:
            return False
    return sounds_like_security(log_group(event))


def log_group(event):
    return event.deep_get("requestParameters", "logGroupName", default="unknown")


def severity(event):
    if by_pipeline(event):
        return "LOW"
    return "HIGH" if event.get("eventName") in DELETED else "MEDIUM"


def title(event):
    where = f"log group {log_group(event)} in account {account(event)}"
    return f"{actor(event)} drained {where}: {event.get('eventName')}"


def alert_context(event):
    return context(
        event,
        log_group=log_group(event),
        stream=event.deep_get("requestParameters", "logStreamName"),
        days=event.deep_get("requestParameters", "retentionInDays"),
    )
