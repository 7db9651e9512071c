from iota_cloudtrail import actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "CreateAccountAssignment" or event.get("eventSource") != "sso.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "principalType") != "USER":
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    target = event.deep_get("requestParameters", "targetId", default="unknown")
    return f"{actor(event)} gave a single user access to account {target}"


def alert_context(event):
    return context(
        event,
        target=event.deep_get("requestParameters", "targetId"),
        principal=event.deep_get("requestParameters", "principalId"),
        permission_set=event.deep_get("requestParameters", "permissionSetArn"),
    )
