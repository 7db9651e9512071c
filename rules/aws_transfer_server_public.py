from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import with_long_term_key


def rule(event):
    if event.get("eventName") != "CreateServer" or event.get("eventSource") != "transfer.amazonaws.com":
        return False
    # PUBLIC is what AWS takes where nothing is said.
    return (
        event.deep_get("requestParameters", "endpointType", default="PUBLIC") == "PUBLIC"
        and succeeded(event)
        and not by_aws_service(event)
    )


def severity(event):
    return "MEDIUM" if with_long_term_key(event) else "LOW"


def title(event):
    server = event.deep_get("responseElements", "serverId", default="unknown")
    return f"{actor(event)} opened the file transfer server {server} in account {account(event)}"


def alert_context(event):
    return context(event, server=event.deep_get("responseElements", "serverId"))
