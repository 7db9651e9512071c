"""What almost every CloudTrail rule asks: did it succeed, who did it, and what should a person see first."""


def succeeded(event):
    """Whether AWS did what was asked. A failed sign-in has a message but no code."""
    return not event.get("errorCode") and not event.get("errorMessage")


def by_aws_service(event):
    """Whether AWS acted for itself: as a service, or in a service-linked role, which only AWS can assume.

    `invokedBy` is not asked: CloudFormation and its like name themselves there when they carry out a person's wish.
    """
    if event.deep_get("userIdentity", "type") == "AWSService":
        return True
    issuer = event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn", default="")
    return ":role/aws-service-role/" in issuer


def actor(event):
    """Who acted, as short as a person would say it: `alice`, `ci-deploy/GitHubActions`, `root`."""
    if event.deep_get("userIdentity", "type") == "Root":
        return "root"
    name = event.deep_get("userIdentity", "userName", default="")
    arn = event.deep_get("userIdentity", "arn", default="")
    # arn:aws:sts::111122223333:assumed-role/ROLE/SESSION
    return name or arn.partition("/")[2] or event.deep_get("userIdentity", "principalId", default="unknown")


def account(event):
    """The account in which it happened."""
    return event.get("recipientAccountId") or event.deep_get("userIdentity", "accountId", default="unknown")


def as_list(value):
    """A list, whatever CloudTrail made of it: a list of one is often written as the element itself, none as null."""
    if value is None:
        return []
    if isinstance(value, str) or hasattr(value, "keys"):
        return [value]
    return list(value)


def context(event, **more):
    """The alert's context: the facts a responder needs first, and what the rule adds."""
    return {
        "account": account(event),
        "actor": event.deep_get("userIdentity", "arn") or actor(event),
        "access_key": event.deep_get("userIdentity", "accessKeyId"),
        "source_ip": event.get("sourceIPAddress"),
        "user_agent": event.get("userAgent"),
        "region": event.get("awsRegion"),
        **more,
    }
