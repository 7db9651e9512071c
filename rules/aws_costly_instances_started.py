from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_resources import by_person, from_instance, on_behalf, with_long_term_key
from iota_site import is_allowed_region

# Families with graphics processors or other accelerators.
ACCELERATED = (
    "p2.",
    "p3",
    "p4",
    "p5",
    "p6",
    "g3",
    "g4",
    "g5",
    "g6",
    "gr6",
    "dl1.",
    "dl2",
    "trn",
    "inf",
    "f1.",
    "f2.",
    "vt1.",
)
MANY = 20


def rule(event):
    if event.get("eventName") != "RunInstances" or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    return (by_person(event) or from_instance(event)) and (accelerated(event) or asked(event) >= MANY)


def kind(event):
    return event.deep_get("requestParameters", "instanceType", default="unknown")


def accelerated(event):
    return kind(event).startswith(ACCELERATED)


def asked(event):
    items = as_list(event.deep_get("requestParameters", "instancesSet", "items"))
    return sum(item.get("maxCount") or 0 for item in items)


def severity(event):
    if with_long_term_key(event) or not is_allowed_region(event.get("awsRegion")):
        return "HIGH"
    return "MEDIUM" if from_instance(event) else "LOW"


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} started {asked(event)} {kind(event)} in {where}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def alert_context(event):
    items = as_list(event.deep_get("responseElements", "instancesSet", "items"))
    return context(event, kind=kind(event), count=asked(event), instances=[item.get("instanceId") for item in items])
