from iota_cloudtrail import account, context, succeeded


def rule(event):
    # Root names a user when it makes a key for that user, and nobody when the key is for itself.
    return (
        event.get("eventSource") == "iam.amazonaws.com"
        and event.get("eventName") == "CreateAccessKey"
        and event.deep_get("userIdentity", "type") == "Root"
        and event.deep_get("requestParameters", "userName") is None
        and succeeded(event)
    )


def title(event):
    return f"an access key was created for root of account {account(event)}"


def alert_context(event):
    return context(event, new_key=event.deep_get("responseElements", "accessKey", "accessKeyId"))
