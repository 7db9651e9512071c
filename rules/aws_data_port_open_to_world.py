from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import ports_opened_to_world

EVENTS = ("AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules")
PORTS = {
    1433: "SQL Server",
    1521: "Oracle",
    2375: "Docker",
    2379: "etcd",
    3306: "MySQL",
    5432: "PostgreSQL",
    5439: "Redshift",
    5601: "Kibana",
    6379: "Redis",
    6443: "Kubernetes",
    8020: "HDFS",
    9042: "Cassandra",
    9092: "Kafka",
    9200: "Elasticsearch",
    10250: "kubelet",
    11211: "memcached",
    27017: "MongoDB",
}


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(opened(event))


def opened(event):
    """What listens on the ports that this call opened to everyone."""
    found = set()
    for protocol, low, high in ports_opened_to_world(event):
        if protocol in ("tcp", "6") and low is not None and high is not None:
            found.update(port for port in PORTS if low <= port <= high)
    return [f"{port} ({PORTS[port]})" for port in sorted(found)]


def group(event):
    return (
        event.deep_get("requestParameters", "groupId")
        or event.deep_get("requestParameters", "ModifySecurityGroupRulesRequest", "GroupId")
        or event.deep_get("requestParameters", "groupName", default="unknown")
    )


def title(event):
    ports = opened(event)
    what = f"port {ports[0]}" if len(ports) == 1 else f"{len(ports)} database and control ports"
    return f"{actor(event)} opened {what} of {group(event)} in account {account(event)} to the world"


def alert_context(event):
    return context(event, security_group=group(event), ports=opened(event))
