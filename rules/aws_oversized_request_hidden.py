from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "AddPermission20150331v2",
    "CreateGrant",
    "CreateRole",
    "PutBucketAcl",
    "PutBucketPolicy",
    "PutEventSelectors",
    "PutInlinePolicyToPermissionSet",
    "PutKeyPolicy",
    "PutRepositoryPolicy",
    "PutResourcePolicy",
    "SetQueueAttributes",
    "SetRepositoryPolicy",
    "SetTopicAttributes",
    "UpdateAssumeRolePolicy",
    "UpdatePolicy",
)


def rule(event):
    if event.get("eventName") not in EVENTS or event.deep_get("requestParameters", "omitted") is None:
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    return f"{actor(event)} hid a request from CloudTrail in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    arns = [resource.get("ARN") for resource in event.get("resources") or []]
    return context(event, bytes=event.deep_get("requestParameters", "originalSize"), resources=arns)
