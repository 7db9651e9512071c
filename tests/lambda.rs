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

/// How many alert lines carry each severity, as the metrics say it.
fn by_severity(metrics: &Value) -> [u64; 5] {
    ["AlertsInfo", "AlertsLow", "AlertsMedium", "AlertsHigh", "AlertsCritical"]
        .map(|name| metrics[name].as_u64().unwrap_or(99))
}

#[test]
fn metrics_say_what_operation_asks_for() {
    let code = "def rule(event):\n    return event['eventName'].isupper()\ndef severity(event):\n    return event['eventName']\n";
    let bench = Bench::new().rule("named", code);
    let function = Function::start(&bench, &[]);
    let body = file(&[record("1", "HIGH"), record("2", "LOW"), record("3", "HIGH"), record("4", "Good")]);
    function.put("a.json", &[Answer::Bytes(body.clone().into_bytes())]);
    function.put("b.json", &[Answer::Bytes(format!("{body}\n{{}}").into_bytes())]);
    let first = function.notify(&["a.json"]);
    let [metrics] = first.kind("metrics")[..] else { panic!("one line of metrics: {:?}", first.lines) };
    assert_eq!(by_severity(metrics), [0, 1, 0, 2, 0], "{metrics}");
    assert_eq!((&metrics["Alerts"], &metrics["ColdStart"]), (&json!(3), &json!(1)));
    assert_eq!(metrics["BytesJson"], json!(body.len()), "{metrics}");
    assert_eq!((&metrics["ObjectsUnbalanced"], &metrics["HealthLines"]), (&json!(0), &json!(0)), "{metrics}");
    let refused = first.kind("health").iter().filter(|line| line["event"] == "isolation_refused").count();
    assert_eq!(metrics["IsolationRefused"], json!(refused), "{metrics}");
    // From the record's time, in March 2026, until now.
    let since = time::OffsetDateTime::now_utc().unix_timestamp() - 1_773_479_100;
    let waits: Vec<i64> = serde_json::from_value(metrics["EventToAlertMs"].clone()).expect("a list of numbers");
    assert_eq!(waits.len(), 3, "{metrics}");
    assert!(waits.iter().all(|ms| (since - 60..=since + 60).contains(&(ms / 1000))), "{since} s, found {waits:?}");
    let told = |metrics: &Value| -> Vec<String> {
        let list = metrics["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().expect("a list");
        list.iter().map(|metric| metric["Name"].as_str().unwrap_or_default().to_owned()).collect()
    };
    assert!(told(metrics).iter().all(|name| !metrics[name].is_null()), "a name without a value: {metrics}");
    let second = function.notify(&["b.json"]);
    let metrics = second.kind("metrics")[0];
    assert_eq!(metrics["ColdStart"], json!(0));
    function.put("c.json", &[Answer::Bytes(file(&[record("5", "Good")]).into_bytes())]);
    let third = function.notify(&["c.json"]);
    let metrics = third.kind("metrics")[0];
    assert_eq!((&metrics["Alerts"], &metrics["EventToAlertMs"]), (&json!(0), &Value::Null), "{metrics}");
    assert!(!told(metrics).contains(&"EventToAlertMs".to_owned()), "a metric without a value: {metrics}");
}

#[test]
fn repeats_of_an_invocation_are_counted() {
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[]);
    let whole = log(&["1", "2", "3"]);
    let keys: Vec<String> = (0..8).map(|n| format!("{n}.json.gz")).collect();
    for key in &keys {
        function.put(key, &[Answer::Bytes(whole.clone())]);
    }
    let invoked = function.notify(&keys.iter().map(String::as_str).collect::<Vec<_>>());
    let sum: u64 = invoked.kind("object").iter().filter_map(|object| object["repeat"].as_u64()).sum();
    assert!(sum > 0, "no file of eight was handled after another: {:?}", invoked.lines);
    assert_eq!(invoked.kind("metrics")[0]["Repeats"], json!(sum));
}

#[test]
fn health_lines_are_counted_in_the_invocation_that_prints_them() {
    let bench = Bench::new().rule("hangs", "def rule(event):\n    while True:\n        pass\n");
    let function = Function::start(&bench, &[("IOTA_RULE_TIMEOUT_MS", "60")]);
    function.put("a.json", &[Answer::Bytes(log(&["1", "2", "3", "4"]))]);
    // Rungs that this machine refuses are told once too, and are a metric of their own.
    for expected in [&["rule_fenced", "rule_blind"][..], &["rule_blind"]] {
        let invoked = function.notify(&["a.json"]);
        let lines = invoked.kind("health");
        let mut told: Vec<_> = lines.iter().filter_map(|line| line["event"].as_str()).collect();
        told.retain(|event| *event != "isolation_refused");
        assert_eq!(told, expected, "{lines:?}");
        assert_eq!(invoked.kind("metrics")[0]["HealthLines"], json!(expected.len()), "{lines:?}");
    }
}

