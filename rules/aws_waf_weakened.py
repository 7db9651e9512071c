from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_identity import by_pipeline

SOURCES = ("wafv2.amazonaws.com", "waf.amazonaws.com", "waf-regional.amazonaws.com", "network-firewall.amazonaws.com")
EVENTS = ("DeleteLoggingConfiguration", "DeleteWebACL", "DisassociateWebACL")


def rule(event):
    name = event.get("eventName")
    if name not in EVENTS and name != "UpdateLoggingConfiguration":
        return False
    if event.get("eventSource") not in SOURCES or not succeeded(event) or by_aws_service(event):
        return False
    if name in EVENTS:
        return True
    # The network firewall has no call to delete its logging: it is updated to nothing.
    targets = event.deep_get("requestParameters", "loggingConfiguration", "logDestinationConfigs")
    return not as_list(targets)


def resource(event):
    for part in ("resourceArn", "firewallArn", "firewallName", "name", "webACLId"):
        found = event.deep_get("requestParameters", part)
        if found:
            return found
    return "unknown"


def severity(event):
    return "LOW" if by_pipeline(event) else "MEDIUM"


def title(event):
    where = f"account {account(event)}"
    return f"{actor(event)} weakened the firewall of {resource(event)} in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(event, resource=resource(event))
