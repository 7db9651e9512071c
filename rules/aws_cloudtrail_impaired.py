from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded

# Enough by themselves.
ENDINGS = ("StopLogging", "DeleteTrail", "StopEventDataStoreIngestion", "DeleteEventDataStore")
# UpdateTrail: what a trail must not lose. Absent means unchanged.
PROTECTIONS = ("isMultiRegionTrail", "includeGlobalServiceEvents", "enableLogFileValidation")


def rule(event):
    if event.get("eventSource") != "cloudtrail.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    name = event.get("eventName")
    if name in ENDINGS:
        return True
    if name == "UpdateTrail":
        return any(event.deep_get("requestParameters", part) is False for part in PROTECTIONS)
    if name == "PutEventSelectors":
        return not sees_management_events(event)
    return False


def sees_management_events(event):
    """Whether one of the new selectors, basic or advanced, takes all management events, reads and writes."""
    for selector in as_list(event.deep_get("requestParameters", "eventSelectors")):
        if selector.get("includeManagementEvents") is not False and selector.get("readWriteType", "All") == "All":
            return True
    for selector in as_list(event.deep_get("requestParameters", "advancedEventSelectors")):
        fields = {field.get("field"): as_list(field.get("equals")) for field in as_list(selector.get("fieldSelectors"))}
        # `eventSource` can only leave out KMS and the RDS data API, which are noise; any other field narrows.
        if "Management" in fields.get("eventCategory", []) and fields.keys() <= {"eventCategory", "eventSource"}:
            return True
    return False


def trail(event):
    for part in ("name", "trailName", "eventDataStore"):
        name = event.deep_get("requestParameters", part)
        if name:
            return name.rpartition("/")[2]
    return "unknown"


def severity(event):
    # A narrower trail may be a data trail that was never meant to see the rest.
    return "HIGH" if event.get("eventName") in ENDINGS else "MEDIUM"


def title(event):
    return f"{actor(event)} impaired CloudTrail in account {account(event)}: {event.get('eventName')} on {trail(event)}"


def alert_context(event):
    return context(event, trail=trail(event))
