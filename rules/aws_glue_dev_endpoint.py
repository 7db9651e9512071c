from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("CreateDevEndpoint", "UpdateDevEndpoint")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "glue.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return (
        event.get("eventName") == "CreateDevEndpoint"
        or event.deep_get("requestParameters", "publicKey") is not None
        or event.deep_get("requestParameters", "addPublicKeys") is not None
    )


def endpoint(event):
    return event.deep_get("requestParameters", "endpointName", default="unknown")


def title(event):
    what = "made" if event.get("eventName") == "CreateDevEndpoint" else "put a key on"
    return f"{actor(event)} {what} the Glue development endpoint {endpoint(event)} in account {account(event)}"


def alert_context(event):
    return context(event, endpoint=endpoint(event), role=event.deep_get("requestParameters", "roleArn"))
