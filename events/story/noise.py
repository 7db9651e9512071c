"""The ordinary morning: what services and roles do in this account every five minutes, in every region.

Nothing here may alert. Each habit is a generator of records for one slice of five minutes in one region.
"""

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from . import people
from .dice import Dice, key_id
from .people import ACCOUNT
from .record import Json, bucket_resources, record, stamp, wordy

EAST, WEST = "us-east-1", "eu-west-1"
SLICE = timedelta(minutes=5)
TRAIL_BUCKET = f"example-trail-{ACCOUNT}"
_ORDERS_ENDPOINT = "vpce-0f3c1d5a7b9e2c4d6"
_DATA_KEY = f"arn:aws:kms:{EAST}:{ACCOUNT}:key/6c1f9a52-4d0b-4a0e-9c55-0d3f7a1b2c3d"


def ordinary_morning(begin: datetime, end: datetime) -> Iterator[Json]:
    """What the habits leave behind between two moments, slice by slice and region by region."""
    start = begin
    while start < end:
        for region in (EAST, WEST):
            for habit in _HABITS:
                yield from habit(Dice(f"{habit.__name__}/{region}/{stamp(start)}"), start, region)
        start += SLICE


def _within(dice: Dice, start: datetime) -> datetime:
    return start + timedelta(seconds=dice.number(0, 299))


def _trail_delivers(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """CloudTrail writes its own files: it checks the bucket and asks KMS for a data key."""
    caller, name = people.service("cloudtrail.amazonaws.com"), "cloudtrail.amazonaws.com"
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "s3:GetBucketAcl",
        ip=name,
        agent=name,
        params={"bucketName": TRAIL_BUCKET, "Host": f"{TRAIL_BUCKET}.s3.{EAST}.amazonaws.com", "acl": ""},
        resources=bucket_resources(TRAIL_BUCKET),
    )
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "kms:GenerateDataKey",
        ip=name,
        agent=name,
        params={
            "keyId": _DATA_KEY,
            "encryptionContext": {
                "aws:cloudtrail:arn": f"arn:aws:cloudtrail:{EAST}:{ACCOUNT}:trail/management-events",
                "aws:s3:arn": f"arn:aws:s3:::{TRAIL_BUCKET}",
            },
            "keySpec": "AES_256",
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": _DATA_KEY}],
    )


def _services_assume_roles(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """Lambda, ECS and Config take the roles they run under: the commonest management event of most accounts."""
    for name, role_path, session in (
        ("lambda.amazonaws.com", "role/orders-worker", "orders-worker"),
        ("ecs-tasks.amazonaws.com", "role/orders-api", dice.hex(32)),
        (
            "config.amazonaws.com",
            "role/aws-service-role/config.amazonaws.com/AWSServiceRoleForConfig",
            "configLambdaExecution",
        ),
    ):
        when = _within(dice, start)
        role_name = role_path.rsplit("/", 1)[1]
        arn = f"arn:aws:iam::{ACCOUNT}:{role_path}"
        yield record(
            dice,
            when,
            region,
            people.service(name),
            "sts:AssumeRole",
            ip=name,
            agent=name,
            params={"roleArn": arn, "roleSessionName": session, "durationSeconds": 3600},
            response={
                "credentials": {
                    "accessKeyId": key_id("ASIA", f"{role_name}/{stamp(when)}"),
                    "sessionToken": dice.base64(220) + "EXAMPLE",
                    "expiration": wordy(when + timedelta(hours=1)),
                },
                "assumedRoleUser": {
                    "assumedRoleId": f"{key_id('AROA', role_name)}:{session}",
                    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/{role_name}/{session}",
                },
            },
            resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}],
        )


