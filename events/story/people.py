"""Who acts in the story: `userIdentity` of every actor, and where each of them usually comes from.

Account ids and addresses are the ones reserved for documentation.
"""

from typing import Any

from .dice import key_id

Json = dict[str, Any]

ACCOUNT = "111122223333"
OBSERVER_ACCOUNT = "444455556666"
ATTACKER_ACCOUNT = "999988887777"

OFFICE = "192.0.2.10"
BACKUP_HOST = "192.0.2.44"
OBSERVER = "198.51.100.7"
CI_RUNNER = "198.51.100.20"
APPLICATION = "10.20.31.7"
ATTACKER = "203.0.113.66"
ATTACKER_SECOND = "203.0.113.99"
STRANGER = "203.0.113.140"

BROWSER = (
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) "
    "Chrome/134.0.0.0 Safari/537.36"
)
ATTACKER_BROWSER = "Mozilla/5.0 (X11; Linux x86_64; rv:135.0) Gecko/20100101 Firefox/135.0"
ATTACKER_CLI = (
    "aws-cli/2.24.10 md/awscrt#0.23.8 ua/2.1 os/linux#6.12.13-amd64 md/arch#x86_64 lang/python#3.12.9 "
    "md/pyimpl#CPython cfg/retry-mode#standard md/installer#exe md/prompt#off"
)
BOTO = (
    "Boto3/1.37.11 md/Botocore#1.37.11 ua/2.1 os/linux#6.1.129-138.220.amzn2023.x86_64 md/arch#x86_64 "
    "lang/python#3.13.2 md/pyimpl#CPython cfg/retry-mode#standard Botocore/1.37.11"
)
GO_SDK = (
    "observer/4.2.0 aws-sdk-go-v2/1.36.3 ua/2.1 os/linux lang/go#1.24.1 md/GOOS#linux md/GOARCH#amd64 "
    "api/cloudwatch#1.43.14"
)
TERRAFORM = (
    "APN/1.0 HashiCorp/1.0 Terraform/1.11.1 (+https://www.terraform.io) terraform-provider-aws/5.90.1 "
    "(+https://registry.terraform.io/providers/hashicorp/aws) aws-sdk-go-v2/1.36.3 ua/2.1 os/linux "
    "lang/go#1.23.6 md/GOOS#linux md/GOARCH#amd64"
)


def root(*, created: str, mfa: bool = False) -> Json:
    """The account's root user in a console session."""
    return {
        "type": "Root",
        "principalId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:root",
        "accountId": ACCOUNT,
        "accessKeyId": key_id("ASIA", f"root/{created}"),
        "sessionContext": {"attributes": _attributes(created, mfa)},
    }


def user(name: str, *, created: str | None = None, mfa: bool = False) -> Json:
    """An IAM user: with its own long-term key, or in a console session that began at `created`."""
    identity: Json = {
        "type": "IAMUser",
        "principalId": key_id("AIDA", name),
        "arn": f"arn:aws:iam::{ACCOUNT}:user/{name}",
        "accountId": ACCOUNT,
        "accessKeyId": key_id("AKIA", name) if created is None else key_id("ASIA", f"{name}/{created}"),
        "userName": name,
    }
    if created is not None:
        identity["sessionContext"] = {"attributes": _attributes(created, mfa)}
    return identity


def signing_in(identity: Json) -> Json:
    """The same actor as a sign-in record shows it: there is no session yet, and root's key id is an empty string."""
    shown = {key: value for key, value in identity.items() if key not in ("accessKeyId", "sessionContext")}
    return shown | {"accessKeyId": ""} if identity["type"] == "Root" else shown


def role(
    name: str, session: str, *, created: str, path: str = "/", mfa: bool = False, invoked_by: str | None = None
) -> Json:
    """A session of an IAM role; `invoked_by` where an AWS service uses it."""
    issuer_id = key_id("AROA", name)
    identity: Json = {
        "type": "AssumedRole",
        "principalId": f"{issuer_id}:{session}",
        "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{name}/{session}",
        "accountId": ACCOUNT,
        "accessKeyId": key_id("ASIA", f"{name}/{session}/{created}"),
        "sessionContext": {
            "sessionIssuer": {
                "type": "Role",
                "principalId": issuer_id,
                "arn": f"arn:aws:iam::{ACCOUNT}:role{path}{name}",
                "accountId": ACCOUNT,
                "userName": name,
            },
            "attributes": _attributes(created, mfa),
        },
    }
    if invoked_by:
        identity["invokedBy"] = invoked_by
    return identity


def service(name: str) -> Json:
    """An AWS service that acts for itself."""
    return {"type": "AWSService", "invokedBy": name}


def other_account(account: str) -> Json:
    """A principal of another account, as the caller of AssumeRole."""
    return {
        "type": "AWSAccount",
        "principalId": f"{key_id('AROA', account)}:observer",
        "accountId": account,
    }


def github_actions() -> Json:
    """A workflow that exchanges its OIDC token for a role session."""
    subject = "repo:example-org/orders:ref:refs/heads/main"
    provider = f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.actions.githubusercontent.com"
    return {
        "type": "WebIdentityUser",
        "principalId": f"{provider}:sts.amazonaws.com:{subject}",
        "userName": subject,
        "identityProvider": provider,
    }


def anonymous() -> Json:
    """Anyone on the internet, without credentials."""
    return {"type": "AWSAccount", "principalId": "", "accountId": "anonymous"}


def alice(created: str = "2026-03-14T08:41:02Z") -> Json:
    """The administrator, signed in through IAM Identity Center with MFA."""
    return role(
        "AWSReservedSSO_AdministratorAccess_0a1b2c3d4e5f6071",
        "alice@example.com",
        created=created,
        path="/aws-reserved/sso.amazonaws.com/",
    )


def _attributes(created: str, mfa: bool) -> Json:
    # CloudTrail writes this boolean as a string.
    return {"creationDate": created, "mfaAuthenticated": "true" if mfa else "false"}
