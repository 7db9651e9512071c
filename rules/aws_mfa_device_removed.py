from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user


def rule(event):
    if event.get("eventName") != "DeactivateMFADevice" or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return is_root_device(event) or is_for_another_user(event)


def is_root_device(event):
    return event.deep_get("requestParameters", "serialNumber", default="").endswith(":mfa/root-account-mfa-device")


def severity(event):
    return "CRITICAL" if is_root_device(event) else "MEDIUM"


def title(event):
    owner = "root" if is_root_device(event) else event.deep_get("requestParameters", "userName", default="unknown")
    return f"{actor(event)} removed an MFA device of {owner} in account {account(event)}"


def alert_context(event):
    return context(
        event,
        user=event.deep_get("requestParameters", "userName"),
        device=event.deep_get("requestParameters", "serialNumber"),
    )
