from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("DisableImageBlockPublicAccess", "DisableSnapshotBlockPublicAccess", "ModifyVpcBlockPublicAccessOptions")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ec2.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "ModifyVpcBlockPublicAccessOptions":
        mode = event.deep_get(
            "requestParameters", "ModifyVpcBlockPublicAccessOptionsRequest", "InternetGatewayBlockMode"
        )
        return mode == "off"
    return True


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} lifted a block against public access in {where}: {event.get('eventName')}"


def alert_context(event):
    return context(event)
