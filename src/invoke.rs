//! A payload in; what there is to do, and the shape of the answer, out. Pure: no clock, no network.
//!
//! Payloads are told apart by content, on the raw JSON. Typed guessing fails here: an S3 notification parses as an SQS
//! event, and a test event as nothing (see `docs/delivery.md`). An envelope is a list of units; a unit succeeds or
//! fails as a whole, because that is what its sender can repeat.

use std::io::Read as _;

use aws_lambda_events::sqs::SqsBatchResponse;
use base64::Engine as _;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::canary::{self, Canary};
use crate::gunzip::Gunzip;
use crate::model::ObjectRef;

/// How deep envelopes may nest: EventBridge in SNS in SQS in a failure record is four.
const MAX_NESTING: u32 = 6;
/// CloudWatch Logs sends at most 1 MB of base64; this is what it may unpack to.
const MAX_LOGS_BYTES: u64 = 64 * 1024 * 1024;

/// Of a message that names what is in the payload, so many characters are told.
const MAX_MESSAGE: usize = 400;

/// What one invocation asks for.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Invocation {
    /// What succeeds or fails together.
    pub(crate) units: Vec<Unit>,
    /// How the answer tells the sender which units failed.
    pub(crate) answer: AnswerShape,
}

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    /// The sender's name for it, where the answer wants one.
    pub(crate) id: String,
    /// What it speaks of, or why it can't be understood.
    pub(crate) work: Result<Vec<Work>, String>,
}

/// Records to be judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Work {
    /// They lie in a log file.
    Object(ObjectRef),
    /// They came with the payload: a name for where from, and JSON.
    Inline(ObjectRef, Vec<u8>),
    /// None did: the function is asked to show that an alert arrives.
    Canary(Canary),
}

/// What the sender expects to hear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum AnswerShape {
    /// Success or an error for the whole invocation.
    Whole,
    /// The ids of the messages that failed.
    SqsBatch,
    /// A result for each task, under the schema and id of the invocation.
    S3Batch { schema: String, invocation: String },
}

/// How one unit ended.
pub(crate) struct Outcome<'a> {
    pub(crate) id: &'a str,
    /// What failed in it.
    pub(crate) failures: Vec<Failure>,
}

/// One object that failed, or a message that can't be understood.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// Trying again may help.
    pub(crate) temporary: bool,
    /// What failed, by name.
    pub(crate) message: String,
}

/// An invocation that failed as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Stable word.
    pub(crate) word: &'static str,
    /// What failed, by name.
    pub(crate) message: String,
}

/// Reads a payload. `own_log_group` is where our own lines go: a subscription that brought them back to us would never
/// end.
pub(crate) fn parse(payload: &Value, own_log_group: Option<&str>) -> Result<Invocation, Failed> {
    let unknown = |message| Failed { word: "UnknownPayload", message: one_line(message) };
    let reader = Reader { own_log_group };
    if let Some(messages) = records_from(payload, "eventSource", "aws:sqs") {
        let unit = |message: &Value| Unit {
            id: message["messageId"].as_str().unwrap_or_default().to_owned(),
            work: reader.embedded(message, "body", 1).map_err(one_line),
        };
        return Ok(Invocation { units: messages.iter().map(unit).collect(), answer: AnswerShape::SqsBatch });
    }
    if let (Some(schema), Some(tasks)) = (payload["invocationSchemaVersion"].as_str(), payload["tasks"].as_array()) {
        let unit = |task: &Value| Unit {
            id: task["taskId"].as_str().unwrap_or_default().to_owned(),
            work: batch_task(task).map(|object| vec![Work::Object(object)]).map_err(one_line),
        };
        let invocation = text(payload, "/invocationId").map_err(unknown)?;
        let answer = AnswerShape::S3Batch { schema: schema.to_owned(), invocation };
        return Ok(Invocation { units: tasks.iter().map(unit).collect(), answer });
    }
    let work = reader.lower(payload, 0).map_err(unknown)?;
    Ok(Invocation { units: vec![Unit { id: String::new(), work: Ok(work) }], answer: AnswerShape::Whole })
}

/// A message that people read, whatever the payload has put into it: no line breaks, nothing that a terminal obeys.
fn one_line(message: String) -> String {
    let shown = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut line: String = message.chars().take(MAX_MESSAGE).map(shown).collect();
    if message.chars().nth(MAX_MESSAGE).is_some() {
        line.push('…');
    }
    line
}

