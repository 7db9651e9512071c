"""What rules about resources ask: whose hands were at work, to whom an account belongs, who is let in by a policy."""

import json

from iota_cloudtrail import account, as_list
from iota_site import ACCOUNTS

EVERYONE = ("0.0.0.0/0", "::/0")

# How the console and the services behind its pages name themselves. Some services put brackets around it.
CONSOLE_AGENTS = (
    "Mozilla/",
    "[Mozilla/",
    "console.",
    "signin.amazonaws.com",
    "[S3Console",
    "S3Console",
    "[AWSCloudTrail",
    "aws-internal/",
    "AWS Internal",
    "AWS CloudWatch Console",
    "EC2ConsoleFrontend",
    "Coral/",
    "Apache-HttpClient/UNAVAILABLE",
    "[Apache-HttpClient/UNAVAILABLE",
)

# What is asked first by whoever wants to know what a key is good for.
FIRST_LOOKS = (
    "GetCallerIdentity",
    "GetAccountAuthorizationDetails",
    "GetAccountSummary",
    "ListUsers",
    "ListRoles",
    "ListGroups",
    "ListPolicies",
    "ListAccessKeys",
    "ListAttachedUserPolicies",
    "ListUserPolicies",
    "ListGroupsForUser",
    "ListBuckets",
    "DescribeInstances",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeVolumes",
    "DescribeVpcs",
    "DescribeRegions",
    "DescribeKeyPairs",
    "ListFunctions20150331",
    "ListSecrets",
    "DescribeParameters",
    "DescribeDBInstances",
    "DescribeDBSnapshots",
    "ListTables",
    "ListKeys",
    "ListAliases",
    "ListTopics",
    "ListQueues",
    "ListClusters",
    "ListTaskDefinitions",
    "DescribeRepositories",
    "ListStacks",
    "DescribeStacks",
    "DescribeLogGroups",
    "DescribeTrails",
    "ListDetectors",
    "DescribeConfigurationRecorders",
    "ListAccounts",
    "DescribeOrganization",
    "ListProjects",
    "ListNotebookInstances",
    "ListFoundationModels",
    "ListHostedZones",
    "ListDomains",
    "GetSendQuota",
    "ListIdentities",
    "GetCostAndUsage",
    "DescribeLoadBalancers",
    "DescribeFileSystems",
    "ListApplications",
    "ListPipelines",
    "ListRepositories",
    "ListDistributions",
)

# How tools that build from templates name themselves. They read and delete whatever they manage, one thing after the
# other. Whoever forges such a name is still seen by every rule that counts nothing.
TEMPLATE_AGENTS = ("HashiCorp", "Terraform", "OpenTofu", "Pulumi")

# Condition keys that tie a statement to somebody, or to what somebody owns.
RESTRICTING_KEYS = (
    "aws:principalaccount",
    "aws:principalarn",
    "aws:principalorgid",
    "aws:principalorgpaths",
    "aws:principaltag/",
    "aws:sourceaccount",
    "aws:sourcearn",
    "aws:sourceip",
    "aws:sourceorgid",
    "aws:sourceorgpaths",
    "aws:sourceowner",
    "aws:sourcevpc",
    "aws:sourcevpce",
    "aws:userid",
    "aws:vpcsourceip",
    "backup:copysourceorgid",
    "elasticfilesystem:accessedviamounttarget",
    "elasticfilesystem:accesspointarn",
    "kms:calleraccount",
    "lambda:eventsourcetoken",
    "s3:dataaccesspointaccount",
    "s3:dataaccesspointarn",
    "sns:endpoint",
)


def with_long_term_key(event):
    """Whether an IAM user's own access key was used: the kind that leaks, and works from anywhere until deleted."""
    if event.deep_get("userIdentity", "type") != "IAMUser":
        return False
    return event.deep_get("userIdentity", "accessKeyId", default="").startswith("AKIA")


def from_instance(event):
    """Whether the caller is the role session of an EC2 instance, which AWS names after the instance."""
    if event.deep_get("userIdentity", "type") != "AssumedRole":
        return False
    return ":i-" in event.deep_get("userIdentity", "principalId", default="")


def in_unusual_hands(event):
    """Whether the credentials are of the two kinds that thieves hold: a long-term key, or an instance's role."""
    return with_long_term_key(event) or from_instance(event)


