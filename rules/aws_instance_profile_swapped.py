from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    return (
        event.get("eventName") == "ReplaceIamInstanceProfileAssociation"
        and event.get("eventSource") == "ec2.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def profile(event):
    new = ("requestParameters", "ReplaceIamInstanceProfileAssociationRequest", "IamInstanceProfile")
    return event.deep_get(*new, "Name") or event.deep_get(*new, "Arn", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} gave a running instance in account {account(event)} the profile {profile(event)}"


def alert_context(event):
    request = ("requestParameters", "ReplaceIamInstanceProfileAssociationRequest")
    return context(event, profile=profile(event), association=event.deep_get(*request, "AssociationId"))
