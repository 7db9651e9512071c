from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

ANCHORS = ("CreateTrustAnchor", "UpdateTrustAnchor", "EnableTrustAnchor")
PROFILES = ("CreateProfile", "UpdateProfile", "EnableProfile")


def rule(event):
    name = event.get("eventName")
    if name not in ANCHORS and name not in PROFILES:
        return False
    return event.get("eventSource") == "rolesanywhere.amazonaws.com" and succeeded(event) and not by_aws_service(event)


def severity(event):
    source = event.deep_get("requestParameters", "source", "sourceType")
    return "HIGH" if source == "CERTIFICATE_BUNDLE" else "MEDIUM"


def title(event):
    return f"{actor(event)} lets certificates assume roles in account {account(event)}: {event.get('eventName')}"


def dedup(event):
    # An anchor and its profile are made together.
    return f"{account(event)}:{actor(event)}"


def alert_context(event):
    return context(
        event,
        name=event.deep_get("requestParameters", "name"),
        source=event.deep_get("requestParameters", "source", "sourceType"),
        roles=[str(role) for role in event.deep_get("requestParameters", "roleArns", default=[])],
    )
