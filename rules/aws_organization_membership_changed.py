from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("InviteAccountToOrganization", "AcceptHandshake")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "organizations.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def other(event):
    return event.deep_get("requestParameters", "target", "id") or event.deep_get(
        "requestParameters", "handshakeId", default="unknown"
    )


def title(event):
    verb = "invited account" if event.get("eventName") == "InviteAccountToOrganization" else "accepted handshake"
    return f"{actor(event)} {verb} {other(event)} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        other=other(event),
        handshake=event.deep_get("responseElements", "handshake", "id"),
        organization=event.deep_get("responseElements", "handshake", "arn"),
    )
