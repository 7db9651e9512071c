//! What becomes of bad input, through the real command: every outcome that `docs/delivery.md` states.

mod common;

use common::{Bench, Done, file, gzip, record};
use serde_json::json;

fn scan(content: impl AsRef<[u8]>) -> Done {
    Bench::with_rule().log("x.json.gz", content).scan()
}

#[track_caller]
fn check_fault(content: impl AsRef<[u8]>, word: &str, alerts: &[&str]) {
    let done = scan(content).expect_code(2);
    assert_eq!(done.object()["status"], "failed", "{}", done.object());
    assert_eq!(done.object()["error"], word, "{}", done.object());
    assert_eq!(done.object()["level"], "WARN");
    assert_eq!(done.alerts(), alerts, "alerts of the records before the damage");
}

fn three() -> String {
    file(&[record("1", "Bad"), record("2", "Good"), record("3", "Bad")])
}

#[test]
fn a_whole_file() {
    let done = scan(gzip(three())).expect_code(0).expect_counts(&[("records", 3), ("evaluated", 3), ("alerts", 2)]);
    assert_eq!(done.alerts(), ["bad:1", "bad:3"]);
    assert_eq!(done.object()["status"], "done");
}

#[test]
fn gzip_in_every_state() {
    let members = [gzip(&three()[..200]), gzip(&three()[200..])].concat();
    scan(members).expect_code(0).expect_counts(&[("records", 3), ("alerts", 2)]);
    let whole = gzip(three());
    check_fault([&whole[..], b"this is no gzip"].concat(), "gzip_trailing", &["bad:1", "bad:3"]);
    let cut = &whole[..whole.len() - 30];
    check_fault(cut, "gzip_truncated", &scan(cut).alerts().iter().map(String::as_str).collect::<Vec<_>>());
    let mut corrupt = whole.clone();
    let checksum = corrupt.len() - 8;
    corrupt[checksum] ^= 1;
    check_fault(corrupt, "gzip_corrupt", &["bad:1", "bad:3"]);
    check_fault(gzip(""), "empty", &[]);
    check_fault("", "empty", &[]);
}

#[test]
fn a_truncated_file_gives_the_records_before_the_damage() {
    let many: Vec<_> = (0..500).map(|n| record(&n.to_string(), "Bad")).collect();
    let whole = gzip(file(&many));
    let done = scan(&whole[..whole.len() / 2]).expect_code(2);
    let alerts = done.kind("alert").len();
    assert!((100..400).contains(&alerts), "{alerts} alerts from half a file of 500");
    assert_eq!(done.object()["records"], done.object()["evaluated"], "{}", done.object());
}

