from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "GetParametersByPath"
        and event.get("eventSource") == "ssm.amazonaws.com"
        and event.deep_get("requestParameters", "path") == "/"
        and event.deep_get("requestParameters", "recursive") is True
        and event.deep_get("requestParameters", "withDecryption") is True
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    return f"{actor(event)} read all parameters of account {account(event)}, {event.get('awsRegion')}, decrypted"


def alert_context(event):
    return context(event)
