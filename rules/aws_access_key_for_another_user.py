from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventSource") != "iam.amazonaws.com" or event.get("eventName") != "CreateAccessKey":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    owner = event.deep_get("requestParameters", "userName")
    # Without a name the key is the caller's own; so it is under the caller's own name.
    return owner is not None and owner != event.deep_get("userIdentity", "userName")


def title(event):
    owner = event.deep_get("requestParameters", "userName")
    return f"{actor(event)} created an access key for user {owner} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        owner=event.deep_get("requestParameters", "userName"),
        new_key=event.deep_get("responseElements", "accessKey", "accessKeyId"),
    )
