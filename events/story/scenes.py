"""The people and the pipeline of that morning: what happens once, and comes close to an attack without being one.

A sign-in with MFA, a user who renews her own key, a security group that opens only HTTPS, a bucket policy for one
distribution. Nothing here may alert.
"""

from collections.abc import Iterator
from datetime import timedelta

from . import people
from .dice import Dice, key_id
from .noise import EAST, WEST
from .people import ACCOUNT
from .record import Json, at, bucket_resources, record, stamp, wordy


def scenes() -> Iterator[Json]:
    """All of them."""
    for scene in (_alice_looks_around, _bob_signs_in, _carol_renews_her_key, _ci_deploys):
        yield from scene(Dice(scene.__name__))


def _alice_looks_around(dice: Dice) -> Iterator[Json]:
    """The administrator signs in through Identity Center and clicks through the console."""
    who = people.alice()
    yield record(
        dice,
        at("08:41:02"),
        EAST,
        who,
        "signin:ConsoleLogin",
        ip=people.OFFICE,
        agent=people.BROWSER,
        response={"ConsoleLogin": "Success"},
        event_type="AwsConsoleSignIn",
        # A federated sign-in always says "No" here: its MFA happened at the identity provider.
        extra={"MobileVersion": "No", "MFAUsed": "No"},
    )
    clicks: tuple[tuple[str, str, str, Json | None], ...] = (
        ("08:41:20", EAST, "ec2:DescribeRegions", {"regionSet": {}, "allRegions": True}),
        ("08:42:05", EAST, "ec2:DescribeInstances", {"maxResults": 1000, "instancesSet": {}, "filterSet": {}}),
        (
            "08:42:06",
            EAST,
            "ec2:DescribeInstanceStatus",
            {"instancesSet": {}, "filterSet": {}, "includeAllInstances": False},
        ),
        ("08:43:31", EAST, "cloudtrail:DescribeTrails", {"includeShadowTrails": True, "trailNameList": []}),
        (
            "08:43:32",
            EAST,
            "cloudtrail:GetTrailStatus",
            {"name": f"arn:aws:cloudtrail:{EAST}:{ACCOUNT}:trail/management-events"},
        ),
        (
            "08:45:10",
            EAST,
            "cloudtrail:LookupEvents",
            {"maxResults": 50, "lookupAttributes": [{"attributeKey": "ReadOnly", "attributeValue": "false"}]},
        ),
        ("08:52:44", EAST, "iam:ListUsers", {"maxItems": 1000}),
        ("08:52:45", EAST, "iam:GetAccountSummary", None),
        ("08:53:02", EAST, "iam:ListAccessKeys", {"userName": "svc-backup"}),
        (
            "09:31:12",
            WEST,
            "ec2:DescribeSecurityGroups",
            {"securityGroupSet": {}, "securityGroupIdSet": {}, "filterSet": {}},
        ),
        ("09:31:40", WEST, "rds:DescribeDBInstances", {"maxRecords": 100}),
        ("09:33:05", WEST, "guardduty:ListDetectors", {"maxResults": "50"}),
    )
    for clock, region, call, params in clicks:
        yield record(
            dice, at(clock), region, who, call, ip=people.OFFICE, agent=people.BROWSER, params=params, from_console=True
        )


def _bob_signs_in(dice: Dice) -> Iterator[Json]:
    """An IAM user signs in the right way, after one wrong password."""
    who = people.signing_in(people.user("bob"))
    yield record(
        dice,
        at("09:06:31"),
        EAST,
        who,
        "signin:ConsoleLogin",
        ip=people.OFFICE,
        agent=people.BROWSER,
        error=(None, "Failed authentication"),
        response={"ConsoleLogin": "Failure"},
        event_type="AwsConsoleSignIn",
        extra={"LoginTo": "https://console.aws.amazon.com/console/home", "MobileVersion": "No", "MFAUsed": "No"},
    )
    yield record(
        dice,
        at("09:06:58"),
        EAST,
        who,
        "signin:ConsoleLogin",
        ip=people.OFFICE,
        agent=people.BROWSER,
        response={"ConsoleLogin": "Success"},
        event_type="AwsConsoleSignIn",
        extra={
            "LoginTo": "https://console.aws.amazon.com/console/home",
            "MobileVersion": "No",
            "MFAIdentifier": f"arn:aws:iam::{ACCOUNT}:mfa/bob",
            "MFAUsed": "Yes",
        },
    )


def _carol_renews_her_key(dice: Dice) -> Iterator[Json]:
    """Key rotation as it should be: her own key, from her own hands."""
    who = people.user("carol")
    new_key = key_id("AKIA", "carol/2")
    yield record(
        dice,
        at("09:17:20"),
        EAST,
        who,
        "iam:CreateAccessKey",
        ip=people.OFFICE,
        agent=people.BOTO,
        params={"userName": "carol"},
        response={
            "accessKey": {
                "userName": "carol",
                "accessKeyId": new_key,
                "status": "Active",
                "createDate": wordy(at("09:17:20")),
            }
        },
    )
    yield record(
        dice,
        at("09:19:47"),
        EAST,
        who,
        "iam:DeleteAccessKey",
        ip=people.OFFICE,
        agent=people.BOTO,
        params={"userName": "carol", "accessKeyId": who["accessKeyId"]},
    )


