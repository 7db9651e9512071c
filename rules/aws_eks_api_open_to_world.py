from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_resources import EVERYONE


def rule(event):
    if event.get("eventName") != "UpdateClusterConfig" or event.get("eventSource") != "eks.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    asked = event.deep_get("requestParameters", "resourcesVpcConfig", default={})
    if asked.get("endpointPublicAccess") is False:
        return False
    cidrs = as_list(asked.get("publicAccessCidrs"))
    # Public without a list of addresses is public for all.
    return any(cidr in EVERYONE for cidr in cidrs) or (asked.get("endpointPublicAccess") is True and not cidrs)


def cluster(event):
    return event.deep_get("requestParameters", "name", default="unknown")


def title(event):
    return f"{actor(event)} opened the API of the cluster {cluster(event)} in account {account(event)} to the world"


def alert_context(event):
    return context(event, cluster=cluster(event))
