from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded
from iota_resources import from_instance, on_behalf, with_long_term_key

# Documents of AWS that run what the caller writes. A document without AWS- in front is somebody's own.
SHELLS = ("AWS-RunShellScript", "AWS-RunPowerShellScript", "AWS-RunRemoteScript", "AWS-RunDocument", "AWS-RunSaltState")
MANY = 5


def rule(event):
    if event.get("eventName") != "SendCommand" or event.get("eventSource") != "ssm.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    document = event.deep_get("requestParameters", "documentName", default="")
    return document in SHELLS or not document.startswith(("AWS-", "AWSFleetManager-", "AmazonInspector2-"))


def instances(event):
    return as_list(event.deep_get("requestParameters", "instanceIds"))


def severity(event):
    if from_instance(event):
        return "HIGH"
    # Targets are tags: as many instances as carry them.
    wide = len(instances(event)) >= MANY or event.deep_get("requestParameters", "targets") is not None
    return "MEDIUM" if wide or with_long_term_key(event) else "LOW"


def title(event):
    document = event.deep_get("requestParameters", "documentName", default="unknown").rpartition("/")[2]
    return f"{actor(event)} ran {document} on instances of account {account(event)}"


def alert_context(event):
    return context(
        event,
        document=event.deep_get("requestParameters", "documentName"),
        instances=instances(event),
        targets=as_list(event.deep_get("requestParameters", "targets")),
        command_id=event.deep_get("responseElements", "command", "commandId"),
    )
