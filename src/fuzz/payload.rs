//! Payloads: the golden ones of `events/envelopes` damaged, and objects wrapped in envelopes at random.

use std::fs;
use std::path::Path;

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::{Bytes, Dice, Input, damaged, run};
use crate::invoke::{Failure, Invocation, Outcome, Work, parse};
use crate::model::ObjectRef;

/// The function's own log group.
const OWN: &str = "/aws/lambda/iota";
/// Longer than any message needs to be.
const MAX_MESSAGE: usize = 2_000;

fn golden() -> Vec<Value> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("events/envelopes");
    let files = fs::read_dir(folder).expect("the golden payloads");
    let mut paths: Vec<_> = files.map(|file| file.expect("an entry").path()).collect();
    paths.sort();
    let payloads: Vec<Value> =
        paths.iter().map(|path| serde_json::from_slice(&fs::read(path).expect("a file")).expect("JSON")).collect();
    assert!(payloads.len() > 10, "only {} golden payloads", payloads.len());
    payloads
}

/// All places in a payload, so that one can be chosen.
fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(members) => members.values().map(count).sum(),
        _ => 0,
    }
}

fn at(value: &mut Value, place: usize) -> &mut Value {
    let mut left = place;
    let mut value = value;
    loop {
        if left == 0 {
            return value;
        }
        left -= 1;
        let children: Vec<&mut Value> = match value {
            Value::Array(items) => items.iter_mut().collect(),
            Value::Object(members) => members.values_mut().collect(),
            _ => unreachable!("the place was counted"),
        };
        let mut within = None;
        for child in children {
            let size = count(child);
            if left < size {
                within = Some(child);
                break;
            }
            left -= size;
        }
        value = within.expect("the place was counted");
    }
}

fn odd_value(dice: &mut Dice, golden: &[Value]) -> Value {
    match dice.roll(12) {
        0 => Value::Null,
        1 => json!(true),
        2 => json!([]),
        3 => json!({}),
        4 => json!(dice.of(&[0.0, -1.0, 1e308, 1e-300, 9_007_199_254_740_993.0])),
        5 => json!(u64::MAX),
        6 => json!("x".repeat(dice.roll(9_000))),
        7 => (0..dice.roll(60)).fold(json!("deep"), |inner, _| json!([inner])),
        8 => dice.of(golden),
        9 => json!(dice.of(golden).to_string()),
        10 => json!(dice.of(&["a\nb", "\u{1b}[31mred", "%ff", "a+b%20c", "\u{0}", "\u{9b}1m", "é\u{2028}", OWN])),
        _ => json!(dice.of(&["aws:s3", "aws:sns", "aws:sqs", "Notification", "iota.canary", "null", "ObjectCreated:"])),
    }
}

/// Breaks the meaning of a payload, not its form; texts that are JSON are opened now and then.
fn twisted(dice: &mut Dice, mut value: Value, golden: &[Value]) -> Value {
    for _ in 0..=dice.roll(3) {
        let place = dice.roll(count(&value));
        let node = at(&mut value, place);
        match (dice.roll(5), node) {
            (0 | 1, Value::Object(members)) if !members.is_empty() => {
                let key = members.keys().nth(dice.roll(members.len())).cloned().unwrap_or_default();
                let child = members.remove(&key).unwrap_or_default();
                let other = dice.of(&["eventSource", "Records", "a\nb", "\u{1b}[2J", "", "Message", "\u{85}", "tasks"]);
                match dice.roll(3) {
                    0 => drop(child),
                    1 => drop(members.insert(other.into(), child)),
                    _ => drop(members.insert(key.to_uppercase(), child)),
                }
            }
            (2, Value::Array(items)) if !items.is_empty() => {
                let copy = dice.of(items);
                items.extend(std::iter::repeat_n(copy, dice.roll(20)));
            }
            (0..3, node @ Value::String(_)) if node.as_str().is_some_and(|text| text.starts_with('{')) => {
                let inner: Value = serde_json::from_str(node.as_str().unwrap_or_default()).unwrap_or_default();
                let inner = if inner.is_null() { inner } else { twisted(dice, inner, golden) };
                *node = json!(inner.to_string());
            }
            (_, node) => *node = odd_value(dice, golden),
        }
    }
    value
}

/// What people are told is one line, of a length that can be read, and can't steer a terminal.
fn check_message(message: &str) -> Result<(), String> {
    if message.is_empty() || message.len() > MAX_MESSAGE || message.contains(char::is_control) {
        return Err(format!("the message is no line of at most {MAX_MESSAGE} bytes: {message:?}"));
    }
    Ok(())
}

