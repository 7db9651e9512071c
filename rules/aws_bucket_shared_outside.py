from iota_cloudtrail import actor, by_aws_service, context, succeeded
from iota_resources import accounts_let_in

# Accounts that may be let in. Given here: those by which Elastic Load Balancing delivers logs in its older regions.
TRUSTED_ACCOUNTS = (
    "127311923021",
    "033677994240",
    "027434742980",
    "797873946194",
    "985666609251",
    "054676820928",
    "156460612806",
    "652711504416",
    "009996457667",
    "897822967062",
    "582318560864",
    "600734575887",
    "114774131450",
    "783225319266",
    "718504428378",
    "507241528517",
)


def rule(event):
    if event.get("eventName") != "PutBucketPolicy" or event.get("eventSource") != "s3.amazonaws.com":
        return False
    return succeeded(event) and not by_aws_service(event) and bool(receivers(event))


def receivers(event):
    return accounts_let_in(event, event.deep_get("requestParameters", "bucketPolicy"), TRUSTED_ACCOUNTS)


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} opened bucket {bucket(event)} to account {', '.join(receivers(event))}"


def alert_context(event):
    return context(event, bucket=bucket(event), receivers=receivers(event))
