from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

ENDINGS = ("Disable", "DisassociateMember")
FILTERS = ("CreateFilter", "UpdateFilter")


def rule(event):
    name = event.get("eventName")
    if event.get("eventSource") != "inspector2.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    if name in FILTERS:
        return event.deep_get("requestParameters", "action") == "SUPPRESS"
    return name in ENDINGS


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} switched Inspector off in {where}: {event.get('eventName')}"


def alert_context(event):
    accounts = [str(one) for one in as_list(event.deep_get("requestParameters", "accountIds"))]
    types = [str(one) for one in as_list(event.deep_get("requestParameters", "resourceTypes"))]
    return context(event, accounts=accounts, types=types)