/// Any set of failures, answered, names what failed and nothing else.
fn check_answer(invocation: &Invocation) -> Result<(), String> {
    let failed = |number: usize| number % 3 == 1;
    let failure = || Failure { temporary: true, message: "why".into() };
    let outcome = |(number, unit): (usize, &crate::invoke::Unit)| (unit.id.clone(), failed(number));
    let ended: Vec<(String, bool)> = invocation.units.iter().enumerate().map(outcome).collect();
    let outcomes: Vec<Outcome<'_>> = ended
        .iter()
        .map(|(id, failed)| Outcome { id, failures: if *failed { vec![failure()] } else { Vec::new() } })
        .collect();
    let answer = invocation.answer.answer(&outcomes).map_err(|failed| failed.message)?;
    let ids = |list: &Value, id: &str| -> Vec<Value> {
        list.as_array().map(|all| all.iter().map(|one| one[id].clone()).collect()).unwrap_or_default()
    };
    let (got, expected): (Vec<Value>, Vec<Value>) = match &answer["results"] {
        Value::Null => (
            ids(&answer["batchItemFailures"], "itemIdentifier"),
            ended.iter().filter(|(_, failed)| *failed).map(|(id, _)| json!(id)).collect(),
        ),
        results => (ids(results, "taskId"), ended.iter().map(|(id, _)| json!(id)).collect()),
    };
    if got == expected { Ok(()) } else { Err(format!("the answer names {got:?}, expected {expected:?}")) }
}

fn check_damaged(bytes: &[u8]) -> Result<&'static str, String> {
    let Ok(payload) = serde_json::from_slice::<Value>(bytes) else { return Ok("no JSON") };
    let invocation = match parse(&payload, Some(OWN)) {
        Ok(invocation) => invocation,
        Err(failed) => return check_message(&failed.message).map(|()| "refused"),
    };
    check_answer(&invocation)?;
    let mut kind = "understood";
    for unit in &invocation.units {
        if let Err(message) = &unit.work {
            check_message(message)?;
            kind = "a unit refused";
        }
    }
    Ok(kind)
}

#[test]
fn fuzz_payload_damaged() {
    let golden = golden();
    let make = |dice: &mut Dice| {
        let payload = dice.of(&golden);
        let payload = if dice.once_in(3) { payload } else { twisted(dice, payload, &golden) };
        let bytes = payload.to_string().into_bytes();
        Bytes(if dice.once_in(2) { damaged(dice, &bytes) } else { bytes })
    };
    let kinds = ["no JSON", "refused", "understood", "a unit refused"];
    run("payload_damaged", 2_000, &kinds, make, |bytes| check_damaged(&bytes.0));
}

// Envelopes.

/// A payload, and the objects that its units must speak of.
#[derive(Debug)]
struct Wrapped {
    payload: Value,
    units: Vec<(String, Vec<ObjectRef>)>,
}

impl Input for Wrapped {}

fn random_object(dice: &mut Dice) -> ObjectRef {
    let parts =
        ["AWSLogs/", "a b", "+", "%2F", "é", "\u{1f600}", "=", "&", "log.json.gz", "\"", "\\", "\n", "null", "//"];
    let key = (0..=dice.roll(5)).map(|_| dice.of(&parts)).collect::<String>();
    let version = dice.of(&[None, None, Some("v1"), Some("3/L4kqtJlcpXroDTDmJ+rmSpXd3dIbrHY")]);
    ObjectRef { version_id: version.map(str::to_owned), ..ObjectRef::new(dice.of(&["b", "trail-111122223333"]), key) }
}

/// As S3 writes keys in notifications.
fn encoded(dice: &mut Dice, key: &str) -> String {
    let encoded = utf8_percent_encode(key, NON_ALPHANUMERIC).to_string();
    let encoded = if dice.once_in(2) { encoded.replace("%2F", "/") } else { encoded };
    encoded.replace("%20", "+")
}

fn s3_record(dice: &mut Dice, object: &ObjectRef) -> Value {
    let name = dice.of(&["ObjectCreated:Put", "ObjectCreated:CompleteMultipartUpload", "s3:ObjectCreated:Copy"]);
    let mut s3 = json!({"bucket": {"name": object.bucket}, "object": {"key": encoded(dice, &object.key), "size": 7}});
    match &object.version_id {
        Some(version) => s3["object"]["versionId"] = json!(version),
        None if dice.once_in(2) => s3["object"]["versionId"] = json!(dice.of(&["null", ""])),
        None => {}
    }
    json!({"eventSource": "aws:s3", "eventName": name, "s3": s3, "awsRegion": "eu-west-1"})
}

/// A message that speaks of objects itself.
fn leaf(dice: &mut Dice) -> (Value, Vec<ObjectRef>) {
    match dice.roll(6) {
        0 => {
            let object = random_object(dice);
            let mut detail = json!({"bucket": {"name": object.bucket}, "object": {"key": object.key}});
            if let Some(version) = &object.version_id {
                detail["object"]["version-id"] = json!(version);
            }
            (json!({"source": "aws.s3", "detail-type": "Object Created", "detail": detail}), vec![object])
        }
        1 => {
            let objects: Vec<ObjectRef> = (0..=dice.roll(3))
                .map(|_| ObjectRef { version_id: None, bucket: "trail".into(), ..random_object(dice) })
                .collect();
            let keys: Vec<&str> = objects.iter().map(|object| object.key.as_str()).collect();
            (json!({"s3Bucket": "trail", "s3ObjectKey": keys}), objects)
        }
        2 => (json!({"Service": "Amazon S3", "Event": "s3:TestEvent", "Bucket": "b"}), Vec::new()),
        _ => {
            let mut objects = Vec::new();
            let mut records = Vec::new();
            for _ in 0..=dice.roll(4) {
                let object = random_object(dice);
                let mut record = s3_record(dice, &object);
                if dice.once_in(5) {
                    record["eventName"] = json!(dice.of(&["ObjectRemoved:Delete", "s3:ObjectRestore:Post"]));
                } else {
                    objects.push(object);
                }
                records.push(record);
            }
            (json!({"Records": records}), objects)
        }
    }
}