def _ci_deploys(dice: Dice) -> Iterator[Json]:
    """A pipeline rolls out the product: it changes roles, buckets and security groups, and all of it is in order."""
    begin = at("09:20:05")
    arn = f"arn:aws:iam::{ACCOUNT}:role/ci-deploy"
    caller = people.role("ci-deploy", "GitHubActions", created=stamp(begin))
    yield record(
        dice,
        begin,
        EAST,
        people.github_actions(),
        "sts:AssumeRoleWithWebIdentity",
        ip=people.CI_RUNNER,
        agent="aws-sdk-nodejs/2.1692.0 linux/v20.18.2",
        params={"roleArn": arn, "roleSessionName": "GitHubActions", "durationSeconds": 3600},
        response={
            "subjectFromWebIdentityToken": people.github_actions()["userName"],
            "credentials": {
                "accessKeyId": caller["accessKeyId"],
                "sessionToken": dice.base64(220) + "EXAMPLE",
                "expiration": wordy(begin + timedelta(hours=1)),
            },
            "assumedRoleUser": {"assumedRoleId": caller["principalId"], "arn": caller["arn"]},
            "provider": people.github_actions()["identityProvider"],
            "audience": "sts.amazonaws.com",
        },
        resources=[{"accountId": ACCOUNT, "type": "AWS::IAM::Role", "ARN": arn}],
    )
    for clock, call, params, response, resources in _deployment():
        yield record(
            dice,
            at(clock),
            EAST,
            caller,
            call,
            ip=people.CI_RUNNER,
            agent=people.TERRAFORM,
            params=params,
            response=response,
            resources=resources,
        )


def _deployment() -> Iterator[tuple[str, str, Json | None, Json | None, list[Json] | None]]:
    """Time, call, request, response and resources of each step of the roll-out."""
    bucket = "example-release-notes"
    yield (
        "09:20:09",
        "sts:GetCallerIdentity",
        None,
        {
            "userId": f"{key_id('AROA', 'ci-deploy')}:GitHubActions",
            "account": ACCOUNT,
            "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/ci-deploy/GitHubActions",
        },
        None,
    )
    yield (
        "09:20:31",
        "lambda:UpdateFunctionCode20150331v2",
        {
            "functionName": "orders-worker",
            "s3Bucket": "example-artifacts",
            "s3Key": "orders-worker/1.42.0.zip",
            "publish": True,
            "dryRun": False,
        },
        {
            "functionName": "orders-worker",
            "functionArn": f"arn:aws:lambda:{EAST}:{ACCOUNT}:function:orders-worker",
            "runtime": "python3.13",
            "role": f"arn:aws:iam::{ACCOUNT}:role/orders-worker",
            "handler": "worker.handle",
            "codeSize": 481220,
            "version": "42",
            "memorySize": 512,
        },
        None,
    )
    # A managed policy that is not an administrator's.
    yield (
        "09:20:44",
        "iam:AttachRolePolicy",
        {
            "roleName": "orders-worker",
            "policyArn": "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole",
        },
        None,
        None,
    )
    # Open to the world, but only HTTPS.
    yield (
        "09:20:58",
        "ec2:AuthorizeSecurityGroupIngress",
        {
            "groupId": "sg-0a9d8c7b6e5f41230",
            "ipPermissions": {
                "items": [
                    {
                        "ipProtocol": "tcp",
                        "fromPort": 443,
                        "toPort": 443,
                        "groups": {},
                        "ipRanges": {"items": [{"cidrIp": "0.0.0.0/0", "description": "public HTTPS"}]},
                        "ipv6Ranges": {},
                        "prefixListIds": {},
                    }
                ]
            },
        },
        {
            "requestId": "4c0f0d53-8a3e-4c6a-9a53-6f4f1e0d9b21",
            "_return": True,
            "securityGroupRuleSet": {
                "items": [
                    {
                        "groupOwnerId": ACCOUNT,
                        "groupId": "sg-0a9d8c7b6e5f41230",
                        "securityGroupRuleId": "sgr-0c1b2a39485761e0f",
                        "isEgress": False,
                        "ipProtocol": "tcp",
                        "fromPort": 443,
                        "toPort": 443,
                        "cidrIpv4": "0.0.0.0/0",
                        "description": "public HTTPS",
                    }
                ]
            },
        },
        None,
    )
    yield (
        "09:21:10",
        "s3:PutBucketPublicAccessBlock",
        {
            "bucketName": bucket,
            "Host": f"{bucket}.s3.{EAST}.amazonaws.com",
            "publicAccessBlock": "",
            "PublicAccessBlockConfiguration": {
                "xmlns": "http://s3.amazonaws.com/doc/2006-03-01/",
                "BlockPublicAcls": True,
                "IgnorePublicAcls": True,
                "BlockPublicPolicy": True,
                "RestrictPublicBuckets": True,
            },
        },
        None,
        bucket_resources(bucket),
    )
    # A policy for one role and one distribution, not for everyone.
    yield (
        "09:21:12",
        "s3:PutBucketPolicy",
        {
            "bucketName": bucket,
            "Host": f"{bucket}.s3.{EAST}.amazonaws.com",
            "policy": "",
            "bucketPolicy": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Sid": "Distribution",
                        "Effect": "Allow",
                        "Principal": {"Service": "cloudfront.amazonaws.com"},
                        "Action": "s3:GetObject",
                        "Resource": f"arn:aws:s3:::{bucket}/*",
                        "Condition": {
                            "StringEquals": {
                                "AWS:SourceArn": f"arn:aws:cloudfront::{ACCOUNT}:distribution/E1EXAMPLE2345"
                            }
                        },
                    }
                ],
            },
        },
        None,
        bucket_resources(bucket),
    )
    yield (
        "09:21:40",
        "ecs:UpdateService",
        {"cluster": "orders", "service": "orders-api", "taskDefinition": "orders-api:118", "desiredCount": 4},
        {
            "service": {
                "serviceName": "orders-api",
                "status": "ACTIVE",
                "desiredCount": 4,
                "runningCount": 4,
                "pendingCount": 0,
            },
        },
        None,
    )
