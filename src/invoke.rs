//! A payload in; what there is to do, and the shape of the answer, out. Pure: no clock, no network.
//!
//! Payloads are told apart by content, on the raw JSON. Typed guessing fails here: an S3 notification parses as an SQS
//! event, and a test event as nothing (see `docs/delivery.md`). An envelope is a list of units; a unit succeeds or
//! fails as a whole, because that is what its sender can repeat.

use aws_lambda_events::sqs::SqsBatchResponse;
use percent_encoding::percent_decode_str;
use serde_json::{Value, json};

use crate::model::ObjectRef;

/// How deep envelopes may nest: EventBridge in SNS in SQS is three.
const MAX_NESTING: u32 = 5;

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
    /// The objects it speaks of, or why it can't be understood.
    pub(crate) work: Result<Vec<ObjectRef>, String>,
}

/// What the sender expects to hear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AnswerShape {
    /// Success or an error for the whole invocation.
    Whole,
    /// The ids of the messages that failed.
    SqsBatch,
}

/// How one unit ended.
pub(crate) struct Outcome<'a> {
    pub(crate) id: &'a str,
    /// What failed in it.
    pub(crate) failures: Vec<String>,
}

/// An invocation that failed as a whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Failed {
    /// Stable word.
    pub(crate) word: &'static str,
    /// What failed, by name.
    pub(crate) message: String,
}

/// Reads a payload.
pub(crate) fn parse(payload: &Value) -> Result<Invocation, Failed> {
    if let Some(messages) = records_from(payload, "eventSource", "aws:sqs") {
        let units = messages
            .iter()
            .map(|message| Unit {
                id: message["messageId"].as_str().unwrap_or_default().to_owned(),
                work: embedded(message, "body", 1),
            })
            .collect();
        return Ok(Invocation { units, answer: AnswerShape::SqsBatch });
    }
    let work = lower(payload, 0).map_err(|message| Failed { word: "UnknownPayload", message })?;
    let unit = Unit { id: String::new(), work: Ok(work) };
    Ok(Invocation { units: vec![unit], answer: AnswerShape::Whole })
}

impl AnswerShape {
    /// What to answer, given how the units ended.
    pub(crate) fn answer(self, outcomes: &[Outcome<'_>]) -> Result<Value, Failed> {
        let failures = outcomes.iter().flat_map(|outcome| &outcome.failures);
        let count = failures.clone().count();
        match self {
            Self::SqsBatch => {
                let mut response = SqsBatchResponse::default();
                for outcome in outcomes.iter().filter(|outcome| !outcome.failures.is_empty()) {
                    response.add_failure(outcome.id.to_owned());
                }
                serde_json::to_value(response)
                    .map_err(|e| Failed { word: "InternalError", message: format!("can't write the answer: {e}") })
            }
            Self::Whole if count > 0 => {
                let shown: Vec<&str> = failures.take(5).map(String::as_str).collect();
                let more =
                    if count > shown.len() { format!("; and {} more", count - shown.len()) } else { String::new() };
                Err(Failed { word: "ObjectFailed", message: format!("{}{more}", shown.join("; ")) })
            }
            Self::Whole => Ok(json!({})),
        }
    }
}

/// The objects that one message speaks of, through whatever envelopes it is wrapped in.
fn lower(message: &Value, depth: u32) -> Result<Vec<ObjectRef>, String> {
    if depth > MAX_NESTING {
        return Err(format!("envelopes nested deeper than {MAX_NESTING}"));
    }
    if let Some(records) = records_from(message, "eventSource", "aws:s3") {
        return records.iter().filter(|record| is_creation(record)).map(s3_record).collect();
    }
    if let Some(records) = records_from(message, "EventSource", "aws:sns") {
        let inner = records.iter().map(|record| embedded(&record["Sns"], "Message", depth + 1));
        return Ok(inner.collect::<Result<Vec<_>, _>>()?.concat());
    }
    if message["Event"] == "s3:TestEvent" {
        return Ok(Vec::new());
    }
    if message["Type"] == "Notification" && message.get("Message").is_some() {
        return embedded(message, "Message", depth + 1);
    }
    if message["source"] == "aws.s3" && message["detail-type"] == "Object Created" {
        let detail = &message["detail"];
        return Ok(vec![ObjectRef {
            bucket: text(detail, "/bucket/name")?,
            // EventBridge does not encode keys.
            key: text(detail, "/object/key")?,
            version_id: version(&detail["object"]["version-id"]),
        }]);
    }
    if let Some(keys) = message["s3ObjectKey"].as_array() {
        let bucket = text(message, "/s3Bucket")?;
        let object = |key: &Value| match key.as_str() {
            Some(key) => Ok(ObjectRef::new(bucket.clone(), key)),
            None => Err("`s3ObjectKey` holds what is no string".to_owned()),
        };
        return keys.iter().map(object).collect();
    }
    let keys: Vec<&str> =
        message.as_object().map(|map| map.keys().map(String::as_str).take(12).collect()).unwrap_or_default();
    let shown = if keys.is_empty() { "none".to_owned() } else { keys.join(", ") };
    Err(format!("not a payload that iota knows; its top-level keys: {shown}"))
}

/// The `Records` of an envelope whose first record has this source.
fn records_from<'a>(payload: &'a Value, key: &str, source: &str) -> Option<&'a Vec<Value>> {
    payload["Records"].as_array().filter(|records| records.first().is_some_and(|record| record[key] == source))
}

