//! `IOTA_ALERTS_TO`: the real `bootstrap` with a queue or a bus that refuses, throttles, forgets and hangs as it is told.

mod common;

use std::process::{Command, Stdio};
use std::time::Instant;

use common::desk::{Desk, Take};
use common::server::{Answer, Function, Invoked};
use common::{Bench, file, gzip, record};
use serde_json::{Value, json};

const QUEUE: &str = "arn:aws:sqs:us-east-1:111122223333:alerts";
const FIFO: &str = "arn:aws:sqs:us-east-1:111122223333:alerts.fifo";
const BUS: &str = "arn:aws:events:us-east-1:111122223333:event-bus/security";

fn log(ids: &[&str]) -> Vec<u8> {
    gzip(file(&ids.iter().map(|id| record(id, "Bad")).collect::<Vec<_>>()))
}

fn start_with(bench: Bench, to: &str, takes: &[Take], settings: &[(&str, &str)]) -> (Bench, Function, Desk) {
    let desk = Desk::open(takes);
    let own =
        [("IOTA_ALERTS_TO", to), ("AWS_ENDPOINT_URL_SQS", &desk.url), ("AWS_ENDPOINT_URL_EVENTBRIDGE", &desk.url)];
    let function = Function::start(&bench, &[&own[..], settings].concat());
    (bench, function, desk)
}

fn start(to: &str, takes: &[Take]) -> (Bench, Function, Desk) {
    start_with(Bench::with_rule(), to, takes, &[])
}

fn match_ids(alerts: &[&Value]) -> Vec<String> {
    let mut ids: Vec<String> =
        alerts.iter().map(|alert| alert["match_id"].as_str().unwrap_or_default().to_owned()).collect();
    ids.sort();
    ids.dedup();
    ids
}

#[track_caller]
fn expect_failed(invoked: &Invoked, words: &str) {
    assert_eq!((invoked.failed, &invoked.body["errorType"]), (true, &json!("ObjectFailed")), "{:?}", invoked.body);
    let message = invoked.body["errorMessage"].as_str().unwrap_or_default();
    assert!(message.contains("delivery") && message.contains(words), "expected `{words}` in {message}");
    let objects = invoked.kind("object");
    assert_eq!((&objects[0]["status"], &objects[0]["error"]), (&json!("failed"), &json!("delivery")), "{objects:?}");
    let told: Vec<_> =
        invoked.kind("health").into_iter().filter(|line| line["event"] == "alerts_not_delivered").collect();
    assert_eq!(told.len(), 1, "it is said once: {told:?}");
}

#[test]
fn every_alert_is_acknowledged_as_it_was_printed_in_batches_of_ten() {
    for (to, named) in [
        (QUEUE, "https://sqs.us-east-1.amazonaws.com/111122223333/alerts"),
        (BUS, BUS),
        ("security", "security"),
        ("https://sqs.us-east-1.amazonaws.com/111122223333/q", "https://sqs.us-east-1.amazonaws.com/111122223333/q"),
    ] {
        let (_bench, function, desk) = start(to, &[Take::All]);
        let ids: Vec<String> = (100..125).map(|n| n.to_string()).collect();
        function.put("a.json.gz", &[Answer::Bytes(log(&ids.iter().map(String::as_str).collect::<Vec<_>>()))]);
        let invoked = function.notify(&["a.json.gz"]);
        assert!(!invoked.failed, "{:?}", invoked.body);
        let calls = desk.calls();
        assert_eq!(calls.iter().map(|call| call.entries.len()).collect::<Vec<_>>(), [10, 10, 5], "{to}");
        assert!(calls.iter().all(|call| call.to == named), "expected {named}, got {}", calls[0].to);
        let taken: Vec<&Value> = calls.iter().flat_map(|call| &call.taken).collect();
        assert_eq!(taken, invoked.kind("alert"), "the very lines of the log");
        assert_eq!(desk.event_ids(), ids);
        if to == BUS {
            let entry = &calls[0].entries[0];
            assert_eq!((&entry["Source"], &entry["DetailType"]), (&json!("iota"), &json!("iota alert")));
        }
    }
}

