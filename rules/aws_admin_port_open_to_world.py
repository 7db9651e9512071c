from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

EVENTS = ("AuthorizeSecurityGroupIngress", "ModifySecurityGroupRules")
# SSH, telnet, RDP, VNC, WinRM.
ADMIN_PORTS = (22, 23, 3389, 5900, 5985, 5986)
EVERYONE = ("0.0.0.0/0", "::/0")


def rule(event):
    if event.get("eventSource") != "ec2.amazonaws.com" or event.get("eventName") not in EVENTS:
        return False
    return succeeded(event) and not by_aws_service(event) and bool(opened_ports(event))


def opened_ports(event):
    """The administration ports that this call opened to everyone."""
    changes = added(event) if event.get("eventName") == "AuthorizeSecurityGroupIngress" else modified(event)
    ports = set()
    for protocol, low, high, cidrs in changes:
        if any(cidr in EVERYONE for cidr in cidrs):
            ports.update(port for port in ADMIN_PORTS if covers(protocol, low, high, port))
    return sorted(ports)


def covers(protocol, low, high, port):
    if str(protocol) == "-1":
        return True
    return str(protocol) in ("tcp", "6") and low is not None and high is not None and low <= port <= high


def added(event):
    for item in as_list(event.deep_get("requestParameters", "ipPermissions", "items")):
        cidrs = [entry.get("cidrIp") for entry in items(item, "ipRanges")]
        cidrs += [entry.get("cidrIpv6") for entry in items(item, "ipv6Ranges")]
        yield item.get("ipProtocol"), item.get("fromPort"), item.get("toPort"), cidrs


def modified(event):
    request = event.deep_get("requestParameters", "ModifySecurityGroupRulesRequest", "SecurityGroupRule")
    for entry in as_list(request):
        change = entry.get("SecurityGroupRule") or {}
        cidrs = [change.get("CidrIpv4"), change.get("CidrIpv6")]
        yield change.get("IpProtocol"), change.get("FromPort"), change.get("ToPort"), cidrs


def items(holder, name):
    """EC2 writes a list as {"items": [...]}, and an empty one as {}."""
    return as_list((holder.get(name) or {}).get("items"))


def group(event):
    return (
        event.deep_get("requestParameters", "groupId")
        or event.deep_get("requestParameters", "ModifySecurityGroupRulesRequest", "GroupId")
        or event.deep_get("requestParameters", "groupName", default="unknown")
    )


def title(event):
    ports = ", ".join(str(port) for port in opened_ports(event))
    where = f"security group {group(event)} in account {account(event)}"
    return f"{actor(event)} opened port {ports} of {where} to the world"


def alert_context(event):
    return context(event, security_group=group(event), ports=opened_ports(event))
