from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import foreign_accounts, requested

EVENTS = ("StartExportTask", "ExportTableToPointInTime")
SOURCES = ("rds.amazonaws.com", "dynamodb.amazonaws.com")
# ARNs of the roles that export as their daily work.
EXPORTERS = ()


def rule(event):
    if event.get("eventName") not in EVENTS or event.get("eventSource") not in SOURCES:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    return event.deep_get("userIdentity", "sessionContext", "sessionIssuer", "arn") not in EXPORTERS


def exported(event):
    arn = event.deep_get("requestParameters", "sourceArn") or event.deep_get("requestParameters", "tableArn")
    return (arn or "unknown").rpartition(":")[2]


def bucket(event):
    # RDS and DynamoDB write the name differently.
    return requested(event, "s3BucketName", "s3Bucket")


def severity(event):
    owner = event.deep_get("requestParameters", "s3BucketOwner", default="")
    return "HIGH" if foreign_accounts(event, [owner]) else "MEDIUM"


def title(event):
    return f"{actor(event)} exported {exported(event)} of account {account(event)} to bucket {bucket(event)}"


def alert_context(event):
    return context(
        event,
        exported=exported(event),
        bucket=bucket(event),
        bucket_owner=event.deep_get("requestParameters", "s3BucketOwner"),
    )
