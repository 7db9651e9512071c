from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("GetSecretValue", "BatchGetSecretValue")


def rule(event):
    # One read is ordinary. `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    return (
        event.get("eventSource") == "secretsmanager.amazonaws.com"
        and event.get("eventName") in EVENTS
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    return f"{actor(event)} read many secrets of account {account(event)}"


def dedup(event):
    # What is counted together: the reads of one actor.
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    # What counts towards the threshold: different secrets. A service that reads its own one every minute stays at one.
    return event.deep_get("requestParameters", "secretId") or event.get("eventID", "unknown")


def alert_context(event):
    return context(event, secret=event.deep_get("requestParameters", "secretId"))