/// A message, through at most so many envelopes.
fn message(dice: &mut Dice, most: usize) -> (Value, Vec<ObjectRef>) {
    if most == 0 || dice.once_in(3) {
        return leaf(dice);
    }
    match dice.roll(4) {
        0 => {
            let (inner, objects) = message(dice, most - 1);
            (json!({"Type": "Notification", "MessageId": "m", "Message": inner.to_string()}), objects)
        }
        1 => {
            let (inner, objects) = message(dice, most - 1);
            let context = json!({"condition": "RetriesExhausted", "approximateInvokeCount": 3});
            (json!({"version": "1.0", "requestContext": context, "requestPayload": inner}), objects)
        }
        _ => {
            let inner: Vec<_> = (0..=dice.roll(2)).map(|_| message(dice, most - 1)).collect();
            let record = |(inner, _): &(Value, Vec<ObjectRef>)| json!({"EventSource": "aws:sns", "Sns": {"Type": "Notification", "Message": inner.to_string()}});
            let records: Vec<Value> = inner.iter().map(record).collect();
            (json!({"Records": records}), inner.into_iter().flat_map(|(_, objects)| objects).collect())
        }
    }
}

fn wrapped(dice: &mut Dice) -> Wrapped {
    match dice.roll(4) {
        0 => {
            let (payload, objects) = message(dice, 5);
            Wrapped { payload, units: vec![(String::new(), objects)] }
        }
        1 => {
            let objects: Vec<ObjectRef> = (0..dice.roll(4)).map(|_| random_object(dice)).collect();
            let schema = dice.of(&["1.0", "2.0"]);
            let task = |(number, object): (usize, &ObjectRef)| {
                let key = encoded(dice, &object.key);
                let mut task = json!({"taskId": number.to_string(), "s3Key": key, "s3VersionId": object.version_id});
                let bucket = if schema == "1.0" { ("s3BucketArn", "arn:aws:s3:::") } else { ("s3Bucket", "") };
                task[bucket.0] = json!(format!("{}{}", bucket.1, object.bucket));
                task
            };
            let tasks: Vec<Value> = objects.iter().enumerate().map(task).collect();
            let payload = json!({"invocationSchemaVersion": schema, "invocationId": "i", "tasks": tasks});
            let units = objects.into_iter().enumerate().map(|(number, object)| (number.to_string(), vec![object]));
            Wrapped { payload, units: units.collect() }
        }
        _ => {
            let messages: Vec<_> = (0..=dice.roll(4)).map(|_| message(dice, 4)).collect();
            let record = |(number, (body, _)): (usize, &(Value, Vec<ObjectRef>))| json!({"eventSource": "aws:sqs", "messageId": format!("m{number}"), "body": body.to_string()});
            let records: Vec<Value> = messages.iter().enumerate().map(record).collect();
            let unit = |(number, (_, objects)): (usize, (Value, Vec<ObjectRef>))| (format!("m{number}"), objects);
            let units = messages.into_iter().enumerate().map(unit).collect();
            Wrapped { payload: json!({"Records": records}), units }
        }
    }
}

fn check_wrapped(wrapped: &Wrapped) -> Result<&'static str, String> {
    let invocation = parse(&wrapped.payload, Some(OWN)).map_err(|failed| failed.message)?;
    check_answer_if_named(&invocation)?;
    let mut got = Vec::new();
    for unit in invocation.units {
        let objects = unit.work?.into_iter().map(|work| match work {
            Work::Object(object) => Ok(object),
            other => Err(format!("{other:?} is no object")),
        });
        got.push((unit.id, objects.collect::<Result<Vec<_>, _>>()?));
    }
    if got != wrapped.units {
        return Err(format!("expected {:?}, got {got:?}", wrapped.units));
    }
    Ok(if wrapped.units.iter().any(|(_, objects)| !objects.is_empty()) { "objects" } else { "none" })
}

fn check_answer_if_named(invocation: &Invocation) -> Result<(), String> {
    if invocation.units.iter().all(|unit| unit.id.is_empty()) { Ok(()) } else { check_answer(invocation) }
}

#[test]
fn fuzz_payload_wrapped() {
    run("payload_wrapped", 2_000, &["objects", "none"], wrapped, check_wrapped);
}
