from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_for_another_user

EVENTS = ("CreateServiceSpecificCredential", "ResetServiceSpecificCredential")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "iam.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return is_for_another_user(event) or service(event) == "bedrock.amazonaws.com"


def service(event):
    return event.deep_get("requestParameters", "serviceName") or event.deep_get(
        "responseElements", "serviceSpecificCredential", "serviceName", default="a service"
    )


def title(event):
    owner = event.deep_get("requestParameters", "userName") or actor(event)
    return f"{actor(event)} made a credential of {service(event)} for user {owner} in account {account(event)}"


def alert_context(event):
    new = event.deep_get("responseElements", "serviceSpecificCredential", "serviceSpecificCredentialId")
    return context(
        event, owner=event.deep_get("requestParameters", "userName"), service=service(event), new_credential=new
    )
