from iota_cloudtrail import actor, as_list, by_aws_service, context, succeeded

EVENTS = ("PutBucketPolicy", "PutBucketAcl", "CreateBucket")
PUBLIC_ACLS = ("public-read", "public-read-write", "authenticated-read")
PUBLIC_GROUPS = ("groups/global/AllUsers", "groups/global/AuthenticatedUsers")
# Condition keys that tie a statement to somebody, as S3 itself counts them when it decides what is public.
RESTRICTING_KEYS = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
)


def rule(event):
    if event.get("eventSource") != "s3.amazonaws.com" or event.get("eventName") not in EVENTS:
        return False
    if not succeeded(event) or by_aws_service(event):
        return False
    if event.get("eventName") == "PutBucketPolicy":
        statements = as_list(event.deep_get("requestParameters", "bucketPolicy", "Statement"))
        return any(is_public(statement) for statement in statements)
    return has_public_acl(event)


def is_public(statement):
    if statement.get("Effect") != "Allow" or is_restricted(statement.get("Condition")):
        return False
    if statement.get("NotPrincipal") is not None:
        # Everyone but a few.
        return True
    principal = statement.get("Principal")
    if hasattr(principal, "keys"):
        principal = principal.get("AWS")
    return "*" in as_list(principal)


def is_restricted(condition):
    for operator, tests in (condition or {}).items():
        # `NotIpAddress` and the like leave the rest of the world in.
        if "Not" in operator:
            continue
        for key, values in tests.items():
            if key.lower() in RESTRICTING_KEYS and not any(lets_all_through(value) for value in as_list(values)):
                return True
    return False


def lets_all_through(value):
    return str(value).startswith("*") or str(value).endswith("/0")


def has_public_acl(event):
    canned = as_list(event.deep_get("requestParameters", "x-amz-acl"))
    if any(acl in PUBLIC_ACLS for acl in canned):
        return True
    grants = event.deep_get("requestParameters", "AccessControlPolicy", "AccessControlList", "Grant")
    return any(grant.get("Grantee", {}).get("URI", "").endswith(PUBLIC_GROUPS) for grant in as_list(grants))


def bucket(event):
    return event.deep_get("requestParameters", "bucketName", default="unknown")


def title(event):
    return f"{actor(event)} made bucket {bucket(event)} public with {event.get('eventName')}"


def alert_context(event):
    return context(event, bucket=bucket(event))
