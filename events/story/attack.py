"""The attack: a leaked access key, an enumeration, a stolen root password, and an hour of work with it.

Each step says which rule of our pack it must trip. A step without a rule is there because real attacks have such
steps too, and a pack that alerted on them would alert all day.
"""

from collections.abc import Iterator
from typing import NamedTuple

from . import people
from .dice import Dice, key_id
from .noise import EAST, WEST
from .people import ACCOUNT, ATTACKER, ATTACKER_ACCOUNT, ATTACKER_BROWSER, ATTACKER_CLI, ATTACKER_SECOND
from .record import Json, at, bucket_resources, record, stamp, wordy


class Step(NamedTuple):
    """One record of the attack, what it means in a few words, and the rules that tell of it first of its group."""

    record: Json
    meaning: str
    rules: tuple[str, ...] = ()


def attack() -> Iterator[Step]:
    """All steps in the order in which they happened."""
    yield from _leaked_key()
    yield from _root()
    yield from _blind_the_defenders()
    yield from _take_the_data()
    yield from _burn_the_house()


def _leaked_key() -> Iterator[Step]:
    """09:02. The key of `svc-backup` is used from an address nobody knows."""
    dice, who = Dice("leaked key"), people.user("svc-backup")

    def denied(action: str, resource: str) -> tuple[str, str]:
        return (
            "AccessDenied",
            f"User: {who['arn']} is not authorized to perform: {action} on resource: {resource} "
            f"because no identity-based policy allows the {action} action",
        )

    def call(clock: str, what: str, params: Json | None = None, **rest: object) -> Json:
        where = {"ip": ATTACKER, "agent": ATTACKER_CLI}
        return record(dice, at(clock), EAST, who, what, params=params, **where, **rest)  # type: ignore[arg-type]

    yield Step(
        call(
            "09:02:11",
            "sts:GetCallerIdentity",
            response={"userId": who["principalId"], "account": ACCOUNT, "arn": who["arn"]},
        ),
        "the leaked key of `svc-backup` is tried",
    )
    yield Step(call("09:02:40", "s3:ListBuckets", {"Host": f"s3.{EAST}.amazonaws.com"}), "buckets are listed")
    for clock, what, resource in (
        ("09:03:05", "iam:ListUsers", f"arn:aws:iam::{ACCOUNT}:user/"),
        ("09:03:09", "iam:ListRoles", f"arn:aws:iam::{ACCOUNT}:role/"),
        ("09:03:14", "iam:GetAccountAuthorizationDetails", "*"),
        ("09:03:22", "lambda:ListFunctions20150331", "*"),
    ):
        service, name = what.split(":")
        yield Step(
            call(clock, what, error=denied(f"{service}:{name.removesuffix('20150331')}", resource)),
            "enumeration, refused",
            # The four refusals that reach the threshold lie in one log file, of which this is the first.
            ("IOTA.AWS.InventoryRefused",) if name == "ListRoles" else (),
        )
    yield Step(
        call(
            "09:03:31",
            "ec2:DescribeInstances",
            {"maxResults": 1000, "instancesSet": {}, "filterSet": {}},
            error=(
                "Client.UnauthorizedOperation",
                f"You are not authorized to perform this operation. User: {who['arn']} is not authorized to "
                "perform: ec2:DescribeInstances because no identity-based policy allows the action",
            ),
        ),
        "enumeration, refused",
    )
    yield Step(
        call("09:04:02", "secretsmanager:ListSecrets", {"maxResults": 100}), "secrets are listed: a policy is too wide"
    )
    for clock, secret in (
        ("09:04:20", "prod/orders/database"),
        ("09:04:26", "prod/mail/smtp"),
        ("09:04:33", "breakglass/root-console"),
    ):
        yield Step(
            call(clock, "secretsmanager:GetSecretValue", {"secretId": secret}),
            "a secret is read (below the threshold of ten)",
        )


