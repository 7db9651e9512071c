from iota_cloudtrail import account, actor, by_aws_service, context, succeeded
from iota_resources import lets_everyone_in

# Which call carries a policy, and in which member.
POLICIES = {
    "SetRepositoryPolicy": ("policyText",),
    "SetQueueAttributes": ("attributes", "Policy"),
    "CreateQueue": ("attributes", "Policy"),
    "SetTopicAttributes": ("attributeValue",),
    "PutKeyPolicy": ("policy",),
    "CreateKey": ("policy",),
    "PutResourcePolicy": ("resourcePolicy",),
    "PutAccessPointPolicy": ("Policy",),
    "PutFileSystemPolicy": ("policy",),
    "PutBackupVaultAccessPolicy": ("policy",),
    "UpdateDomainConfig": ("accessPolicies",),
    "UpdateElasticsearchDomainConfig": ("accessPolicies",),
}
GRAVE = ("kms.amazonaws.com", "secretsmanager.amazonaws.com")
NAMES = (
    "repositoryName",
    "queueUrl",
    "queueName",
    "topicArn",
    "keyId",
    "secretId",
    "resourceArn",
    "name",
    "fileSystemId",
    "backupVaultName",
    "domainName",
)


def rule(event):
    if event.get("eventName") not in POLICIES or not succeeded(event) or by_aws_service(event):
        return False
    # A search domain inside a network leaves the question of who may ask to its security groups.
    if event.deep_get("responseElements", "domainConfig", "vPCOptions", "options", "vPCId"):
        return False
    return lets_everyone_in(policy(event))


def policy(event):
    # A file system without a policy is public to its network, which this call does not change. CreateKey without
    # one gives the account itself.
    found = event.deep_get("requestParameters", *POLICIES[event.get("eventName")])
    # Secrets Manager and DynamoDB have calls of one name, and S3 may hold its own one level down.
    return (
        found
        or event.deep_get("requestParameters", "policy")
        or event.deep_get("requestParameters", "PutAccessPointPolicyRequest", "Policy")
    )


def resource(event):
    for part in NAMES:
        name = event.deep_get("requestParameters", part)
        if name:
            return name.rpartition("/")[2] if part == "queueUrl" else name
    return event.deep_get("responseElements", "keyMetadata", "keyId", default="unknown")


def service(event):
    return event.get("eventSource").partition(".")[0]


def severity(event):
    return "CRITICAL" if event.get("eventSource") in GRAVE else "HIGH"


def title(event):
    return f"{actor(event)} opened {service(event)} {resource(event)} of account {account(event)} to everyone"


def alert_context(event):
    return context(event, service=service(event), resource=resource(event), policy=str(policy(event)))
