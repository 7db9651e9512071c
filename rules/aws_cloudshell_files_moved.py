from iota_cloudtrail import account, actor, context, succeeded

EVENTS = ("GetFileDownloadUrls", "GetFileUploadUrls")


def rule(event):
    return (
        event.get("eventName") in EVENTS and event.get("eventSource") == "cloudshell.amazonaws.com" and succeeded(event)
    )


def severity(event):
    without_mfa = event.deep_get("userIdentity", "sessionContext", "attributes", "mfaAuthenticated") != "true"
    # The MFA of federated people happens elsewhere.
    return "MEDIUM" if event.deep_get("userIdentity", "type") == "IAMUser" and without_mfa else "LOW"


def title(event):
    way = "out of" if event.get("eventName") == "GetFileDownloadUrls" else "into"
    return f"{actor(event)} carried a file {way} CloudShell in account {account(event)}"


def alert_context(event):
    return context(event, path=event.deep_get("requestParameters", "FileDownloadPath"))