impl AnswerShape {
    /// What to answer, given how the units ended.
    pub(crate) fn answer(&self, outcomes: &[Outcome<'_>]) -> Result<Value, Failed> {
        match self {
            Self::SqsBatch => {
                let mut response = SqsBatchResponse::default();
                for outcome in outcomes.iter().filter(|outcome| !outcome.failures.is_empty()) {
                    response.add_failure(outcome.id.to_owned());
                }
                serde_json::to_value(response)
                    .map_err(|e| Failed { word: "InternalError", message: format!("can't write the answer: {e}") })
            }
            Self::S3Batch { schema, invocation } => Ok(json!({
                "invocationSchemaVersion": schema,
                "treatMissingKeysAs": "PermanentFailure",
                "invocationId": invocation,
                "results": outcomes.iter().map(task_result).collect::<Vec<_>>(),
            })),
            Self::Whole => {
                let failures: Vec<&str> = outcomes
                    .iter()
                    .flat_map(|outcome| &outcome.failures)
                    .map(|failure| failure.message.as_str())
                    .collect();
                match failures.len() {
                    0 => Ok(json!({})),
                    count => {
                        let more = if count > 5 { format!("; and {} more", count - 5) } else { String::new() };
                        let shown = failures[..count.min(5)].join("; ");
                        Err(Failed { word: "ObjectFailed", message: format!("{shown}{more}") })
                    }
                }
            }
        }
    }
}

fn task_result(outcome: &Outcome<'_>) -> Value {
    let code = if outcome.failures.is_empty() {
        "Succeeded"
    } else if outcome.failures.iter().all(|failure| failure.temporary) {
        "TemporaryFailure"
    } else {
        "PermanentFailure"
    };
    let told: String =
        outcome.failures.first().map(|failure| failure.message.chars().take(1000).collect()).unwrap_or_default();
    json!({"taskId": outcome.id, "resultCode": code, "resultString": told})
}

/// Takes envelopes off.
struct Reader<'a> {
    own_log_group: Option<&'a str>,
}

impl Reader<'_> {
    /// What one message speaks of, through whatever envelopes it is wrapped in.
    fn lower(&self, message: &Value, depth: u32) -> Result<Vec<Work>, String> {
        if depth > MAX_NESTING {
            return Err(format!("envelopes nested deeper than {MAX_NESTING}"));
        }
        if let Some(records) = records_from(message, "eventSource", "aws:s3") {
            return records.iter().filter_map(|record| s3_record(record).transpose()).collect();
        }
        if let Some(records) = records_from(message, "EventSource", "aws:sns") {
            let inner = records.iter().map(|record| self.embedded(&record["Sns"], "Message", depth + 1));
            return Ok(inner.collect::<Result<Vec<_>, _>>()?.concat());
        }
        if message["Event"] == "s3:TestEvent" {
            return Ok(Vec::new());
        }
        if message["Type"] == "Notification" && message.get("Message").is_some() {
            return self.embedded(message, "Message", depth + 1);
        }
        if message["source"] == "aws.s3" && message["detail-type"] == "Object Created" {
            return Ok(vec![Work::Object(created_object(&message["detail"])?)]);
        }
        if message["detail-type"].as_str().is_some_and(|kind| kind.ends_with(" via CloudTrail")) {
            let id = message["id"].as_str().unwrap_or("unnamed");
            // An empty list would be a log file without records.
            if !message["detail"].is_object() {
                return Err("`detail` is no object".into());
            }
            return Ok(vec![inline(format!("eventbridge/{id}"), &[message["detail"].to_string()])]);
        }
        if message["source"] == canary::SOURCE {
            return Ok(vec![Work::Canary(Canary::of(message)?)]);
        }
        if let Some(keys) = message["s3ObjectKey"].as_array() {
            return trail_notice(message, keys);
        }
        if let Some(data) = message["awslogs"]["data"].as_str() {
            return self.log_events(data);
        }
        if message.get("requestPayload").is_some() && message["requestContext"].get("condition").is_some() {
            return self.lower(&message["requestPayload"], depth + 1);
        }
        let keys: Vec<&str> =
            message.as_object().map(|map| map.keys().map(String::as_str).take(12).collect()).unwrap_or_default();
        let shown = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
        Err(format!("not a payload that iota knows; its top-level keys: {shown}"))
    }

    /// A message that travels as a string inside another.
    fn embedded(&self, outer: &Value, field: &str, depth: u32) -> Result<Vec<Work>, String> {
        let body = outer[field].as_str().ok_or_else(|| format!("`{field}` is no string"))?;
        let message = serde_json::from_str(body).map_err(|e| format!("`{field}` is not JSON: {e}"))?;
        self.lower(&message, depth)
    }

    /// A CloudWatch Logs subscription: each log event is one record.
    fn log_events(&self, data: &str) -> Result<Vec<Work>, String> {
        let bad = |e: &dyn std::fmt::Display| format!("`awslogs.data` can't be unpacked: {e}");
        let packed = base64::engine::general_purpose::STANDARD.decode(data).map_err(|e| bad(&e))?;
        let mut unpacked = Vec::new();
        let mut reader = Gunzip::new(&packed[..], MAX_LOGS_BYTES).map_err(|e| bad(&e))?;
        reader.read_to_end(&mut unpacked).map_err(|e| bad(&e))?;
        let logs: Value = serde_json::from_slice(&unpacked).map_err(|e| bad(&e))?;
        if logs["messageType"] == "CONTROL_MESSAGE" {
            return Ok(Vec::new());
        }
        let (group, stream) = (text(&logs, "/logGroup")?, text(&logs, "/logStream")?);
        if self.own_log_group == Some(group.as_str()) {
            return Err(format!("`{group}` is the function's own log group; take that subscription away"));
        }
        let events = logs["logEvents"].as_array().ok_or("`logEvents` is no list")?;
        let message =
            |event: &Value| event["message"].as_str().map(str::to_owned).ok_or("a log event without `message`");
        let messages = events.iter().map(message).collect::<Result<Vec<_>, _>>()?;
        Ok(vec![inline(format!("cloudwatch-logs/{group}/{stream}"), &messages)])
    }
}

