from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

# Families of agents that need the host.
AGENTS = ()
HOST_PATHS = ("/", "/etc", "/root", "/proc", "/var/run", "/var/run/docker.sock", "/run/docker.sock", "/var/lib/docker")


def rule(event):
    if event.get("eventName") != "RegisterTaskDefinition" or event.get("eventSource") != "ecs.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or family(event) in AGENTS:
        return False
    return bool(reasons(event))


def reasons(event):
    found = [
        f"privileged container {container.get('name')}"
        for container in as_list(event.deep_get("requestParameters", "containerDefinitions"))
        if container.get("privileged") is True
    ]
    if event.deep_get("requestParameters", "pidMode") == "host":
        found.append("the host's processes")
    for volume in as_list(event.deep_get("requestParameters", "volumes")):
        path = (volume.get("host") or {}).get("sourcePath")
        if path in HOST_PATHS:
            found.append(f"the host's {path}")
    return found


def family(event):
    return event.deep_get("requestParameters", "family", default="unknown")


def title(event):
    return f"{actor(event)} defined the task {family(event)} with a way to its host in account {account(event)}"


def alert_context(event):
    return context(event, family=family(event), reasons=reasons(event))