#[test]
fn what_makes_no_alert_calls_nobody() {
    let (_bench, function, desk) = start(QUEUE, &[Take::Refuse(500, "InternalError")]);
    function.put("a.json", &[Answer::Bytes(file(&[record("1", "Good")]).into_bytes())]);
    assert!(!function.notify(&["a.json"]).failed);
    assert_eq!(desk.calls().len(), 0);
}

#[test]
fn entries_refused_for_the_moment_are_sent_again_alone() {
    for to in [QUEUE, BUS] {
        let (_bench, function, desk) = start(to, &[Take::Later(2), Take::All, Take::Forget(2), Take::All]);
        function.put("a.json.gz", &[Answer::Bytes(log(&["1", "2", "3", "4"]))]);
        for _ in 0..2 {
            let invoked = function.notify(&["a.json.gz"]);
            assert!(!invoked.failed, "{to}: {:?}", invoked.body);
        }
        let calls = desk.calls();
        assert_eq!(calls.iter().map(|call| call.entries.len()).collect::<Vec<_>>(), [4, 2, 4, 2], "{to}");
        let ids: Vec<_> = calls[..2].iter().flat_map(|call| &call.taken).map(|alert| &alert["event_id"]).collect();
        assert_eq!(ids, ["3", "4", "1", "2"], "{to}: each once");
    }
}

#[test]
fn entries_refused_for_good_are_named_and_the_retry_carries_the_same_ids() {
    for (to, code) in [(QUEUE, "InvalidMessageContents"), (BUS, "MalformedDetail")] {
        let (_bench, function, desk) = start(to, &[Take::Never(1), Take::All]);
        function.put("a.json.gz", &[Answer::Bytes(log(&["1", "2", "3"]))]);
        let first = function.notify(&["a.json.gz"]);
        let refused = first.kind("alert")[0]["match_id"].as_str().unwrap_or_default().to_owned();
        expect_failed(&first, "1 of 3 not acknowledged");
        expect_failed(&first, &refused);
        expect_failed(&first, code);
        assert_eq!(desk.calls().len(), 1, "no other try");
        assert_eq!(desk.event_ids(), ["2", "3"], "the others are there");
        let retry = function.notify(&["a.json.gz"]);
        assert!(!retry.failed, "{:?}", retry.body);
        let calls = desk.calls();
        let taken: Vec<&Value> = calls.iter().flat_map(|call| &call.taken).collect();
        assert_eq!(match_ids(&taken), match_ids(&first.kind("alert")), "nothing is missing, and under no other id");
        assert_eq!(taken.len(), 5);
    }
}

#[test]
fn a_destination_that_refuses_fails_the_object_and_no_other() {
    let (_bench, function, desk) = start(QUEUE, &[Take::Refuse(403, "AccessDenied")]);
    function.put("alerts.json.gz", &[Answer::Bytes(log(&["1"]))]);
    function.put("quiet.json", &[Answer::Bytes(file(&[record("2", "Good")]).into_bytes())]);
    let message = |id: &str, key: &str| {
        let body = common::server::notification(&[key]).to_string();
        json!({"messageId": id, "eventSource": "aws:sqs", "body": body})
    };
    let payload = json!({"Records": [message("loud", "alerts.json.gz"), message("quiet", "quiet.json")]});
    let invoked = function.invoke(&payload, 60_000);
    assert_eq!(invoked.body, json!({"batchItemFailures": [{"itemIdentifier": "loud"}]}));
    assert_eq!(invoked.event_ids(), ["1"], "it is in the log all the same");
    assert_eq!((desk.calls().len(), desk.event_ids().len()), (1, 0), "what is refused is not asked for again");
    let told = invoked.kind("health");
    let said = told.iter().any(|line| line["message"].as_str().is_some_and(|text| text.contains("AccessDenied")));
    assert!(said, "{told:?}");
}

