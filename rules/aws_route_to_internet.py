from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import EVERYONE, on_behalf, requested, with_long_term_key

EVENTS = ("CreateRoute", "ReplaceRoute", "AttachInternetGateway")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    if event.get("eventName") == "AttachInternetGateway":
        return True
    everywhere = (
        event.deep_get("requestParameters", "destinationCidrBlock") in EVERYONE
        or event.deep_get("requestParameters", "destinationIpv6CidrBlock") in EVERYONE
    )
    gateway = event.deep_get("requestParameters", "gatewayId", default="")
    return everywhere and (gateway.startswith("igw-") or through_machine(event))


def through_machine(event):
    return (
        event.deep_get("requestParameters", "networkInterfaceId") is not None
        or event.deep_get("requestParameters", "instanceId") is not None
    )


def way(event):
    return requested(event, "internetGatewayId", "gatewayId", "networkInterfaceId", "instanceId")


def where(event):
    return requested(event, "routeTableId", "vpcId")


def severity(event):
    return "MEDIUM" if with_long_term_key(event) or through_machine(event) else "LOW"


def title(event):
    return f"{actor(event)} gave {where(event)} of account {account(event)} a way to the internet by {way(event)}"


def alert_context(event):
    return context(event, network=where(event), way=way(event))
