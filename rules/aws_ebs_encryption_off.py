from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "DisableEbsEncryptionByDefault"
        and event.get("eventSource") == "ec2.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def title(event):
    return (
        f"{actor(event)} switched off the encryption of new disks in account {account(event)}, {event.get('awsRegion')}"
    )


def alert_context(event):
    return context(event)