def by_person(event):
    """Whether a person acted, as far as an identity tells: an IAM user, root, or someone from Identity Center."""
    if event.deep_get("userIdentity", "type") in ("IAMUser", "Root", "IdentityCenterUser"):
        return True
    return ":assumed-role/AWSReservedSSO_" in event.deep_get("userIdentity", "arn", default="")


def from_console(event):
    """Whether a page of the console made the call. Opening one page makes dozens."""
    if event.get("sessionCredentialFromConsole") in ("true", True):
        return True
    return (event.get("userAgent") or "").startswith(CONSOLE_AGENTS)


def on_behalf(event):
    """Whether a service made this call while it carried out somebody's wish: CloudFormation, Backup, Auto Scaling."""
    return (event.get("sourceIPAddress") or "").endswith(".amazonaws.com")


def by_template(event):
    """Whether a tool made the call that builds from templates."""
    agent = event.get("userAgent") or ""
    return any(name in agent for name in TEMPLATE_AGENTS)


def first_look(event):
    """Whether the call is one by which somebody finds out what credentials are good for."""
    return event.get("eventName") in FIRST_LOOKS


def requested(event, *names):
    """The first of these request parameters that is given: one thing has different names in different calls."""
    for name in names:
        value = event.deep_get("requestParameters", name)
        if value:
            return value
    return "unknown"


def account_of(name):
    """The account an ARN or a bare id belongs to, or nothing."""
    text = str(name)
    if text.isdigit() and len(text) == 12:
        return text
    parts = text.split(":")
    return parts[4] if text.startswith("arn:") and len(parts) > 4 and parts[4].isdigit() else ""


def foreign_accounts(event, names, trusted=()):
    """The accounts among the owners of `names` that are not the event's own, known to the site, or trusted."""
    known = (account(event), *ACCOUNTS, *trusted)
    return sorted({account_of(name) for name in names} - {"", *known})


def statements(policy):
    """The statements that a policy allows by. CloudTrail carries policies as objects or as JSON text."""
    if isinstance(policy, str):
        try:
            policy = json.loads(policy)
        except ValueError:
            return []
    if not hasattr(policy, "get"):
        return []
    return [
        statement
        for statement in as_list(policy.get("Statement"))
        if hasattr(statement, "get") and statement.get("Effect") == "Allow"
    ]


def principals(statement):
    """Everybody a statement names as an AWS principal. Services are not meant."""
    principal = statement.get("Principal")
    if hasattr(principal, "keys"):
        principal = principal.get("AWS")
    return as_list(principal)


def lets_everyone_in(policy):
    """Whether a policy allows something to everyone, with no condition that says whom it means."""
    return any(
        ("*" in principals(statement) or statement.get("NotPrincipal") is not None)
        and not is_restricted(statement.get("Condition"))
        for statement in statements(policy)
    )


def accounts_let_in(event, policy, trusted=()):
    """The other accounts that a policy allows something."""
    names = [name for statement in statements(policy) for name in principals(statement)]
    return foreign_accounts(event, names, trusted)


def is_restricted(condition):
    """Whether a condition ties a statement to somebody."""
    for operator, tests in (condition or {}).items():
        # `NotIpAddress` and the like leave the rest of the world in.
        if "Not" in operator:
            continue
        for key, values in tests.items():
            if key.lower().startswith(RESTRICTING_KEYS) and not any(everything(value) for value in as_list(values)):
                return True
    return False


def everything(value):
    """Whether a condition's value lets all through."""
    return str(value).startswith("*") or str(value).endswith("/0")


def ports_opened_to_world(event):
    """(protocol, first port, last port) of every range that a security group call opened to all addresses."""
    for item in as_list(event.deep_get("requestParameters", "ipPermissions", "items")):
        cidrs = [entry.get("cidrIp") for entry in listed(item, "ipRanges")]
        cidrs += [entry.get("cidrIpv6") for entry in listed(item, "ipv6Ranges")]
        if any(cidr in EVERYONE for cidr in cidrs):
            yield str(item.get("ipProtocol")), item.get("fromPort"), item.get("toPort")
    request = event.deep_get("requestParameters", "ModifySecurityGroupRulesRequest", "SecurityGroupRule")
    for entry in as_list(request):
        change = entry.get("SecurityGroupRule") or {}
        if change.get("CidrIpv4") in EVERYONE or change.get("CidrIpv6") in EVERYONE:
            yield str(change.get("IpProtocol")), change.get("FromPort"), change.get("ToPort")


def listed(holder, name):
    """The entries of a list as EC2 writes it: {"items": [...]}, and an empty one as {}."""
    return as_list((holder.get(name) or {}).get("items"))
