"""Every way in which AWS can tell a Lambda function about a log file, in the shapes AWS documents.

All payloads name files that exist in the synthetic bucket, so that a test can send any of them to the real function.
Each function here is one shape; the nesting (S3 in SNS in SQS) is the nesting of the functions.
"""

import base64
import gzip
import hashlib
import json
from typing import Any

from .dice import Dice
from .noise import EAST, TRAIL_BUCKET
from .people import ACCOUNT
from .record import Json

_TOPIC = f"arn:aws:sns:{EAST}:{ACCOUNT}:trail-files"
_QUEUE = f"arn:aws:sqs:{EAST}:{ACCOUNT}:trail-files"
_FUNCTION = f"arn:aws:lambda:{EAST}:{ACCOUNT}:function:iota-detect"
_MOMENT = "2026-03-14T09:15:42.118Z"


def envelopes(bucket: dict[str, Json], first_step: Json) -> dict[str, Json]:
    """Path -> payload. `first_step` is the record that the payloads with inline records carry."""
    logs = [key for key in bucket if "/CloudTrail/" in key]
    [one] = [key for key in logs if _holds(bucket[key], "ConsoleLogin", "Root")]
    others = [
        key for key in logs if _holds(bucket[key], "StopLogging") or _holds(bucket[key], "ModifySnapshotAttribute")
    ]
    plain = s3_notification(one)
    return {
        "s3-put.json": plain,
        "envelopes/s3-object-created.json": plain,
        "envelopes/s3-object-created-several.json": s3_notification(one, *others, versioned=True),
        "envelopes/s3-test-event.json": s3_test_event(),
        "envelopes/sns-s3.json": sns(plain),
        "envelopes/sqs-s3.json": sqs(plain, s3_notification(*others)),
        "envelopes/sqs-sns-s3.json": sqs(sns_in_queue(plain)),
        # With raw message delivery SNS leaves no trace in the body.
        "envelopes/sqs-sns-raw-s3.json": sqs(plain, sender="AIDAISDDSWNBEXAMPLE"),
        "envelopes/eventbridge-object-created.json": eventbridge(one),
        "envelopes/sqs-eventbridge.json": sqs(eventbridge(one), sender="AIDAJXNJGGKNSEXAMPLE"),
        "envelopes/sns-cloudtrail-notice.json": sns({"s3Bucket": TRAIL_BUCKET, "s3ObjectKey": [one, *others]}),
        "envelopes/eventbridge-cloudtrail-api-call.json": eventbridge_api_call(first_step),
        "envelopes/cloudwatch-logs.json": cloudwatch_logs(bucket[one]["Records"]),
        "envelopes/s3-batch-1.0.json": s3_batch_1(one),
        "envelopes/s3-batch-2.0.json": s3_batch_2(one),
        "envelopes/failure-record.json": failure_record(plain),
    }


def _holds(content: Json, name: str, kind: str | None = None) -> bool:
    return any(
        entry["eventName"] == name
        and kind in (None, entry["userIdentity"].get("type"))
        and not entry.get("errorMessage")
        for entry in content["Records"]
    )


def s3_notification(*keys: str, versioned: bool = False) -> Json:
    """What S3 sends to a function, a topic or a queue. Keys are encoded as in a form; these need no escapes."""
    dice = Dice(f"notification/{len(keys)}/{versioned}")
    records: list[Json] = []
    for key in keys:
        entry: Json = {
            "key": key,
            "size": dice.number(900, 9_000),
            "eTag": dice.hex(32),
            "versionId": dice.alphanumeric(32),
            "sequencer": "0065F2" + dice.hex(12).upper(),
        }
        if not versioned:
            del entry["versionId"]
        records.append(
            {
                "eventVersion": "2.5",
                "eventSource": "aws:s3",
                "awsRegion": EAST,
                "eventTime": _MOMENT,
                "eventName": "ObjectCreated:Put",
                "userIdentity": {"principalId": "AWS:AROAEXAMPLE123456789A:cloudtrail"},
                "requestParameters": {"sourceIPAddress": "192.0.2.200"},
                "responseElements": {
                    "x-amz-request-id": dice.alphanumeric(16).upper(),
                    "x-amz-id-2": dice.base64(75) + "=",
                },
                "s3": {
                    "s3SchemaVersion": "1.0",
                    "configurationId": "3f1c2b7e-5a4d-4c8e-9b60-7d1e2f3a4b5c",
                    "bucket": {
                        "name": TRAIL_BUCKET,
                        "ownerIdentity": {"principalId": "A3NL1KOZZKEXAMPLE"},
                        "arn": f"arn:aws:s3:::{TRAIL_BUCKET}",
                    },
                    "object": entry,
                },
            }
        )
    return {"Records": records}


