from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("EnableSerialConsoleAccess", "SendSerialConsoleSSHPublicKey")
SOURCES = ("ec2.amazonaws.com", "ec2-instance-connect.amazonaws.com")


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") in SOURCES
        and succeeded(event)
        and not by_aws_service(event)
    )


def instance(event):
    return event.deep_get("requestParameters", "instanceId")


def title(event):
    what = f"pushed a key to the serial console of {instance(event)}" if instance(event) else "enabled serial consoles"
    return f"{actor(event)} {what} in account {account(event)}, {event.get('awsRegion')}"


def alert_context(event):
    return context(event, instance=instance(event))