#[test]
fn a_destination_that_recovers_is_no_failure() {
    for to in [QUEUE, BUS] {
        let takes = [Take::Refuse(500, "InternalFailure"), Take::Refuse(400, "ThrottlingException"), Take::Lost];
        let (_bench, function, desk) = start(to, &takes.map(|take| [take, Take::All]).concat());
        for key in ["1", "2", "3"] {
            function.put(key, &[Answer::Bytes(log(&[key]))]);
            let invoked = function.notify(&[key]);
            assert!(!invoked.failed, "{to}: {:?}", invoked.body);
        }
        // What was lost on its way back was taken, and came once more under the same id.
        assert_eq!(desk.event_ids(), ["1", "2", "3", "3"], "{to}");
    }
}

#[test]
fn a_destination_that_hangs_fails_the_object_before_the_deadline() {
    let (_bench, function, _desk) = start(QUEUE, &[Take::Silence]);
    function.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]);
    let started = Instant::now();
    let invoked = function.invoke(&common::server::notification(&["a.json.gz"]), 1_500);
    expect_failed(&invoked, "deadline");
    // The margin is 300 ms, the lines are read for some more.
    assert!(started.elapsed().as_millis() < 1_500, "answered after {:?}", started.elapsed());
}

#[test]
fn the_answer_waits_for_the_acknowledgement() {
    let (_bench, function, desk) = start(BUS, &[Take::Late(700)]);
    function.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]);
    let started = Instant::now();
    let invoked = function.notify(&["a.json.gz"]);
    assert!(!invoked.failed, "{:?}", invoked.body);
    assert!(started.elapsed().as_millis() >= 700, "answered after {:?}", started.elapsed());
    assert_eq!(desk.event_ids(), ["1"]);
}

#[test]
fn a_fifo_queue_knows_a_repeat_by_its_id() {
    let (_bench, function, desk) = start(FIFO, &[Take::All]);
    function.put("a.json.gz", &[Answer::Bytes(log(&["1"]))]);
    let invoked = function.notify(&["a.json.gz"]);
    let (calls, id) = (desk.calls(), &invoked.kind("alert")[0]["match_id"]);
    let entry = &calls[0].entries[0];
    assert_eq!((&entry["MessageDeduplicationId"], &entry["MessageGroupId"]), (id, id), "{entry}");
}

#[test]
fn a_damaged_file_tells_what_it_has() {
    let (_bench, function, desk) = start(QUEUE, &[Take::All]);
    let broken = file(&[record("1", "Bad"), record("2", "Bad")]).replace("]}", ",");
    function.put("a.json", &[Answer::Bytes(broken.into_bytes())]);
    let invoked = function.notify(&["a.json"]);
    assert!(invoked.failed);
    assert_eq!(invoked.kind("object")[0]["error"], "structure");
    assert_eq!(desk.event_ids(), ["1", "2"]);
}

#[test]
fn what_is_not_acknowledged_hides_no_repeat() {
    // Both files hold the same records; whichever is told first is refused, and the other must speak for itself.
    let (_bench, function, desk) = start(QUEUE, &[Take::Refuse(403, "AccessDenied"), Take::All]);
    for key in ["a.json.gz", "b.json.gz"] {
        function.put(key, &[Answer::Bytes(log(&["1", "2"]))]);
    }
    let invoked = function.notify(&["a.json.gz", "b.json.gz"]);
    assert!(invoked.failed);
    let objects = invoked.kind("object");
    let done = objects.iter().filter(|line| line["status"] == "done").count();
    assert_eq!((objects.len(), done), (2, 1), "{objects:?}");
    assert_eq!(desk.event_ids(), ["1", "2"]);
}