def _config_records(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """AWS Config reads resources through its service-linked role."""
    name = "config.amazonaws.com"
    caller = people.role(
        "AWSServiceRoleForConfig",
        "configLambdaExecution",
        created=stamp(start),
        path="/aws-service-role/config.amazonaws.com/",
        invoked_by=name,
    )
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "ec2:DescribeSecurityGroups",
        ip=name,
        agent=name,
        params={"securityGroupSet": {}, "securityGroupIdSet": {}, "filterSet": {}},
    )
    if dice.number(1, 4) == 1:
        yield record(dice, _within(dice, start), region, caller, "s3:ListBuckets", ip=name, agent=name)


def _observer_reads(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """A monitoring vendor in another account takes a read-only role and polls."""
    when = _within(dice, start)
    arn = f"arn:aws:iam::{ACCOUNT}:role/observer-readonly"
    if dice.number(1, 3) == 1:
        yield record(
            dice,
            when,
            region,
            people.other_account(people.OBSERVER_ACCOUNT),
            "sts:AssumeRole",
            ip=people.OBSERVER,
            agent=people.GO_SDK,
            params={
                "roleArn": arn,
                "roleSessionName": "observer",
                "externalId": "7f0b6a1e-example",
                "durationSeconds": 900,
            },
            response={
                "credentials": {
                    "accessKeyId": key_id("ASIA", f"observer/{stamp(start)}"),
                    "sessionToken": dice.base64(220) + "EXAMPLE",
                    "expiration": wordy(when + timedelta(minutes=15)),
                },
                "assumedRoleUser": {
                    "assumedRoleId": f"{key_id('AROA', 'observer-readonly')}:observer",
                    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/observer-readonly/observer",
                },
            },
            resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}],
        )
    caller = people.role("observer-readonly", "observer", created=stamp(start))
    polls: tuple[tuple[str, Json | None], ...] = (
        ("ec2:DescribeInstances", {"maxResults": 1000, "instancesSet": {}, "filterSet": {}}),
        ("ec2:DescribeVolumes", {"volumeSet": {}, "filterSet": {}}),
        ("rds:DescribeDBInstances", {"maxRecords": 100}),
        ("elasticloadbalancing:DescribeLoadBalancers", {"pageSize": 400}),
        ("monitoring:DescribeAlarms", {"maxRecords": 100}),
        ("lambda:ListFunctions20150331", None),
        ("ecs:ListClusters", None),
        ("tagging:GetResources", {"resourcesPerPage": 100}),
    )
    for number in range(dice.number(2, 4)):
        call, params = polls[(dice.number(0, 7) + number) % len(polls)]
        yield record(
            dice, _within(dice, start), region, caller, call, ip=people.OBSERVER, agent=people.GO_SDK, params=params
        )
    if dice.number(1, 5) == 1:
        # Vendors ask for more than they were given, every day. An error alone is not an attack.
        yield record(
            dice,
            _within(dice, start),
            region,
            caller,
            "secretsmanager:ListSecrets",
            ip=people.OBSERVER,
            agent=people.GO_SDK,
            error=(
                "AccessDenied",
                f"User: arn:aws:sts::{ACCOUNT}:assumed-role/observer-readonly/observer is not authorized to perform: "
                "secretsmanager:ListSecrets because no identity-based policy allows the action",
            ),
        )