/// What the schedule sends.
fn canary(more: &Value) -> Value {
    let mut payload = json!({"source": "iota.canary"});
    for (name, value) in more.as_object().expect("an object") {
        payload[name] = value.clone();
    }
    payload
}

const ALWAYS: &str = "def rule(event):\n    return True\n";

#[test]
fn a_canary_makes_one_alert_that_is_a_test() {
    let bench = Bench::new().rule("always", ALWAYS);
    let function = Function::start(&bench, &[]);
    let queued =
        json!({"Records": [{"messageId": "m", "eventSource": "aws:sqs", "body": canary(&json!({})).to_string()}]});
    for (payload, id) in [
        // Without an id it is the invocation's.
        (canary(&json!({})), "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
        (canary(&json!({"id": "my-canary-1"})), "my-canary-1"),
        (queued, "8476a536-e9f4-11e8-9739-2dfe598c3fcd"),
    ] {
        let invoked = function.invoke(&payload, 60_000);
        assert!(!invoked.failed, "{payload}: {:?}", invoked.body);
        let [alert] = invoked.kind("alert")[..] else { panic!("{payload}: one alert: {:?}", invoked.lines) };
        let shown = (&alert["rule_id"], &alert["test"], &alert["event_id"], &alert["level"]);
        assert_eq!(shown, (&json!("iota.canary"), &json!(true), &json!(id), &json!("WARN")), "{alert}");
        let shown = (&alert["region"], &alert["account_id"], &alert["log"]["key"]);
        assert_eq!(shown, (&json!("us-east-1"), &json!("111122223333"), &json!(format!("canary/{id}"))));
        assert_eq!(alert["rule_digest"], alert["rulepack"]);
        let object = invoked.kind("object")[0];
        assert_eq!((&object["status"], &object["evaluated"]), (&json!("done"), &json!(1)), "{object}");
        // People who watch alerts do not see it among them.
        let metrics = invoked.kind("metrics")[0];
        assert_eq!((by_severity(metrics), &metrics["Alerts"]), ([0; 5], &json!(0)), "{metrics}");
        assert_eq!(metrics["EventToAlertMs"], Value::Null, "{metrics}");
    }
}

#[test]
fn nothing_becomes_a_canary_by_what_it_says_of_itself() {
    let bench = Bench::new().rule("always", ALWAYS);
    let function = Function::start(&bench, &[]);
    let mut forged = record("1", "Canary");
    for (name, value) in
        [("eventSource", json!("iota.canary")), ("source", json!("iota.canary")), ("test", json!(true))]
    {
        forged[name] = value;
    }
    function.put("canary/x.json", &[Answer::Bytes(file(&[forged.clone()]).into_bytes())]);
    let call = json!({"id": "i", "source": "aws.iam", "detail-type": "AWS API Call via CloudTrail", "detail": forged});
    let mut named = call.clone();
    named["source"] = json!("iota.canary");
    for (case, invoked) in [
        ("a record in a file", function.notify(&["canary/x.json"])),
        ("a record of an API call", function.invoke(&call, 60_000)),
        ("an API call that claims the canary's source", function.invoke(&named, 60_000)),
    ] {
        let [alert] = invoked.kind("alert")[..] else { panic!("{case}: one alert: {:?}", invoked.lines) };
        assert_eq!((&alert["rule_id"], &alert["test"]), (&json!("always"), &json!(false)), "{case}: {alert}");
        assert_eq!(invoked.kind("metrics")[0]["Alerts"], json!(1), "{case}");
    }
}

#[test]
fn a_canary_that_asks_for_more_is_refused() {
    let (_bench, function) = start();
    for more in [json!({"id": "a b"}), json!({"rules": "some"}), json!({"id": ["x"]})] {
        let invoked = function.invoke(&canary(&more), 60_000);
        assert_eq!((invoked.failed, &invoked.body["errorType"]), (true, &json!("UnknownPayload")), "{more}");
        assert!(invoked.kind("alert").is_empty(), "{more}: {:?}", invoked.lines);
    }
}

#[test]
fn a_canary_tells_of_rules_that_do_not_load_where_they_run() {
    let odd = "def rule(event):\n    return event['no such field'] > 1\n";
    let bench = Bench::with_rule().rule("always", ALWAYS).rule("odd", odd).rule("gone", ALWAYS);
    let function = Function::start(&bench, &[]);
    // What a package that is missing in the layer does: compiled elsewhere, and not to be had here.
    std::fs::remove_file(bench.path().join("opt/rules/gone.py")).expect("it was there");
    let quiet = function.invoke(&canary(&json!({})), 60_000);
    assert_eq!((quiet.kind("alert").len(), quiet.kind("rule_error").len()), (1, 0), "{:?}", quiet.lines);
    let invoked = function.invoke(&canary(&json!({"rules": "all"})), 60_000);
    let [alert] = invoked.kind("alert")[..] else { panic!("the canary's alone: {:?}", invoked.lines) };
    assert_eq!(alert["rule_id"], "iota.canary");
    let [error] = invoked.kind("rule_error")[..] else { panic!("one that did not load: {:?}", invoked.lines) };
    assert_eq!((&error["rule_id"], &error["failure"]), (&json!("gone"), &json!("load")), "{error}");
}

#[test]
fn a_canary_fails_where_rules_cannot_run() {
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[("IOTA_PYTHON", "no-such-python")]);
    let invoked = function.invoke(&canary(&json!({})), 60_000);
    assert_eq!((invoked.failed, invoked.kind("alert").len()), (true, 0), "{:?}", invoked.body);
}

