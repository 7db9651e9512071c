from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded
from iota_resources import foreign_accounts, on_behalf

EVENTS = ("PutObject", "CopyObject", "CreateMultipartUpload", "PutBucketEncryption")
KEY = "x-amz-server-side-encryption-aws-kms-key-id"


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") != "s3.amazonaws.com":
        return False
    if not succeeded(event) or by_aws_service(event) or on_behalf(event):
        return False
    return bool(key_accounts(event))


def keys(event):
    configuration = event.deep_get("requestParameters", "ServerSideEncryptionConfiguration", default={})
    defaults = [
        (rule.get("ApplyServerSideEncryptionByDefault") or {}).get("KMSMasterKeyID")
        for rule in as_list(configuration.get("Rule"))
    ]
    return [name for name in (event.deep_get("requestParameters", KEY), *defaults) if name]


def key_accounts(event):
    """The accounts of the keys that belong neither to the bucket's account nor to the caller's."""
    home = event.deep_get("userIdentity", "accountId")
    return foreign_accounts(event, keys(event), (home,))


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    whom = ", ".join(key_accounts(event))
    return f"{actor(event)} encrypted bucket {bucket(event)} with a key of account {whom}"


def alert_context(event):
    return context(
        event,
        bucket=bucket(event),
        key_account=", ".join(key_accounts(event)),
        keys=keys(event),
        object=event.deep_get("requestParameters", "key"),
    )
