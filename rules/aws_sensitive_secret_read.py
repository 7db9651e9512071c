from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_identity import is_person

LAST_RESORT = ("root", "break-glass", "breakglass", "emergency")
POWERFUL = ("admin", "master", "private-key", "privatekey", "signing")


def rule(event):
    if event.get("eventName") != "GetSecretValue" or event.get("eventSource") != "secretsmanager.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or not is_person(event):
        return False
    return has(event, LAST_RESORT) or has(event, POWERFUL)


def has(event, words):
    return any(word in secret(event).lower() for word in words)


def secret(event):
    # A name or an ARN.
    return event.deep_get("requestParameters", "secretId", default="unknown").rpartition(":secret:")[2]


def severity(event):
    return "MEDIUM" if has(event, LAST_RESORT) else "LOW"


def title(event):
    return f"{actor(event)} read secret {secret(event)} of account {account(event)}"


def alert_context(event):
    return context(event, secret=secret(event))
