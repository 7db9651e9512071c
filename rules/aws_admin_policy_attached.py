from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("AttachUserPolicy", "AttachRolePolicy", "AttachGroupPolicy")

# Managed policies that are administrator rights, or can give themselves those rights. The start of the ARN differs
# between AWS's partitions (aws, aws-cn, aws-us-gov), its end does not.
ADMIN_POLICIES = (
    ":iam::aws:policy/AdministratorAccess",
    ":iam::aws:policy/IAMFullAccess",
)


def rule(event):
    if event.get("eventSource") != "iam.amazonaws.com" or event.get("eventName") not in EVENTS:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return event.deep_get("requestParameters", "policyArn", default="").endswith(ADMIN_POLICIES)


def receiver(event):
    for kind in ("userName", "roleName", "groupName"):
        name = event.deep_get("requestParameters", kind)
        if name:
            return f"{kind.removesuffix('Name')} {name}"
    return "unknown"


def title(event):
    policy = event.deep_get("requestParameters", "policyArn", default="").rpartition("/")[2]
    return f"{actor(event)} gave {policy} to {receiver(event)} in account {account(event)}"


def alert_context(event):
    return context(event, receiver=receiver(event), policy=event.deep_get("requestParameters", "policyArn"))
