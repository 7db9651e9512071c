from iota_cloudtrail import actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "UpdateProjectVisibility"
        and event.get("eventSource") == "codebuild.amazonaws.com"
        and event.deep_get("requestParameters", "projectVisibility") == "PUBLIC_READ"
        and succeeded(event)
        and not by_aws_service(event)
    )


def project(event):
    return event.deep_get("requestParameters", "projectArn", default="unknown")


def title(event):
    return f"{actor(event)} made the builds of {project(event).rpartition('/')[2]} public"


def alert_context(event):
    return context(event, project=project(event), role=event.deep_get("requestParameters", "resourceAccessRole"))
