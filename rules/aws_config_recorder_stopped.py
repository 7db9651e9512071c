from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("StopConfigurationRecorder", "DeleteConfigurationRecorder", "DeleteDeliveryChannel")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "config.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event)


def title(event):
    where = f"account {account(event)}, {event.get('awsRegion')}"
    return f"{actor(event)} stopped AWS Config in {where}: {event.get('eventName')}"


def dedup(event):
    # Channel and recorder go together, region by region.
    return f"{account(event)}:{actor(event)}"


def alert_context(event):
    name = event.deep_get("requestParameters", "configurationRecorderName") or event.deep_get(
        "requestParameters", "deliveryChannelName"
    )
    return context(event, name=name)
