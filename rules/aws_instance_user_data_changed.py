from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "ModifyInstanceAttribute" or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    # Named as a member of its own, or as the attribute whose value follows. The value itself is removed by CloudTrail.
    return (
        event.deep_get("requestParameters", "userData") is not None
        or event.deep_get("requestParameters", "attribute") == "userData"
    )


def instance(event):
    return event.deep_get("requestParameters", "instanceId", default="unknown")


def title(event):
    return f"{actor(event)} changed the start-up script of {instance(event)} in account {account(event)}"


def alert_context(event):
    return context(event, instance=instance(event))
