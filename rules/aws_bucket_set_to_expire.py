from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded

EVENTS = ("PutBucketLifecycle", "PutBucketLifecycleConfiguration")
DAYS = 7
# Buckets for what is only needed for days.
BUCKETS = ()
# Prefixes that leave nothing out.
EVERYTHING = (None, "", "*", "/")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or bucket(event) in BUCKETS:
        return False
    return bool(deadly_rules(event))


def deadly_rules(event):
    rules = as_list(event.deep_get("requestParameters", "LifecycleConfiguration", "Rule"))
    return [rule.get("ID") or "unnamed" for rule in rules if is_deadly(rule)]


def is_deadly(rule):
    if rule.get("Status") != "Enabled":
        return False
    chosen = rule.get("Filter")
    if hasattr(chosen, "get"):
        # A tag, a size or several conditions at once choose.
        if any(name != "Prefix" for name in chosen):
            return False
        chosen = chosen.get("Prefix")
    if chosen not in EVERYTHING or rule.get("Prefix") not in EVERYTHING:
        return False
    return soon(rule.get("Expiration"), "Days") or soon(rule.get("NoncurrentVersionExpiration"), "NoncurrentDays")


def soon(action, member):
    days = action.get(member) if hasattr(action, "get") else None
    return days is not None and int(days) <= DAYS


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} set bucket {bucket(event)} to delete everything within {DAYS} days"


def alert_context(event):
    return context(event, bucket=bucket(event), rules=deadly_rules(event))
