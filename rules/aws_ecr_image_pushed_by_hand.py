from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import by_ci
from iota_resources import by_person, from_instance, in_unusual_hands

SOURCES = ("ecr.amazonaws.com", "ecr-public.amazonaws.com")


def rule(event):
    if event.get("eventName") != "PutImage" or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event) or by_ci(event):
        return False
    return by_person(event) or from_instance(event)


def severity(event):
    return "MEDIUM" if in_unusual_hands(event) else "LOW"


def title(event):
    repository = event.deep_get("requestParameters", "repositoryName", default="unknown")
    return f"{actor(event)} pushed an image to the repository {repository} of account {account(event)} by hand"


def alert_context(event):
    return context(
        event,
        repository=event.deep_get("requestParameters", "repositoryName"),
        tag=event.deep_get("requestParameters", "imageTag"),
        digest=event.deep_get("responseElements", "image", "imageId", "imageDigest"),
    )
