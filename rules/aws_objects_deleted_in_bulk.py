from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import by_person, on_behalf, with_long_term_key

EVENTS = ("DeleteObject", "DeleteObjects")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    return succeeded(event) and by_person(event) and not by_aws_service(event) and not on_behalf(event)


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def severity(event):
    return "HIGH" if with_long_term_key(event) else "MEDIUM"


def title(event):
    return f"{actor(event)} deleted objects of bucket {bucket(event)} in bulk in account {account(event)}"


def dedup(event):
    return f"{event.deep_get('userIdentity', 'arn', default='unknown')} {bucket(event)}"


def alert_context(event):
    return context(event, bucket=bucket(event), object=event.deep_get("requestParameters", "key"))
