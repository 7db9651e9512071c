from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("UpdateDocument", "UpdateDocumentDefaultVersion", "DeleteDocument")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ssm.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "name") != "SSM-SessionManagerRunShell":
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} changed the settings of Session Manager in {where}: {event.get('eventName')}"


def dedup(event):
    # A new version and making it the default are two calls.
    return f"{account(event)}:{event.get('awsRegion')}:{actor(event)}"


def alert_context(event):
    return context(event, version=event.deep_get("requestParameters", "documentVersion"))
