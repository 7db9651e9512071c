from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import foreign_accounts

EVENTS = ("CreateVpcPeeringConnection", "AcceptVpcPeeringConnection")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(others(event))


def others(event):
    peering = event.deep_get("responseElements", "vpcPeeringConnection", default={})
    sides = [(peering.get(side) or {}).get("ownerId") for side in ("requesterVpcInfo", "accepterVpcInfo")]
    sides.append(event.deep_get("requestParameters", "peerOwnerId"))
    return foreign_accounts(event, sides)


def title(event):
    return f"{actor(event)} joined a network of account {account(event)} to one of account {', '.join(others(event))}"


def alert_context(event):
    return context(
        event,
        other_account=", ".join(others(event)),
        peering=event.deep_get("responseElements", "vpcPeeringConnection", "vpcPeeringConnectionId"),
    )
