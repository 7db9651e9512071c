from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("DeleteAnalyzer", "CreateArchiveRule", "UpdateArchiveRule")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "access-analyzer.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def analyzer(event):
    return event.deep_get("requestParameters", "analyzerName", default="unknown")


def title(event):
    return f"{actor(event)} silenced analyzer {analyzer(event)} in account {account(event)}: {event.get('eventName')}"


def alert_context(event):
    return context(event, analyzer=analyzer(event), archive_rule=event.deep_get("requestParameters", "ruleName"))
