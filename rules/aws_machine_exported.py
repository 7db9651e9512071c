from iota_cloudtrail import account, actor, by_aws_service, context, succeeded

EVENTS = ("CreateInstanceExportTask", "ExportImage", "CreateStoreImageTask")
PLACES = (
    ("exportToS3", "s3Bucket"),
    ("s3ExportLocation", "s3Bucket"),
    ("ExportImageRequest", "S3ExportLocation", "S3Bucket"),
    ("CreateStoreImageTaskRequest", "Bucket"),
)
MACHINES = (
    ("instanceId",),
    ("imageId",),
    ("ExportImageRequest", "ImageId"),
    ("CreateStoreImageTaskRequest", "ImageId"),
)


def rule(event):
    return (
        event.get("eventName") in EVENTS
        and event.get("eventSource") == "ec2.amazonaws.com"
        and succeeded(event)
        and not by_aws_service(event)
    )


def first(event, paths):
    for path in paths:
        value = event.deep_get("requestParameters", *path)
        if value:
            return value
    return "unknown"


def title(event):
    return (
        f"{actor(event)} exported {first(event, MACHINES)} of account {account(event)} to bucket {first(event, PLACES)}"
    )


def alert_context(event):
    return context(event, machine=first(event, MACHINES), bucket=first(event, PLACES))
