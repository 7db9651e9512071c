from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded
from iota_resources import foreign_accounts


def rule(event):
    if event.get("eventName") != "PutBucketReplication" or event.get("eventSource") != "s3.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and any(goes_outside(event, to) for to in copies(event))


def copies(event):
    rules = as_list(event.deep_get("requestParameters", "ReplicationConfiguration", "Rule"))
    return [rule.get("Destination") or {} for rule in rules if rule.get("Status") == "Enabled"]


def goes_outside(event, destination):
    # Without an account the destination may be anybody's.
    owner = destination.get("Account")
    return owner is None or bool(foreign_accounts(event, [owner]))


def receivers(event):
    return foreign_accounts(event, [to.get("Account") for to in copies(event)])


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def severity(event):
    return "HIGH" if receivers(event) else "LOW"


def title(event):
    whom = f"account {', '.join(receivers(event))}" if receivers(event) else "another bucket"
    return f"{actor(event)} had bucket {bucket(event)} replicated to {whom}"


def alert_context(event):
    return context(
        event,
        bucket=bucket(event),
        receivers=receivers(event),
        destinations=[to.get("Bucket") for to in copies(event)],
    )
