from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("DeleteResolverQueryLogConfig", "DisassociateResolverQueryLogConfig", "DeleteQueryLoggingConfig")
SOURCES = ("route53resolver.amazonaws.com", "route53.amazonaws.com")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    return succeeded(event) and not by_aws_service(event)


def config(event):
    return event.deep_get("requestParameters", "resolverQueryLogConfigId") or event.deep_get(
        "requestParameters", "id", default="unknown"
    )


def title(event):
    return f"{actor(event)} stopped DNS query logging {config(event)} in account {account(event)}"


def alert_context(event):
    return context(event, config=config(event), vpc=event.deep_get("requestParameters", "resourceId"))
