from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

# ARNs of the roles of your network sensors.
SENSORS = ()


def rule(event):
    if event.get("eventName") != "CreateTrafficMirrorSession" or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn") not in SENSORS


def asked(event, part):
    return event.deep_get("requestParameters", "CreateTrafficMirrorSessionRequest", part, default="unknown")


def title(event):
    return f"{actor(event)} mirrored the traffic of {asked(event, 'NetworkInterfaceId')} in account {account(event)}"


def alert_context(event):
    return context(event, interface=asked(event, "NetworkInterfaceId"), target=asked(event, "TrafficMirrorTargetId"))
