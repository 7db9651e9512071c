//! The function: the real `bootstrap` behind a Runtime API and an S3 that fail as they are told.

mod common;

use common::server::{Answer, Function};
use common::{Bench, file, gzip, record};
use serde_json::{Value, json};

fn log(ids: &[&str]) -> Vec<u8> {
    gzip(file(&ids.iter().map(|id| record(id, "Bad")).collect::<Vec<_>>()))
}

fn start() -> (Bench, Function) {
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[]);
    (bench, function)
}

#[test]
fn a_notification_in_alerts_out() {
    let (_bench, function) = start();
    function.put("a.json.gz", &[Answer::Bytes(log(&["1", "2"]))]).put("b.json.gz", &[Answer::Bytes(log(&["3"]))]);
    let invoked = function.notify(&["a.json.gz", "b.json.gz"]);
    assert!(!invoked.failed, "{:?}", invoked.body);
    assert_eq!(invoked.event_ids(), ["1", "2", "3"]);
    assert_eq!(invoked.kind("object").len(), 2);
    let alert = invoked.kind("alert")[0];
    assert_eq!((&alert["log"]["bucket"], &alert["level"]), (&json!("logs"), &json!("WARN")), "{alert}");
    let metrics = invoked.kind("metrics")[0];
    assert_eq!(
        (&metrics["Alerts"], &metrics["ObjectsDone"], &metrics["level"]),
        (&json!(3), &json!(2), &json!("WARN"))
    );
    // The environment lives on, and so does its worker; a run's memory of repeats does not.
    assert_eq!(function.notify(&["a.json.gz"]).event_ids(), ["1", "2"]);
}

#[test]
fn keys_travel_form_encoded() {
    let (_bench, function) = start();
    // The SDK asks for the decoded key, percent-encoded as a path.
    function.put("a%20b/%2Bc/%C3%A9%25.json", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["a+b/%2Bc/%C3%A9%25.json"]);
    assert!(!invoked.failed, "{:?}", invoked.body);
    assert_eq!(invoked.kind("object")[0]["key"], "a b/+c/é%.json");
}

#[track_caller]
fn check_failure(answers: &[Answer], word: &str) {
    let (_bench, function) = start();
    function.put("bad.json.gz", answers).put("good.json.gz", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["bad.json.gz", "good.json.gz"]);
    assert!(invoked.failed, "the invocation must fail so that it is retried: {:?}", invoked.body);
    assert_eq!(invoked.body["errorType"], "ObjectFailed", "{:?}", invoked.body);
    let message = invoked.body["errorMessage"].as_str().unwrap_or_default();
    assert!(message.contains("s3://logs/bad.json.gz") && message.contains(word), "{message}");
    assert!(invoked.event_ids().contains(&"1"), "the good object's alerts are out: {:?}", invoked.lines);
    let failed: Vec<&Value> = invoked.kind("object").into_iter().filter(|line| line["status"] == "failed").collect();
    assert_eq!((failed.len(), &failed[0]["error"], &failed[0]["level"]), (1, &json!(word), &json!("WARN")));
}

#[test]
fn an_object_that_is_gone() {
    check_failure(&[Answer::Error(404, "NoSuchKey")], "not_found");
}

#[test]
fn an_object_that_is_denied() {
    check_failure(&[Answer::Error(403, "AccessDenied")], "access_denied");
}

#[test]
fn a_body_that_breaks_off() {
    let many: Vec<Value> = (0..2000).map(|n| record(&format!("x{n}"), "Good")).collect();
    let body = gzip(file(&many));
    let half = body.len() / 2;
    check_failure(&[Answer::Cut(body, half)], "read");
}