/// Records that came with the payload, as JSON lines.
fn inline(name: String, records: &[String]) -> Work {
    // An empty list is a file without records; no text at all would be a damaged one.
    let bytes = if records.is_empty() { b"[]".to_vec() } else { records.join("\n").into_bytes() };
    Work::Inline(ObjectRef::new("", name), bytes)
}

/// The `Records` of an envelope whose first record has this source.
fn records_from<'a>(payload: &'a Value, key: &str, source: &str) -> Option<&'a Vec<Value>> {
    payload["Records"].as_array().filter(|records| records.first().is_some_and(|record| record[key] == source))
}

/// The object of one record of a notification. A bucket may send more than creations; what was removed or restored
/// holds nothing new, but what says nothing of itself is damaged.
fn s3_record(record: &Value) -> Result<Option<Work>, String> {
    let name = text(record, "/eventName")?;
    if !name.strip_prefix("s3:").unwrap_or(&name).starts_with("ObjectCreated:") {
        return Ok(None);
    }
    Ok(Some(Work::Object(ObjectRef {
        bucket: text(record, "/s3/bucket/name")?,
        key: form_decoded(&text(record, "/s3/object/key")?)?,
        version_id: version(&record["s3"]["object"]["versionId"]),
    })))
}

/// EventBridge's "Object Created". It does not encode keys.
fn created_object(detail: &Value) -> Result<ObjectRef, String> {
    Ok(ObjectRef {
        bucket: text(detail, "/bucket/name")?,
        key: text(detail, "/object/key")?,
        version_id: version(&detail["object"]["version-id"]),
    })
}

/// CloudTrail's own notice of log files; it does not encode keys.
fn trail_notice(message: &Value, keys: &[Value]) -> Result<Vec<Work>, String> {
    let bucket = text(message, "/s3Bucket")?;
    if keys.is_empty() {
        return Err("`s3ObjectKey` is an empty list".into());
    }
    let object = |key: &Value| match key.as_str() {
        Some(key) => Ok(Work::Object(ObjectRef::new(bucket.clone(), key))),
        None => Err("`s3ObjectKey` holds what is no string".to_owned()),
    };
    keys.iter().map(object).collect()
}

/// A task of S3 Batch Operations; schema 1.0 names the bucket by its ARN.
fn batch_task(task: &Value) -> Result<ObjectRef, String> {
    let bucket = match task["s3BucketArn"].as_str() {
        Some(arn) => arn.rsplit(":::").next().unwrap_or_default().to_owned(),
        None => text(task, "/s3Bucket")?,
    };
    Ok(ObjectRef { bucket, key: form_decoded(&text(task, "/s3Key")?)?, version_id: version(&task["s3VersionId"]) })
}

