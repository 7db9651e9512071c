from iota_cloudtrail import account, actor, by_aws_service, context, succeeded


def rule(event):
    if event.get("eventName") != "ImportKeyMaterial" or event.get("eventSource") != "kms.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    # Expiry is what AWS takes where nothing is said.
    model = event.deep_get("requestParameters", "expirationModel", default="KEY_MATERIAL_EXPIRES")
    return model == "KEY_MATERIAL_EXPIRES"


def key(event):
    return event.deep_get("requestParameters", "keyId", default="unknown").rpartition("/")[2]


def title(event):
    return f"{actor(event)} imported material that expires into KMS key {key(event)} of account {account(event)}"


def alert_context(event):
    return context(event, key=key(event), expires=event.deep_get("requestParameters", "validTo"))