def s3_test_event() -> Json:
    """Sent once when a notification is configured."""
    return {
        "Service": "Amazon S3",
        "Event": "s3:TestEvent",
        "Time": "2026-03-14T08:30:00.000Z",
        "Bucket": TRAIL_BUCKET,
        "RequestId": "5582815E1AEA5ADF",
        "HostId": "8cLeGAmw098X5cv4Zkwcmo8vvZa3eH3eKxsPzbB9wrR+YstdA6Knx4Ip8EXAMPLE",
    }


def sns(message: Json) -> Json:
    """SNS to a function."""
    notice = _sns_notice(message)
    notice["SigningCertUrl"] = notice.pop("SigningCertURL")
    notice["UnsubscribeUrl"] = notice.pop("UnsubscribeURL")
    return {
        "Records": [
            {
                "EventSource": "aws:sns",
                "EventVersion": "1.0",
                "EventSubscriptionArn": f"{_TOPIC}:21be56ed-a058-49f5-8c98-aedd2564c486",
                "Sns": notice | {"MessageAttributes": {}},
            }
        ]
    }


def sns_in_queue(message: Json) -> Json:
    """SNS to a queue, raw message delivery off. It spells URL in capitals where SNS to a function doesn't."""
    return _sns_notice(message)


def _sns_notice(message: Json) -> Json:
    return {
        "Type": "Notification",
        "MessageId": "95df01b4-ee98-5cb9-9903-4c221d41eb5e",
        "TopicArn": _TOPIC,
        "Subject": "Amazon S3 Notification",
        "Message": json.dumps(message, separators=(",", ":")),
        "Timestamp": _MOMENT,
        "SignatureVersion": "1",
        "Signature": "EXAMPLE" + Dice("sns").base64(64),
        "SigningCertURL": f"https://sns.{EAST}.amazonaws.com/SimpleNotificationService-example.pem",
        "UnsubscribeURL": f"https://sns.{EAST}.amazonaws.com/?Action=Unsubscribe&SubscriptionArn={_TOPIC}",
    }


def sqs(*bodies: Json, sender: str = "AIDAIENQZJOLOEXAMPLE") -> Json:
    """A batch of an event source mapping, one message per body."""
    records: list[Json] = []
    for number, body in enumerate(bodies):
        dice = Dice(f"sqs/{number}")
        text = json.dumps(body, separators=(",", ":"))
        records.append(
            {
                "messageId": dice.uuid(),
                "receiptHandle": "AQEB" + dice.base64(80),
                "body": text,
                "attributes": {
                    "ApproximateReceiveCount": "1",
                    "SentTimestamp": "1773479742118",
                    "SenderId": sender,
                    "ApproximateFirstReceiveTimestamp": "1773479742131",
                },
                "messageAttributes": {},
                "md5OfBody": hashlib.md5(text.encode(), usedforsecurity=False).hexdigest(),
                "eventSource": "aws:sqs",
                "eventSourceARN": _QUEUE,
                "awsRegion": EAST,
            }
        )
    return {"Records": records}