/// A message that travels as a string inside another.
fn embedded(outer: &Value, field: &str, depth: u32) -> Result<Vec<ObjectRef>, String> {
    let body = outer[field].as_str().ok_or_else(|| format!("`{field}` is no string"))?;
    let message = serde_json::from_str(body).map_err(|e| format!("`{field}` is not JSON: {e}"))?;
    lower(&message, depth)
}

/// A bucket may send more than creations; what was removed or restored holds nothing new.
fn is_creation(record: &Value) -> bool {
    let name = record["eventName"].as_str().unwrap_or_default();
    name.strip_prefix("s3:").unwrap_or(name).starts_with("ObjectCreated:")
}

fn s3_record(record: &Value) -> Result<ObjectRef, String> {
    let key = text(record, "/s3/object/key")?.replace('+', " ");
    let key = percent_decode_str(&key).decode_utf8().map_err(|_| format!("object key `{key}` is not UTF-8"))?;
    Ok(ObjectRef {
        bucket: text(record, "/s3/bucket/name")?,
        key: key.into_owned(),
        version_id: version(&record["s3"]["object"]["versionId"]),
    })
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

    #[track_caller]
    fn check(payload: &Value, expected: Result<&[&[&str]], &str>) {
        let got = parse(payload).map_err(|failed| failed.message).map(|invocation| {
            let keys = |unit: Unit| match unit.work {
                Ok(work) => work.iter().map(ToString::to_string).collect(),
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
    fn versions_pass() {
        let mut versioned = s3("a");
        versioned["s3"]["object"]["versionId"] = "v1".into();
        let got = parse(&json!({"Records": [versioned]})).expect("known");
        assert_eq!(got.units[0].work.as_ref().expect("understood")[0].version_id.as_deref(), Some("v1"));
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
        for _ in 0..7 {
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
            Err("`s3.object.key` is missing"),
        );
    }

    #[test]
    fn only_failed_messages_are_named() {
        let outcome = |id, failed: bool| Outcome { id, failures: if failed { vec!["why".into()] } else { vec![] } };
        let got = AnswerShape::SqsBatch.answer(&[outcome("1", false), outcome("2", true)]).expect("an answer");
        assert_eq!(got, json!({"batchItemFailures": [{"itemIdentifier": "2"}]}));
        let failed = AnswerShape::Whole.answer(&[outcome("", true)]).expect_err("a failure");
        assert_eq!((failed.word, failed.message.as_str()), ("ObjectFailed", "why"));
    }
}
