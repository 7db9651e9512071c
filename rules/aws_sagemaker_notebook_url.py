from iota_cloudtrail import account, actor, context, succeeded
from iota_resources import from_console, in_unusual_hands, requested

EVENTS = ("CreatePresignedNotebookInstanceUrl", "CreatePresignedDomainUrl", "CreatePresignedMlflowTrackingServerUrl")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "sagemaker.amazonaws.com":
        return False
    return succeeded(event) and in_unusual_hands(event) and not from_console(event)


def notebook(event):
    return requested(event, "notebookInstanceName", "domainId", "trackingServerName")


def title(event):
    return f"{actor(event)} opened the notebook {notebook(event)} of account {account(event)} by a presigned URL"


def alert_context(event):
    return context(event, notebook=notebook(event))
