from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import requested

EVENTS = ("SendSSHPublicKey", "OpenTunnel")


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "ec2-instance-connect.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    return f"{actor(event)} reached for several instances of account {account(event)} by Instance Connect"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    return requested(event, "instanceId", "remoteHost")


def alert_context(event):
    return context(
        event,
        instance=unique(event),
        login=event.deep_get("requestParameters", "instanceOSUser"),
        region=event.get("awsRegion"),
    )