#[test]
fn characters_that_sqs_does_not_take_arrive_all_the_same() {
    let (_bench, function, desk) = start(QUEUE, &[Take::All]);
    let mut strange = record("1", "Bad");
    strange["userAgent"] = json!("a\u{ffff}b\u{fffe}\u{1}");
    function.put("a.json", &[Answer::Bytes(file(&[strange]).into_bytes())]);
    assert!(!function.notify(&["a.json"]).failed);
    let calls = desk.calls();
    let text = calls[0].entries[0]["MessageBody"].as_str().unwrap_or_default();
    let odd = text.chars().find(|c| matches!(c, '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}'));
    assert_eq!(odd, None, "{text}");
    assert_eq!(calls[0].taken[0]["event"]["userAgent"], "a\u{ffff}b\u{fffe}\u{1}");
}

#[test]
fn large_alerts_go_in_more_batches() {
    let (_bench, function, desk) = start(QUEUE, &[Take::All]);
    let large = |n: usize| {
        let mut large = record(&n.to_string(), "Bad");
        large["requestParameters"] = (0..60).map(|n| (n.to_string(), json!("x".repeat(1000)))).collect();
        large
    };
    function.put("a.json", &[Answer::Bytes(file(&(0..200).map(large).collect::<Vec<_>>()).into_bytes())]);
    let invoked = function.notify(&["a.json"]);
    assert!(!invoked.failed, "{:?}", invoked.body);
    let calls = desk.calls();
    let bytes = |entries: &[Value]| -> usize {
        entries.iter().map(|entry| entry["MessageBody"].as_str().unwrap_or_default().len()).sum()
    };
    let most = calls.iter().map(|call| bytes(&call.entries)).max();
    assert!(most <= Some(256 * 1024) && most > Some(150 * 1024), "{most:?}");
    assert_eq!(desk.event_ids().len(), 200);
}

#[test]
fn an_alert_that_waits_for_a_threshold_is_acknowledged_too() {
    let rule = "def rule(event):\n    return event.get('eventName') == 'Bad'\n";
    let yaml = "AnalysisType: rule\nFilename: many.py\nRuleID: many\nSeverity: High\nEnabled: true\nThreshold: 2\n\
                DedupPeriodMinutes: 60\nLogTypes:\n  - AWS.CloudTrail\n";
    for (take, failed) in [(Take::All, false), (Take::Never(1), true)] {
        let bench = Bench::new().rule("many", rule);
        std::fs::write(bench.rules().join("many.yml"), yaml).expect("a written file");
        let (_bench, function, desk) = start_with(bench, QUEUE, &[take], &[]);
        function.put("a.json.gz", &[Answer::Bytes(log(&["1", "2", "3"]))]);
        let invoked = function.notify(&["a.json.gz"]);
        assert_eq!(invoked.failed, failed, "{:?}", invoked.body);
        if failed {
            assert_eq!(invoked.body["errorType"], "DeliveryFailed");
        } else {
            assert_eq!((desk.event_ids(), &desk.calls()[0].taken[0]["match_count"]), (vec!["1".to_owned()], &json!(3)));
        }
    }
}

#[test]
fn a_wrong_value_stops_the_start_with_its_name() {
    let check = |settings: &[(&str, &str)], words: &[&str]| {
        let done = Command::new(env!("CARGO_BIN_EXE_bootstrap"))
            .env_clear()
            .env("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .output()
            .expect("bootstrap starts");
        let said = String::from_utf8_lossy(&done.stdout).into_owned();
        assert!(!done.status.success() && said.contains(r#""kind":"health""#), "{said}");
        assert!(words.iter().all(|word| said.contains(word)), "expected {words:?} in {said}");
    };
    check(&[("IOTA_ALERTS_TO", "arn:aws:sns:us-east-1:1:t")], &["IOTA_ALERTS_TO", "arn:aws:sns:us-east-1:1:t"]);
    check(&[("IOTA_ALERTS_TO", "my queue")], &["IOTA_ALERTS_TO", "EventBridge bus"]);
    check(&[("IOTA_ALERTS_TO", QUEUE), ("IOTA_MAX_ALERT_BYTES", "1 MiB")], &["IOTA_MAX_ALERT_BYTES", "122880"]);
}