#[test]
fn what_is_no_log_file() {
    check_fault("hello", "not_cloudtrail", &[]);
    check_fault(r#"{"records":[]}"#, "not_cloudtrail", &[]);
    check_fault(r#"{"Records":{}}"#, "not_cloudtrail", &[]);
    check_fault(format!("{}rubbish", record("1", "Bad")), "not_cloudtrail", &["bad:1"]);
}

#[test]
fn an_empty_list_is_done() {
    scan(r#"{"Records":[]}"#).expect_code(0).expect_counts(&[("records", 0)]);
}

#[test]
fn records_that_cannot_be_judged_are_counted_between_good_ones() {
    let (a, b) = (record("1", "Bad"), record("2", "Bad"));
    let done = scan(format!(r#"{{"Records":[{a},7,"x",null,{{"a":tru}},{b}]}}"#)).expect_code(0);
    assert_eq!(done.alerts(), ["bad:1", "bad:2"]);
    let told = done.kind("log");
    assert!(told[0]["message"].as_str().unwrap_or_default().contains("4 of 6 records"), "{told:?}");
    done.expect_counts(&[("records", 6), ("evaluated", 2), ("malformed", 4)]);

    let nested = format!("{}{}", "[".repeat(10_000), "]".repeat(10_000));
    let done = scan(format!(r#"{{"Records":[{a},{{"x":{nested}}},{b}]}}"#)).expect_code(0);
    done.expect_counts(&[("records", 3), ("evaluated", 2), ("malformed", 1), ("alerts", 2)]);

    let long = "x".repeat(2 << 20);
    let done = scan(gzip(format!(r#"{{"Records":[{a},{{"x":"{long}"}},{b}]}}"#))).expect_code(0);
    done.expect_counts(&[("records", 3), ("evaluated", 2), ("oversize", 1), ("alerts", 2)]);
}

#[test]
fn invalid_utf8_is_replaced_evaluated_and_counted() {
    let text = file(&[record("1", "Bad")]).replace("aws-cli/2", "aws-cli#").into_bytes();
    let bytes: Vec<u8> = text.into_iter().map(|byte| if byte == b'#' { 0xff } else { byte }).collect();
    let done = scan(bytes).expect_code(0).expect_counts(&[("evaluated", 1), ("repaired", 1), ("alerts", 1)]);
    assert_eq!(done.kind("alert")[0]["user_agent"], "aws-cli\u{fffd}");
}

#[test]
fn a_bomb_costs_its_limit() {
    let bomb = gzip(gzip_of_spaces(600 << 20));
    let done = Bench::with_rule().log("x.json", &bomb).scan();
    assert_eq!(done.object()["error"], "not_cloudtrail", "gzip in gzip is not unpacked twice");
    let inner = gzip_of_spaces(600 << 20);
    check_fault(inner, "too_large", &[]);
}

fn gzip_of_spaces(len: usize) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    let block = vec![b' '; 1 << 20];
    for _ in 0..len >> 20 {
        std::io::Write::write_all(&mut encoder, &block).expect("write to a vector");
    }
    encoder.finish().expect("finish a vector")
}

#[test]
fn json_lines_arrays_and_standard_input() {
    let lines = format!("{}\n{}\n", record("1", "Bad"), record("2", "Good"));
    scan(&lines).expect_code(0).expect_counts(&[("records", 2), ("alerts", 1)]);
    scan(json!([record("1", "Bad")]).to_string()).expect_code(0).expect_counts(&[("records", 1), ("alerts", 1)]);

    let bench = Bench::with_rule();
    let mut command = bench.command(&["scan", "-", "--rules", "rules"]);
    let mut child = command
        .stdin(std::process::Stdio::piped())
        .stdout(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    std::io::Write::write_all(&mut stdin, lines.as_bytes()).expect("written");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().count(), 1);
}

#[test]
fn numbers_and_words_that_only_python_accepts() {
    let odd = r#"{"eventName":"Bad","eventID":"1","a":NaN,"b":-Infinity,"c":1e999,"d":"\ud800"}"#;
    let done = scan(format!("[{odd}]")).expect_code(0).expect_counts(&[("evaluated", 1), ("malformed", 0)]);
    let event = &done.kind("alert")[0]["event"];
    assert_eq!((&event["a"], &event["b"], &event["d"]), (&json!(null), &json!(null), &json!("\u{fffd}")));
}

#[test]
fn digests_and_aggregates_are_no_logs() {
    let digest = json!({"digestS3Object": "AWSLogs/1/CloudTrail-Digest/eu-west-1/x.json.gz", "awsAccountId": "1",
        "digestStartTime": "2026-03-14T08:00:00Z", "digestEndTime": "2026-03-14T09:00:00Z",
        "logFiles": [{"s3Bucket": "b", "s3Object": "k", "hashValue": "h", "hashAlgorithm": "SHA-256"}]});
    let done = scan(gzip(digest.to_string())).expect_code(0);
    let line = done.kind("digest")[0];
    assert_eq!((&line["region"], &line["log_files"][0]["hash"]), (&json!("eu-west-1"), &json!("h")), "{line}");
    let done = Bench::with_rule().log("AWSLogs/1/CloudTrail-Aggregated/r/x.json.gz", "whatever").scan().expect_code(0);
    assert_eq!((&done.object()["status"], &done.object()["reason"]), (&json!("skipped"), &json!("aggregated_events")));
}

#[test]
fn one_bad_file_does_not_stop_the_others() {
    let bench = Bench::with_rule()
        .log("a.json", file(&[record("1", "Bad")]))
        .log("b.json", "rubbish")
        .log("c.json", file(&[record("2", "Bad")]));
    let done = bench.scan().expect_code(2).expect_stderr("`logs/b.json`: not_cloudtrail");
    assert_eq!(done.alerts(), ["bad:1", "bad:2"]);
}

#[test]
fn repeats_are_counted_and_a_failed_file_hides_nothing() {
    let two = file(&[record("1", "Bad"), record("2", "Bad")]);
    let done = Bench::with_rule().log("a.json", &two).log("b.json", &two).scan().expect_code(0);
    assert_eq!(done.alerts(), ["bad:1", "bad:2"], "each match once");
    let repeats: Vec<_> = done.kind("object").iter().map(|object| object["repeat"].clone()).collect();
    assert_eq!(repeats, [json!(0), json!(2)]);

    // The first file breaks after its records; its copies in the second are evaluated all the same.
    let broken = two.replace("]}", ",");
    let done = Bench::with_rule().log("a.json", broken).log("b.json", &two).scan().expect_code(2);
    let evaluated: Vec<_> = done.kind("object").iter().map(|object| object["evaluated"].clone()).collect();
    assert_eq!(evaluated, [json!(2), json!(2)], "{:?}", done.kind("object"));
    assert_eq!(done.alerts(), ["bad:1", "bad:1", "bad:2", "bad:2"], "once from each");
}
