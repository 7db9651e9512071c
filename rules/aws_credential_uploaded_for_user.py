from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user

EVENTS = ("UploadSSHPublicKey", "UploadSigningCertificate")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and is_for_another_user(event)


def title(event):
    what = "an SSH key" if event.get("eventName") == "UploadSSHPublicKey" else "a signing certificate"
    owner = event.deep_get("requestParameters", "userName", default="unknown")
    return f"{actor(event)} added {what} to user {owner} in account {account(event)}"


def alert_context(event):
    return context(event, owner=event.deep_get("requestParameters", "userName"))