#[test]
fn the_canary_is_none_of_the_users_rules() {
    let bench =
        Bench::with_rule().log("a.jsonl", r#"{"eventSource":"iota.canary","eventName":"Canary","eventID":"1"}"#);
    let done =
        bench.run(&["scan", "logs", "--rules", "rules", "--no-prefilter", "--stats", "stats.json"]).expect_code(0);
    assert!(done.alerts().is_empty(), "{:?}", done.lines);
    let stats: Value =
        serde_json::from_slice(&std::fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON");
    assert_eq!((&stats["rules"]["loaded"], &stats["rule_calls"]), (&json!(1), &json!(1)), "{stats}");
    let bench = bench.rule("iota.canary", ALWAYS);
    let done = bench.run(&["compile", "rules", "-o", "pack.json"]).expect_code(1);
    assert!(done.stderr.contains("iota.canary") && done.stderr.contains("iota's own rule"), "{}", done.stderr);
}

#[test]
fn a_function_that_cannot_start_is_counted_too() {
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_bootstrap"));
    command.env_clear().env("AWS_LAMBDA_FUNCTION_NAME", "iota-detect").env("IOTA_WORKERS", "none");
    let done = common::done(&mut command);
    assert_eq!(done.kind("health")[0]["event"], "setup", "{:?}", done.lines);
    let metrics = done.kind("metrics")[0];
    assert_eq!((&metrics["HealthLines"], &metrics["FunctionName"]), (&json!(1), &json!("iota-detect")), "{metrics}");
}

const READER: &str = "arn:aws:iam::999988887777:role/iota-log-reader";

#[test]
fn another_accounts_files_are_read_with_the_role_it_lends() {
    let (address, asked) = common::server::sts(false);
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[("IOTA_READER_ROLE_ARN", READER), ("AWS_ENDPOINT_URL_STS", &address)]);
    function.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]).put("b.json.gz", &[Answer::Bytes(log(&["2"]))]);
    for (key, id) in [("a.json.gz", "1"), ("b.json.gz", "2")] {
        let invoked = function.notify(&[key]);
        assert_eq!((invoked.failed, invoked.event_ids()), (false, vec![id]), "{:?}", invoked.body);
    }
    assert_eq!(function.keys(), ["ASIALENT", "ASIALENT"], "the function's own key is not shown to the archive");
    let asked = asked.lock().expect("not poisoned").clone();
    // Asked for once, and kept until it ends.
    let [asked] = &asked[..] else { panic!("one request, found {asked:?}") };
    assert!(asked.contains("Action=AssumeRole") && asked.contains("role%2Fiota-log-reader"), "{asked}");
    let own = Function::start(&bench, &[]);
    own.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]);
    assert!(!own.notify(&["a.json.gz"]).failed);
    assert_eq!(own.keys(), ["AKIDEXAMPLE"]);
}

#[test]
fn a_role_that_is_not_lent_fails_the_file_and_names_the_right() {
    let (address, _) = common::server::sts(true);
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[("IOTA_READER_ROLE_ARN", READER), ("AWS_ENDPOINT_URL_STS", &address)]);
    function.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["a.json.gz"]);
    let message = invoked.body["errorMessage"].as_str().unwrap_or_default();
    assert!(invoked.failed && message.contains("sts:AssumeRole") && message.contains("access_denied"), "{message}");
    assert!(function.keys().is_empty(), "nothing was asked for: {:?}", function.keys());
}
