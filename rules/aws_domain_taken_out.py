from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = (
    "DisableDomainTransferLock",
    "RetrieveDomainAuthCode",
    "TransferDomainToAnotherAwsAccount",
    "UpdateDomainNameservers",
    "DeleteDomain",
)


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "route53domains.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def domain(event):
    return event.deep_get("requestParameters", "domainName", default="unknown")


def title(event):
    return (
        f"{actor(event)} laid hands on the domain {domain(event)} of account {account(event)}: {event.get('eventName')}"
    )


def alert_context(event):
    return context(event, domain=domain(event), receiver=event.deep_get("requestParameters", "accountId"))
