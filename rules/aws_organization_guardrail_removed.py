from iota_cloudtrail import actor, by_aws_service, context, succeeded

EVENTS = ("DetachPolicy", "DeletePolicy", "DisablePolicyType")
# The policy that allows everything: where it goes, something stricter takes its place.
FULL_ACCESS = ("p-FullAWSAccess", "p-RCPFullAWSAccess")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "organizations.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "policyId") in FULL_ACCESS:
        return False
    return succeeded(event) and not by_aws_service(event)


def policy(event):
    return event.deep_get("requestParameters", "policyId") or event.deep_get(
        "requestParameters", "policyType", default="unknown"
    )


def title(event):
    return f"{actor(event)} removed a guardrail of the organization: {event.get('eventName')} {policy(event)}"


def alert_context(event):
    target = event.deep_get("requestParameters", "targetId") or event.deep_get("requestParameters", "rootId")
    return context(event, policy=policy(event), target=target)
