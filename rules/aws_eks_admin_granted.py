from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded
from iota_resources import on_behalf

EVENTS = ("AssociateAccessPolicy", "CreateAccessEntry", "UpdateAccessEntry")
ADMIN_POLICIES = ("/AmazonEKSClusterAdminPolicy", "/AmazonEKSAdminPolicy")
ADMIN_GROUP = "system:masters"


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "eks.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    if event.get("eventName") == "AssociateAccessPolicy":
        policy = event.deep_get("requestParameters", "policyArn", default="")
        # Limited to namespaces it is no administrator of the cluster.
        scope = event.deep_get("requestParameters", "accessScope", "type", default="cluster")
        return policy.endswith(ADMIN_POLICIES) and scope == "cluster"
    return ADMIN_GROUP in as_list(event.deep_get("requestParameters", "kubernetesGroups"))


def cluster(event):
    return event.deep_get("requestParameters", "name", default="unknown")


def principal(event):
    # A part of the request's path, so it may be written as in a URL.
    arn = event.deep_get("requestParameters", "principalArn", default="unknown")
    return arn.replace("%3A", ":").replace("%2F", "/")


def title(event):
    name = principal(event).partition("/")[2] or principal(event)
    return f"{actor(event)} made {name} administrator of the cluster {cluster(event)}"


def alert_context(event):
    return context(event, cluster=cluster(event), principal=principal(event))
