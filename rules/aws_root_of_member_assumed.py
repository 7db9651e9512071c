from iota_cloudtrail import actor, by_aws_service, context, succeeded

AUDITS = ("IAMAuditRootUserCredentials",)
CLEANUPS = ("IAMDeleteRootUserCredentials",)


def rule(event):
    return (
        event.get("eventName") == "AssumeRoot"
        and event.get("eventSource") == "sts.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def task(event):
    policy = event.deep_get("requestParameters", "taskPolicyArn", "arn", default="unknown")
    return policy.rpartition("/")[2]


def target(event):
    return event.deep_get("requestParameters", "targetPrincipal", default="unknown")


def severity(event):
    if task(event) in AUDITS:
        return "LOW"
    return "MEDIUM" if task(event) in CLEANUPS else "HIGH"


def title(event):
    return f"{actor(event)} took a root session in account {target(event)} for {task(event)}"


def alert_context(event):
    new_key = event.deep_get("responseElements", "credentials", "accessKeyId")
    return context(event, target=target(event), task=task(event), new_key=new_key)
