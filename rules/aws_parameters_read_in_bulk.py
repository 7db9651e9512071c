from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

EVENTS = ("GetParameter", "GetParameters", "GetParametersByPath")


def rule(event):
    # One read is ordinary. `Threshold` in the .yml says how many within DedupPeriodMinutes make an alert.
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "ssm.amazonaws.com":
        return False
    if event.deep_get("requestParameters", "withDecryption") is not True:
        return False
    return succeeded(event) and not by_aws_service(event)


def asked(event):
    names = as_list(event.deep_get("requestParameters", "names"))
    path = event.deep_get("requestParameters", "path") or event.deep_get("requestParameters", "name", default="")
    return ",".join(str(name) for name in names) or path or "unknown"


def title(event):
    return f"{actor(event)} read many decrypted parameters of account {account(event)}"


def dedup(event):
    return event.deep_get("userIdentity", "arn") or actor(event)


def unique(event):
    # What counts towards the threshold: different questions. A program that asks for its own every minute stays at one.
    return asked(event)


def alert_context(event):
    return context(event, asked=asked(event))
