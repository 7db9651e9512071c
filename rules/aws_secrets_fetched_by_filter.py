from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "BatchGetSecretValue" or event.get("eventSource") != "secretsmanager.amazonaws.com":
        return False
    # External Secrets finds by filter what it copies into a cluster.
    if not succeeded(event) or by_aws_service(event) or "external-secrets" in (event.get("userAgent") or ""):
        return False
    return bool(event.deep_get("requestParameters", "filters"))


def filters(event):
    found = as_list(event.deep_get("requestParameters", "filters"))
    return [f"{one.get('key')}={','.join(as_list(one.get('values')))}" for one in found]


def title(event):
    return f"{actor(event)} fetched secrets of account {account(event)} by filter"


def alert_context(event):
    return context(event, filters=filters(event))
