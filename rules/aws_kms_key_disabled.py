from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "DisableKey"
        and event.get("eventSource") == "kms.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def key(event):
    return event.deep_get("requestParameters", "keyId", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} disabled KMS key {key(event)} of account {account(event)}"


def alert_context(event):
    return context(event, key=key(event))