#[test]
fn a_service_that_recovers_is_no_failure() {
    let (_bench, function) = start();
    function.put("a.json.gz", &[Answer::Error(503, "SlowDown"), Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["a.json.gz"]);
    assert_eq!((invoked.failed, invoked.event_ids()), (false, vec!["1"]), "{:?}", invoked.body);
}

#[test]
fn duplicates_and_failure_together_lose_nothing() {
    // Object A breaks after its records, object B of the same invocation holds copies of them; A is retried.
    let whole = file(&[record("1", "Bad"), record("2", "Bad")]);
    let broken = whole.replace("]}", ",");
    let (_bench, function) = start();
    function.put("a.json", &[Answer::Bytes(broken.into_bytes()), Answer::Bytes(whole.clone().into_bytes())]);
    function.put("b.json", &[Answer::Bytes(whole.into_bytes())]);
    let first = function.notify(&["a.json", "b.json"]);
    assert!(first.failed);
    let retry = function.notify(&["a.json", "b.json"]);
    assert!(!retry.failed, "{:?}", retry.body);
    for invoked in [&first, &retry] {
        let mut ids = invoked.event_ids();
        ids.dedup();
        assert_eq!(ids, ["1", "2"], "{:?}", invoked.lines);
    }
    let ids = |invoked: &common::server::Invoked| {
        let mut ids: Vec<String> = invoked.kind("alert").iter().map(|alert| alert["alert_id"].to_string()).collect();
        ids.sort();
        ids.dedup();
        ids
    };
    assert_eq!(ids(&first), ids(&retry), "a repeat carries the same ids");
}

#[test]
fn of_an_sqs_batch_only_the_failed_messages_are_named() {
    let (_bench, function) = start();
    function.put("good.json", &[Answer::Bytes(log(&["1"]))]);
    let message = |id: &str, body: String| json!({"messageId": id, "eventSource": "aws:sqs", "body": body});
    let notify = |key: &str| common::server::notification(&[key]).to_string();
    let payload = json!({"Records": [
        message("m-good", notify("good.json")),
        message("m-gone", notify("gone.json")),
        message("m-odd", "{}".into()),
        message("m-test", json!({"Event": "s3:TestEvent"}).to_string()),
    ]});
    let invoked = function.invoke(&payload, 60_000);
    assert!(!invoked.failed);
    assert_eq!(invoked.body, json!({"batchItemFailures": [{"itemIdentifier": "m-gone"}, {"itemIdentifier": "m-odd"}]}));
}

#[test]
fn payloads_that_are_no_work() {
    let (_bench, function) = start();
    assert!(!function.invoke(&json!({"Event": "s3:TestEvent", "Bucket": "b"}), 60_000).failed);
    let unknown = function.invoke(&json!({"surprise": 1}), 60_000);
    assert_eq!((unknown.failed, &unknown.body["errorType"]), (true, &json!("UnknownPayload")));
    assert!(unknown.body["errorMessage"].as_str().unwrap_or_default().contains("surprise"), "{:?}", unknown.body);
}

#[test]
fn work_stops_before_the_deadline_and_is_retried() {
    let (_bench, function) = start();
    function.put("a.json", &[Answer::Silence]).put("b.json", &[Answer::Bytes(log(&["1"]))]);
    let started = std::time::Instant::now();
    let invoked = function.invoke(&common::server::notification(&["a.json", "b.json"]), 1_500);
    assert!(started.elapsed().as_millis() < 1_500 + 300, "answered after {:?}", started.elapsed());
    assert!(invoked.failed);
    assert_eq!(invoked.event_ids(), ["1"]);
    let errors: Vec<_> = invoked.kind("object").iter().map(|object| object["error"].clone()).collect();
    assert!(errors.contains(&json!("deadline")), "{errors:?}");
}

#[test]
fn a_deadline_in_the_past_is_ignored() {
    let (_bench, function) = start();
    function.put("a.json", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.invoke(&common::server::notification(&["a.json"]), -1_000_000);
    assert_eq!((invoked.failed, invoked.event_ids()), (false, vec!["1"]));
    assert!(invoked.kind("log").iter().any(|line| line["event"] == "deadline_ignored"), "{:?}", invoked.lines);
}

#[test]
fn the_worker_has_none_of_the_functions_environment() {
    let code =
        "import os\ndef rule(event):\n    return True\ndef title(event):\n    return ' '.join(sorted(os.environ))\n";
    let bench = Bench::new().rule("env", code);
    let function = Function::start(&bench, &[]);
    function.put("a.json", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["a.json"]);
    let title = invoked.kind("alert")[0]["title"].as_str().unwrap_or_default().to_owned();
    let allowed = ["PATH", "LD_LIBRARY_PATH", "LANG", "TZ", "PYTHONPATH", "LC_CTYPE"];
    let strange: Vec<&str> = title.split(' ').filter(|name| !allowed.contains(name)).collect();
    assert!(strange.is_empty(), "the worker sees {strange:?}");
}

#[test]
fn python_does_not_start_for_an_empty_file() {
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[("IOTA_PYTHON", "no-such-python")]);
    function.put("a.json", &[Answer::Bytes(br#"{"Records":[]}"#.to_vec())]);
    assert!(!function.notify(&["a.json"]).failed);
    function.put("b.json", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["b.json"]);
    let message = invoked.body["errorMessage"].as_str().unwrap_or_default();
    assert!(invoked.failed && message.contains("no-such-python"), "{message}");
}

#[test]
fn many_objects_in_one_invocation_are_all_handled() {
    let (_bench, function) = start();
    let names: Vec<String> = (0..60).map(|n| format!("{n}.json")).collect();
    for (n, name) in names.iter().enumerate() {
        function.put(name, &[Answer::Bytes(log(&[&n.to_string()]))]);
    }
    let keys: Vec<&str> = names.iter().map(String::as_str).collect();
    let invoked = function.notify(&keys);
    assert_eq!((invoked.failed, invoked.event_ids().len()), (false, 60), "{:?}", invoked.body);
}

#[test]
fn records_that_come_with_the_payload_alert_within_the_same_rules() {
    let (_bench, function) = start();
    let call = json!({"id": "i-1", "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": record("1", "Bad")});
    let invoked = function.invoke(&call, 60_000);
    assert_eq!((invoked.failed, invoked.event_ids()), (false, vec!["1"]), "{:?}", invoked.body);
    assert_eq!(invoked.kind("alert")[0]["log"]["key"], "eventbridge/i-1");
    assert_eq!(invoked.kind("object")[0]["records"], 1);
}

#[test]
fn batch_operations_hear_of_every_task() {
    let (_bench, function) = start();
    function.put("good.json", &[Answer::Bytes(log(&["1"]))]);
    function.put("odd.json", &[Answer::Bytes(b"rubbish".to_vec())]);
    let task = |id: &str, key: &str| json!({"taskId": id, "s3Key": key, "s3VersionId": null, "s3Bucket": "logs"});
    let tasks = [task("1", "good.json"), task("2", "gone.json"), task("3", "odd.json")];
    let payload = json!({"invocationSchemaVersion": "2.0", "invocationId": "i", "job": {"id": "j"}, "tasks": tasks});
    let invoked = function.invoke(&payload, 60_000);
    assert!(!invoked.failed, "{:?}", invoked.body);
    let results: Vec<String> = invoked.body["results"]
        .as_array()
        .expect("results")
        .iter()
        .map(|result| format!("{} {}", result["taskId"], result["resultCode"]))
        .collect();
    assert_eq!(results, [r#""1" "Succeeded""#, r#""2" "PermanentFailure""#, r#""3" "PermanentFailure""#]);
    assert_eq!(invoked.event_ids(), ["1"]);
}
