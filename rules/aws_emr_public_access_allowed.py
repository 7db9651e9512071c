from iota_cloudtrail import account, actor, as_list, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "PutBlockPublicAccessConfiguration":
        return False
    if event.get("eventSource") != "elasticmapreduce.amazonaws.com" or not succeeded(event) or by_aws_service(event):
        return False
    asked = event.deep_get("requestParameters", "blockPublicAccessConfiguration", default={})
    return asked.get("blockPublicSecurityGroupRules") is False or any(
        not only_ssh(entry) for entry in as_list(asked.get("permittedPublicSecurityGroupRuleRanges"))
    )


def only_ssh(entry):
    return entry.get("minRange") == 22 and entry.get("maxRange") in (22, None)


def title(event):
    return f"{actor(event)} allowed public EMR clusters in account {account(event)}, {event.get('awsRegion')}"


def alert_context(event):
    return context(event)