fn form_decoded(key: &str) -> Result<String, String> {
    let key = key.replace('+', " ");
    let decoded = percent_decode_str(&key).decode_utf8().map_err(|_| format!("object key `{key}` is not UTF-8"))?;
    Ok(decoded.into_owned())
}

fn text(value: &Value, pointer: &str) -> Result<String, String> {
    let found = value.pointer(pointer).and_then(Value::as_str).filter(|text| !text.is_empty());
    found.map(str::to_owned).ok_or_else(|| format!("`{}` is missing", &pointer[1..].replace('/', ".")))
}

/// S3 writes `"null"` for objects of an unversioned bucket.
fn version(value: &Value) -> Option<String> {
    value.as_str().filter(|version| !version.is_empty() && *version != "null").map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn s3(key: &str) -> Value {
        json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
               "s3": {"bucket": {"name": "b"}, "object": {"key": key, "versionId": "null"}}})
    }

    fn shown(work: &Work) -> String {
        match work {
            Work::Object(object) => object.to_string(),
            Work::Inline(object, bytes) => format!("{object}: {}", String::from_utf8_lossy(bytes)),
            Work::Canary(canary) => format!("{canary:?}"),
        }
    }

    #[track_caller]
    fn check(payload: &Value, expected: Result<&[&[&str]], &str>) {
        let got = parse(payload, Some("/aws/lambda/own")).map_err(|failed| failed.message).map(|invocation| {
            let keys = |unit: Unit| match unit.work {
                Ok(work) => work.iter().map(shown).collect(),
                Err(why) => vec![why],
            };
            invocation.units.into_iter().map(keys).collect::<Vec<Vec<String>>>()
        });
        match (&got, expected) {
            (Ok(got), Ok(expected)) => assert_eq!(got, expected),
            (Err(got), Err(expected)) => assert!(got.contains(expected), "expected {expected}, got {got}"),
            _ => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    #[test]
    fn keys_are_form_decoded_once() {
        check(&json!({"Records": [s3("a+b/%2B%C3%A9%2520.gz")]}), Ok(&[&["s3://b/a b/+é%20.gz"]]));
        check(&json!({"Records": [s3("%ff")]}), Err("`%ff` is not UTF-8"));
        check(&json!({"Records": [s3("a"), s3("b")]}), Ok(&[&["s3://b/a", "s3://b/b"]]));
    }

    #[test]
    fn what_is_no_creation_is_a_success() {
        let mut removed = s3("a");
        removed["eventName"] = "ObjectRemoved:Delete".into();
        check(&json!({"Records": [removed, s3("b")]}), Ok(&[&["s3://b/b"]]));
        check(&json!({"Event": "s3:TestEvent", "Bucket": "b"}), Ok(&[&[]]));
    }

    #[test]
    fn what_names_no_work_because_it_is_damaged_is_an_error() {
        let mut nameless = s3("a");
        nameless["eventName"] = Value::Null;
        check(&json!({"Records": [s3("b"), nameless]}), Err("`eventName` is missing"));
        check(&json!({"s3Bucket": "b", "s3ObjectKey": []}), Err("`s3ObjectKey` is an empty list"));
        check(&json!({"detail-type": "AWS API Call via CloudTrail", "detail": []}), Err("`detail` is no object"));
    }

    #[test]
    fn versions_pass() {
        let mut versioned = s3("a");
        versioned["s3"]["object"]["versionId"] = "v1".into();
        let got = parse(&json!({"Records": [versioned]}), None).expect("known");
        let work = got.units[0].work.as_ref().expect("understood");
        assert!(matches!(&work[0], Work::Object(object) if object.version_id.as_deref() == Some("v1")), "{work:?}");
    }

    #[test]
    fn envelopes_nest() {
        let notice = json!({"Records": [s3("a")]}).to_string();
        let sns = json!({"Type": "Notification", "Message": notice}).to_string();
        let message = |body: &str| json!({"eventSource": "aws:sqs", "messageId": body.len().to_string(), "body": body});
        check(
            &json!({"Records": [message(&notice), message(&sns), message("{")]}),
            Ok(&[
                &["s3://b/a"],
                &["s3://b/a"],
                &["`body` is not JSON: EOF while parsing an object at line 1 column 1"],
            ]),
        );
        check(&json!({"Records": [{"EventSource": "aws:sns", "Sns": {"Message": notice}}]}), Ok(&[&["s3://b/a"]]));
        let mut deep = notice;
        for _ in 0..8 {
            deep = json!({"Type": "Notification", "Message": deep}).to_string();
        }
        check(&serde_json::from_str(&deep).expect("JSON"), Err("nested deeper"));
    }

    #[test]
    fn unknown_payloads_show_their_keys() {
        check(&json!({"foo": 1, "bar": 2}), Err("bar, foo"));
        check(&json!({"Records": []}), Err("Records"));
        check(&json!([1]), Err("none"));
        check(
            &json!({"Records": [{"eventSource": "aws:s3", "eventName": "ObjectCreated:Put"}]}),
            Err("`s3.bucket.name` is missing"),
        );
    }

    #[test]
    fn records_may_come_with_the_payload() {
        let call = json!({"id": "i", "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": {"eventName": "X"}});
        check(&call, Ok(&[&[r#"eventbridge/i: {"eventName":"X"}"#]]));
        let failed =
            json!({"requestContext": {"condition": "RetriesExhausted"}, "requestPayload": {"Records": [s3("a")]}});
        check(&failed, Ok(&[&["s3://b/a"]]));
    }

    #[test]
    fn log_events_are_records_unless_they_are_our_own() {
        let logs = |group: &str, kind: &str| {
            let data = json!({"messageType": kind, "logGroup": group, "logStream": "s",
                "logEvents": [{"id": "1", "message": "{\"a\":1}"}, {"id": "2", "message": "{\"b\":2}"}]});
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            std::io::Write::write_all(&mut encoder, data.to_string().as_bytes()).expect("written");
            let packed = encoder.finish().expect("finished");
            json!({"awslogs": {"data": base64::engine::general_purpose::STANDARD.encode(packed)}})
        };
        check(&logs("trail", "DATA_MESSAGE"), Ok(&[&["cloudwatch-logs/trail/s: {\"a\":1}\n{\"b\":2}"]]));
        check(&logs("trail", "CONTROL_MESSAGE"), Ok(&[&[]]));
        check(&logs("/aws/lambda/own", "DATA_MESSAGE"), Err("own log group"));
        check(&json!({"awslogs": {"data": "!"}}), Err("can't be unpacked"));
    }

    #[test]
    fn batch_operations_hear_of_every_task() {
        let payload = json!({"invocationSchemaVersion": "1.0", "invocationId": "i", "tasks": [
            {"taskId": "1", "s3Key": "a+b", "s3VersionId": null, "s3BucketArn": "arn:aws:s3:::b"},
            {"taskId": "2", "s3Key": "c", "s3Bucket": "b"}, {"taskId": "3"}]});
        check(&payload, Ok(&[&["s3://b/a b"], &["s3://b/c"], &["`s3Bucket` is missing"]]));
        let invocation = parse(&payload, None).expect("known");
        let failure = |temporary| Failure { temporary, message: "why".into() };
        let outcome = |id, failures| Outcome { id, failures };
        let outcomes = [
            outcome("1", vec![]),
            outcome("2", vec![failure(true)]),
            outcome("3", vec![failure(true), failure(false)]),
        ];
        let answer = invocation.answer.answer(&outcomes).expect("an answer");
        let codes: Vec<_> =
            answer["results"].as_array().expect("results").iter().map(|r| r["resultCode"].clone()).collect();
        assert_eq!(codes, ["Succeeded", "TemporaryFailure", "PermanentFailure"], "{answer}");
        assert_eq!((&answer["invocationId"], &answer["invocationSchemaVersion"]), (&json!("i"), &json!("1.0")));
    }

    #[test]
    fn only_failed_messages_are_named() {
        let failure = || Failure { temporary: true, message: "why".into() };
        let outcome = |id, failed: bool| Outcome { id, failures: if failed { vec![failure()] } else { vec![] } };
        let got = AnswerShape::SqsBatch.answer(&[outcome("1", false), outcome("2", true)]).expect("an answer");
        assert_eq!(got, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
        let failed = AnswerShape::Whole.answer(&[outcome("", true)]).expect_err("a failure");
        assert_eq!((failed.word, failed.message.as_str()), ("ObjectFailed", "why"));
    }
}
