from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import EVERYONE, on_behalf, with_long_term_key

EVENTS = ("CreateNetworkAclEntry", "ReplaceNetworkAclEntry")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    if event.deep_get("requestParameters", "egress") is True:
        return False
    return (
        event.deep_get("requestParameters", "ruleAction") == "allow"
        and event.deep_get("requestParameters", "aclProtocol") in ("-1", -1)
        and (
            event.deep_get("requestParameters", "cidrBlock") in EVERYONE
            or event.deep_get("requestParameters", "ipv6CidrBlock") in EVERYONE
        )
    )


def acl(event):
    return event.deep_get("requestParameters", "networkAclId", default="unknown")


def severity(event):
    return "MEDIUM" if with_long_term_key(event) else "LOW"


def title(event):
    return f"{actor(event)} opened the network ACL {acl(event)} of account {account(event)} to the world"


def alert_context(event):
    return context(event, acl=acl(event), number=event.deep_get("requestParameters", "ruleNumber"))
