from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import accounts_let_in, foreign_accounts, on_behalf

EVENTS = ("PutKeyPolicy", "CreateKey", "CreateGrant")


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "kms.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and not on_behalf(event) and bool(receivers(event))


def receivers(event):
    grantee = event.deep_get("requestParameters", "granteePrincipal", default="")
    policy = event.deep_get("requestParameters", "policy")
    let_in = accounts_let_in(event, policy)
    return sorted({*let_in, *foreign_accounts(event, [grantee])})


def key(event):
    name = event.deep_get("requestParameters", "keyId") or event.deep_get(
        "responseElements", "keyMetadata", "keyId", default="unknown"
    )
    return name.rpartition("/")[2]


def title(event):
    whom = ", ".join(receivers(event))
    return f"{actor(event)} opened KMS key {key(event)} of account {account(event)} to account {whom}"


def alert_context(event):
    return context(event, key=key(event), receivers=receivers(event))