def _root() -> Iterator[Step]:
    """09:10. The root password from the break-glass secret opens the console; MFA was never set up."""
    dice, session = Dice("root"), "2026-03-14T09:11:27Z"
    who = people.root(created=session)
    login = {"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"}

    def sign_in(clock: str, **rest: object) -> Json:
        return record(
            dice,
            at(clock),
            EAST,
            people.signing_in(who),
            "signin:ConsoleLogin",
            ip=ATTACKER_SECOND,
            agent=ATTACKER_BROWSER,
            extra=login,
            event_type="AwsConsoleSignIn",
            **rest,  # type: ignore[arg-type]
        )

    def call(clock: str, what: str, params: Json | None = None, response: Json | None = None) -> Json:
        return record(
            dice,
            at(clock),
            EAST,
            who,
            what,
            ip=ATTACKER_SECOND,
            agent=ATTACKER_BROWSER,
            params=params,
            response=response,
            from_console=True,
        )

    def new_key(user: str, when: str) -> Json:
        return {
            "accessKey": {
                "userName": user,
                "accessKeyId": key_id("AKIA", f"{user}/attack"),
                "status": "Active",
                "createDate": wordy(at(when)),
            }
        }

    yield Step(
        sign_in("09:10:51", error=(None, "Failed authentication"), response={"ConsoleLogin": "Failure"}),
        "root sign-in fails: a typing error",
    )
    yield Step(
        sign_in("09:11:27", response={"ConsoleLogin": "Success"}),
        "root signs in without MFA",
        ("IOTA.AWS.RootConsoleLogin",),
    )
    # Root names nobody: the key is its own.
    yield Step(
        call("09:13:40", "iam:CreateAccessKey", None, new_key("root", "09:13:40")),
        "root gets an access key",
        ("IOTA.AWS.RootAccessKeyCreated",),
    )
    yield Step(
        call(
            "09:15:12",
            "iam:CreateUser",
            {"userName": "support-agent"},
            {
                "user": {
                    "path": "/",
                    "userName": "support-agent",
                    "userId": key_id("AIDA", "support-agent"),
                    "arn": f"arn:aws:iam::{ACCOUNT}:user/support-agent",
                    "createDate": wordy(at("09:15:12")),
                }
            },
        ),
        "a new IAM user appears",
        ("IOTA.AWS.RootActivity", "IOTA.AWS.IAMUserCreated"),
    )
    yield Step(
        call(
            "09:15:30",
            "iam:CreateLoginProfile",
            {"userName": "support-agent", "passwordResetRequired": False},
            {
                "loginProfile": {
                    "userName": "support-agent",
                    "createDate": wordy(at("09:15:30")),
                    "passwordResetRequired": False,
                }
            },
        ),
        "and gets a console password",
        ("IOTA.AWS.LoginProfileForUser",),
    )
    yield Step(
        call(
            "09:15:48",
            "iam:AttachUserPolicy",
            {"userName": "support-agent", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        ),
        "and administrator rights",
        ("IOTA.AWS.AdminPolicyAttached",),
    )
    yield Step(
        call("09:16:40", "iam:CreateAccessKey", {"userName": "svc-deploy"}, new_key("svc-deploy", "09:16:40")),
        "a second key for somebody else's user",
        ("IOTA.AWS.AccessKeyForAnotherUser",),
    )


def _blind_the_defenders() -> Iterator[Step]:
    """09:22. The new user signs in and switches off what could see it."""
    dice, session = Dice("blind"), "2026-03-14T09:22:15Z"
    who = people.user("support-agent", created=session)
    trail = f"arn:aws:cloudtrail:{EAST}:{ACCOUNT}:trail/security-audit"

    def call(clock: str, region: str, what: str, params: Json | None = None, **rest: object) -> Json:
        return record(
            dice,
            at(clock),
            region,
            who,
            what,
            ip=ATTACKER,
            agent=ATTACKER_BROWSER,
            params=params,
            from_console=True,
            **rest,  # type: ignore[arg-type]
        )

    yield Step(
        record(
            dice,
            at("09:22:15"),
            EAST,
            people.signing_in(who),
            "signin:ConsoleLogin",
            ip=ATTACKER,
            agent=ATTACKER_BROWSER,
            response={"ConsoleLogin": "Success"},
            event_type="AwsConsoleSignIn",
            extra={"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"},
        ),
        "`support-agent` signs in without MFA",
        ("IOTA.AWS.ConsoleLoginWithoutMFA",),
    )
    yield Step(
        call("09:25:03", EAST, "cloudtrail:StopLogging", {"name": trail}),
        "the account's own trail stops",
        ("IOTA.AWS.CloudTrailImpaired",),
    )
    yield Step(
        call(
            "09:25:40",
            EAST,
            "cloudtrail:DeleteTrail",
            {"name": f"arn:aws:cloudtrail:{EAST}:{ACCOUNT}:trail/management-events"},
            error=(
                "AccessDeniedException",
                f"User: {who['arn']} is not authorized to perform: cloudtrail:DeleteTrail on resource: "
                f"arn:aws:cloudtrail:{EAST}:{ACCOUNT}:trail/management-events "
                "with an explicit deny in a service control policy",
            ),
        ),
        "the organization's trail holds: an explicit deny",
    )
    yield Step(
        call("09:27:10", EAST, "guardduty:DeleteDetector", {"detectorId": "52c1f0a9b8d7463e9a5c1f0e2d3b4a59"}),
        "GuardDuty's detector is deleted",
        ("IOTA.AWS.GuardDutyDisabled",),
    )
    yield Step(
        call(
            "09:27:52",
            WEST,
            "guardduty:UpdateDetector",
            {"detectorId": "9ac1d2e3f4a5b6c7d8e9f0a1b2c3d4e5", "enable": False},
        ),
        "and suspended in the other region",
        ("IOTA.AWS.GuardDutyDisabled",),
    )


def _take_the_data() -> Iterator[Step]:
    """09:31. A bucket, a network and a disk are opened to the outside."""
    dice = Dice("take")
    who = people.user("support-agent", created="2026-03-14T09:22:15Z")
    bucket, group, snapshot = "example-customer-exports", "sg-0d1e2f3a4b5c6d7e8", "snap-0b7a6c5d4e3f2a190"

    def call(
        clock: str,
        region: str,
        what: str,
        params: Json,
        response: Json | None = None,
        resources: list[Json] | None = None,
    ) -> Json:
        return record(
            dice,
            at(clock),
            region,
            who,
            what,
            ip=ATTACKER,
            agent=ATTACKER_CLI,
            params=params,
            response=response,
            resources=resources,
        )

    host = {"bucketName": bucket, "Host": f"{bucket}.s3.{EAST}.amazonaws.com"}
    yield Step(
        call(
            "09:31:18",
            EAST,
            "s3:DeleteBucketPublicAccessBlock",
            host | {"publicAccessBlock": ""},
            resources=bucket_resources(bucket),
        ),
        "a bucket loses its public access block",
        ("IOTA.AWS.PublicAccessBlockWeakened",),
    )
    yield Step(
        call(
            "09:32:02",
            EAST,
            "s3:PutBucketPolicy",
            host
            | {
                "policy": "",
                "bucketPolicy": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Sid": "Share",
                            "Effect": "Allow",
                            "Principal": "*",
                            "Action": ["s3:GetObject", "s3:ListBucket"],
                            "Resource": [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"],
                        }
                    ],
                },
            },
            resources=bucket_resources(bucket),
        ),
        "and is opened to everyone",
        ("IOTA.AWS.BucketMadePublic",),
    )
    for number in range(12):
        key = f"exports/2026-{number % 3 + 1:02d}/part-{number:04d}.parquet"
        yield Step(
            record(
                dice,
                at(f"09:33:{number * 4:02d}"),
                EAST,
                people.anonymous(),
                "s3:GetObject",
                ip=people.STRANGER,
                agent="curl/8.11.1",
                params={"bucketName": bucket, "Host": f"{bucket}.s3.{EAST}.amazonaws.com", "key": key},
                resources=bucket_resources(bucket, key),
                data_event=True,
            ),
            "a stranger downloads",
        )
    yield Step(
        call(
            "09:35:26",
            WEST,
            "ec2:AuthorizeSecurityGroupIngress",
            {
                "groupId": group,
                "ipPermissions": {
                    "items": [
                        {
                            "ipProtocol": "tcp",
                            "fromPort": 22,
                            "toPort": 22,
                            "groups": {},
                            "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0"}]},
                            "ipv6Ranges": {},
                            "prefixListIds": {},
                        }
                    ]
                },
            },
            {
                "requestId": "b7c4a1de-52e1-4f0c-8c35-1f6f3e5a9d20",
                "_return": True,
                "securityGroupRuleSet": {
                    "items": [
                        {
                            "groupOwnerId": ACCOUNT,
                            "groupId": group,
                            "securityGroupRuleId": "sgr-0f9e8d7c6b5a43210",
                            "isEgress": False,
                            "ipProtocol": "tcp",
                            "fromPort": 22,
                            "toPort": 22,
                            "cidrIpv4": "0.0.0.0/0",
                        }
                    ]
                },
            },
        ),
        "SSH is opened to the world",
        ("IOTA.AWS.AdminPortOpenToWorld",),
    )
    yield Step(
        call(
            "09:37:44",
            EAST,
            "iam:PutUserPolicy",
            {
                "userName": "svc-backup",
                "policyName": "maintenance",
                "policyDocument": '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"*",'
                '"Resource":"*"}]}',
            },
        ),
        "the leaked key's user becomes administrator",
        ("IOTA.AWS.AdminInlinePolicy",),
    )
    yield Step(
        call(
            "09:40:15",
            WEST,
            "ec2:CreateSnapshot",
            {"volumeId": "vol-0c1d2e3f4a5b6c7d8", "description": "maintenance", "tagSpecificationSet": {}},
            {
                "requestId": "0c8e3a55-7d2b-4f18-b1a9-3e5d7c9f0a12",
                "snapshotId": snapshot,
                "volumeId": "vol-0c1d2e3f4a5b6c7d8",
                "status": "pending",
                "startTime": 1773481215000,
                "ownerId": ACCOUNT,
                "volumeSize": "200",
                "description": "maintenance",
                "encrypted": False,
                "storageTier": "standard",
            },
        ),
        "a disk is copied",
    )
    yield Step(
        call(
            "09:41:30",
            WEST,
            "ec2:ModifySnapshotAttribute",
            {
                "snapshotId": snapshot,
                "attributeType": "CREATE_VOLUME_PERMISSION",
                "createVolumePermission": {"add": {"items": [{"userId": ATTACKER_ACCOUNT}]}},
            },
            {"requestId": "f2b6d0c4-91e7-4a3d-8f5b-6c0e2a4d8b17", "_return": True},
        ),
        "and given to another account",
        ("IOTA.AWS.SnapshotShared",),
    )


def _burn_the_house() -> Iterator[Step]:
    """09:46. A key that encrypts the backups is to disappear in a week."""
    dice, when = Dice("burn"), at("09:46:09")
    key = "1f2e3d4c-5b6a-4978-8a9b-0c1d2e3f4a5b"
    arn = f"arn:aws:kms:{EAST}:{ACCOUNT}:key/{key}"
    yield Step(
        record(
            dice,
            when,
            EAST,
            people.user("support-agent", created="2026-03-14T09:22:15Z"),
            "kms:ScheduleKeyDeletion",
            ip=ATTACKER,
            agent=ATTACKER_CLI,
            params={"keyId": key, "pendingWindowInDays": 7},
            response={
                "keyId": arn,
                "keyState": "PendingDeletion",
                "deletionDate": wordy(when.replace(day=21)),
                "pendingWindowInDays": 7,
            },
            resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": arn}],
        ),
        f"the key of the backups will be gone on {stamp(when.replace(day=21))[:10]}",
        ("IOTA.AWS.KmsKeyDeletionScheduled",),
    )
