from iota_cloudtrail import account, actor, context, succeeded

# Deleting imported key material works at once; scheduling a deletion leaves 7 to 30 days.
EVENTS = ("ScheduleKeyDeletion", "DeleteImportedKeyMaterial")


def rule(event):
    return event.get("eventSource") == "kms.amazonaws.com" and event.get("eventName") in EVENTS and succeeded(event)


def key(event):
    return event.deep_get("requestParameters", "keyId", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} scheduled KMS key {key(event)} of account {account(event)} for deletion"


def alert_context(event):
    return context(
        event,
        key=key(event),
        days_left=event.deep_get("requestParameters", "pendingWindowInDays"),
        gone_on=event.deep_get("responseElements", "deletionDate"),
    )