def eventbridge(key: str) -> Json:
    """S3's own event on the default bus."""
    dice = Dice("eventbridge")
    return {
        "version": "0",
        "id": dice.uuid(),
        "detail-type": "Object Created",
        "source": "aws.s3",
        "account": ACCOUNT,
        "time": "2026-03-14T09:15:42Z",
        "region": EAST,
        "resources": [f"arn:aws:s3:::{TRAIL_BUCKET}"],
        "detail": {
            "version": "0",
            "bucket": {"name": TRAIL_BUCKET},
            "object": {
                "key": key,
                "size": dice.number(900, 9_000),
                "etag": dice.hex(32),
                "sequencer": "0065F2" + dice.hex(12).upper(),
            },
            "request-id": dice.alphanumeric(16).upper(),
            "requester": "cloudtrail.amazonaws.com",
            "source-ip-address": "192.0.2.200",
            "reason": "PutObject",
        },
    }


def eventbridge_api_call(record: Json) -> Json:
    """A CloudTrail record itself on the bus: `detail` is the record."""
    service = record["eventSource"].split(".")[0]
    return {
        "version": "0",
        "id": Dice("api call").uuid(),
        "detail-type": "AWS API Call via CloudTrail",
        "source": f"aws.{service}",
        "account": ACCOUNT,
        "time": record["eventTime"],
        "region": record["awsRegion"],
        "resources": [],
        "detail": record,
    }


def cloudwatch_logs(records: list[Json]) -> Json:
    """A subscription to the log group a trail also writes to: base64 of gzip of JSON, each message one record."""
    data: dict[str, Any] = {
        "messageType": "DATA_MESSAGE",
        "owner": ACCOUNT,
        "logGroup": "aws-cloudtrail-logs-example",
        "logStream": f"{ACCOUNT}_CloudTrail_{EAST}",
        "subscriptionFilters": ["iota"],
        "logEvents": [
            {
                "id": f"{38_000_000_000 + number:056d}",
                "timestamp": 1773479742118,
                "message": json.dumps(record, separators=(",", ":")),
            }
            for number, record in enumerate(records)
        ],
    }
    packed = gzip.compress(json.dumps(data, separators=(",", ":")).encode(), compresslevel=6, mtime=0)
    return {"awslogs": {"data": base64.b64encode(packed).decode()}}


def s3_batch_1(key: str) -> Json:
    """S3 Batch Operations, schema 1.0: the bucket by ARN."""
    return {
        "invocationSchemaVersion": "1.0",
        "invocationId": "YXNkbGZqYWRmaiBhc2RmdW9hZHNmZGpmaGFzbGtkaGZza2RmaAo",
        "job": {"id": "f3cc4f60-61f6-4a2b-8a21-d07600c373ce"},
        "tasks": [
            {
                "taskId": "dGFza2lkZ29lc2hlcmUK",
                "s3Key": key,
                "s3VersionId": None,
                "s3BucketArn": f"arn:aws:s3:::{TRAIL_BUCKET}",
            }
        ],
    }


def s3_batch_2(key: str) -> Json:
    """Schema 2.0: the bucket by name, arguments of the job's author. The key is URL-encoded, slashes included."""
    return {
        "invocationSchemaVersion": "2.0",
        "invocationId": "EHUqV3yMXAoJU9QcmVxdWVzdEV4YW1wbGU",
        "job": {"id": "e7a25d58-1f3c-4f0b-9a3f-0d8c5b6a7e91", "userArguments": {"reason": "replay of 2026-03-14"}},
        "tasks": [
            {
                "taskId": "Z29lc2hlcmV0YXNraWQK",
                "s3Key": key.replace("/", "%2F"),
                "s3VersionId": None,
                "s3Bucket": TRAIL_BUCKET,
            }
        ],
    }


def failure_record(payload: Json) -> Json:
    """What lies in the failure queue after the last retry: the original event inside the story of its failure."""
    return {
        "version": "1.0",
        "timestamp": "2026-03-14T09:19:05.568Z",
        "requestContext": {
            "requestId": "e4b46cbf-b738-4658-bd5c-85d2cc0a9f0e",
            "functionArn": f"{_FUNCTION}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": 3,
        },
        "requestPayload": payload,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": {
            "errorType": "S3",
            "errorMessage": f"cannot read `s3://{TRAIL_BUCKET}/{payload['Records'][0]['s3']['object']['key']}`",
        },
    }
