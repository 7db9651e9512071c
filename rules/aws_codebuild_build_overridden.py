from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import by_person, from_instance, in_unusual_hands

EVENTS = ("StartBuild", "StartBuildBatch")
OVERRIDES = ("buildspecOverride", "sourceLocationOverride", "imageOverride", "serviceRoleOverride")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "codebuild.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return (by_person(event) or from_instance(event)) and bool(overridden(event))


def overridden(event):
    return [name for name in OVERRIDES if event.deep_get("requestParameters", name) is not None]


def project(event):
    return event.deep_get("requestParameters", "projectName", default="unknown")


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    return f"{actor(event)} started a build of {project(event)} with own instructions in account {account(event)}"


def alert_context(event):
    return context(
        event,
        project=project(event),
        overridden=overridden(event),
        build=event.deep_get("responseElements", "build", "id"),
    )