def _orders_run(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """The product itself: S3 data events through a VPC endpoint, KMS behind them, now and then its own secret."""
    caller = people.role("orders-api", "orders-task", created=stamp(start))
    bucket = f"example-orders-{region}"
    for _ in range(dice.number(2, 4)):
        call = dice.pick(("s3:GetObject", "s3:GetObject", "s3:PutObject", "s3:HeadObject"))
        key = f"invoices/2026/03/{dice.hex(12)}.pdf"
        params: Json = {"bucketName": bucket, "Host": f"{bucket}.s3.{region}.amazonaws.com", "key": key}
        extra: Json | None = None
        response: Json | None = None
        if call == "s3:PutObject":
            params["x-amz-server-side-encryption"] = "aws:kms"
            response = {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": _DATA_KEY,
            }
            extra = {"SSEApplied": "SSE_KMS"}
        yield record(
            dice,
            _within(dice, start),
            region,
            caller,
            call,
            ip=people.APPLICATION,
            agent=people.BOTO,
            params=params,
            response=response,
            extra=extra,
            resources=bucket_resources(bucket, key),
            data_event=True,
            vpc_endpoint=_ORDERS_ENDPOINT,
        )
    yield record(
        dice,
        _within(dice, start),
        region,
        caller | {"invokedBy": "AWS Internal"},
        "kms:Decrypt",
        ip="AWS Internal",
        agent="AWS Internal",
        params={
            "encryptionAlgorithm": "SYMMETRIC_DEFAULT",
            "encryptionContext": {"aws:s3:arn": f"arn:aws:s3:::{bucket}"},
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::KMS::Key", "ARN": _DATA_KEY}],
    )
    if dice.number(1, 4) == 1:
        yield record(
            dice,
            _within(dice, start),
            region,
            caller,
            "secretsmanager:GetSecretValue",
            ip=people.APPLICATION,
            agent=people.BOTO,
            params={"secretId": "prod/orders/database"},
            vpc_endpoint=_ORDERS_ENDPOINT,
        )


def _backups_run(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """The backup host still uses an IAM user with a long-term key: the key that leaks."""
    if region != EAST or start.minute % 15:
        return
    caller, host = people.user("svc-backup"), people.BACKUP_HOST
    bucket, key = "example-backups", f"nightly/{start:%Y%m%dT%H%M}/orders.dump.zst"
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "sts:GetCallerIdentity",
        ip=host,
        agent=people.BOTO,
        response={
            "userId": caller["principalId"],
            "account": ACCOUNT,
            "arn": caller["arn"],
        },
    )
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "s3:PutObject",
        ip=host,
        agent=people.BOTO,
        params={"bucketName": bucket, "Host": f"{bucket}.s3.{region}.amazonaws.com", "key": key},
        response={"x-amz-server-side-encryption": "AES256"},
        extra={"SSEApplied": "Default_SSE_S3"},
        resources=bucket_resources(bucket, key),
        data_event=True,
    )
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "ec2:DescribeSnapshots",
        ip=host,
        agent=people.BOTO,
        params={
            "maxResults": 100,
            "sharedUsersSet": {},
            "ownersSet": {"items": [{"owner": "self"}]},
            "snapshotSet": {},
            "filterSet": {},
        },
    )


def _instances_report(dice: Dice, start: datetime, region: str) -> Iterator[Json]:
    """Instances under Systems Manager report in; an event that some accounts have by the million."""
    instance = "i-0" + Dice(f"instance/{region}").hex(16)
    caller = people.role("web-instance", instance, created=stamp(start))
    yield record(
        dice,
        _within(dice, start),
        region,
        caller,
        "ssm:UpdateInstanceInformation",
        ip=people.APPLICATION,
        agent="aws-sdk-go/1.55.5 (go1.23.6; linux; amd64) amazon-ssm-agent/3.3.1957.0",
        params={
            "instanceId": instance,
            "agentVersion": "3.3.1957.0",
            "agentStatus": "Active",
            "platformType": "Linux",
            "platformName": "Amazon Linux",
            "platformVersion": "2023",
            "iPAddress": people.APPLICATION,
            "computerName": f"ip-10-20-31-7.{region}.compute.internal",
            "agentName": "amazon-ssm-agent",
            "availabilityZone": f"{region}a",
            "availabilityZoneId": "use1-az4" if region == EAST else "euw1-az2",
            "sSMConnectionChannel": "ssmmessages",
        },
    )


_HABITS: tuple[Callable[[Dice, datetime, str], Iterator[Json]], ...] = (
    _trail_delivers,
    _services_assume_roles,
    _config_records,
    _observer_reads,
    _orders_run,
    _backups_run,
    _instances_report,
)
