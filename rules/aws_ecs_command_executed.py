from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import in_unusual_hands


def rule(event):
    return (
        event.get("eventName") == "ExecuteCommand"
        and event.get("eventSource") == "ecs.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def task(event):
    return event.deep_get("requestParameters", "task", default="unknown").rpartition("/")[2]


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} ran a command in the container of task {task(event)} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        cluster=event.deep_get("requestParameters", "cluster"),
        task=task(event),
        container=event.deep_get("requestParameters", "container"),
        command=event.deep_get("requestParameters", "command"),
    )
