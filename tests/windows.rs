//! Which matches make one alert: dedup periods, thresholds and `unique()` over event time.

mod common;

use std::collections::BTreeSet;
use std::fs;

use common::{Bench, Done, file, record};
use serde_json::{Value, json};

/// A bench with one rule of Panther's form that matches every `Bad`, grouped by user.
fn bench(metadata: &str, functions: &str) -> Bench {
    let code = format!(
        "def rule(event):\n    return event.get('eventName') == 'Bad'\n\
         def dedup(event):\n    return event.get('user')\n\
         def title(event):\n    return 'first is ' + event.get('eventID')\n{functions}"
    );
    let bench = Bench::new().rule("r", &code);
    let yml = format!(
        "AnalysisType: rule\nRuleID: T.R\nFilename: r.py\nEnabled: true\nSeverity: LOW\nLogTypes: [AWS.CloudTrail]\n{metadata}"
    );
    fs::write(bench.rules().join("r.yml"), yml).expect("written");
    bench
}

/// A match at a minute and second of nine o'clock (or later).
fn at(minute: u32, second: u32, id: &str, user: &str) -> Value {
    let mut record = record(id, "Bad");
    record["eventTime"] = format!("2026-03-14T{:02}:{:02}:{second:02}Z", 9 + minute / 60, minute % 60).into();
    record["user"] = user.into();
    record
}

/// `event_id xCOUNT` of every alert as printed.
fn groups(done: &Done) -> Vec<String> {
    let text = |alert: &&Value| format!("{} x{}", alert["event_id"].as_str().unwrap_or("-"), alert["match_count"]);
    done.kind("alert").iter().map(text).collect()
}

#[test]
fn a_period_begins_at_its_first_match_and_the_next_one_begins_anew() {
    let records =
        [at(7, 0, "a", "u"), at(36, 0, "b", "u"), at(66, 59, "c", "u"), at(67, 0, "d", "u"), at(8, 0, "e", "v")];
    let bench = bench("DedupPeriodMinutes: 60\n", "").log("x.json", file(&records));
    let done = bench.scan().expect_code(0);
    assert_eq!(groups(&done), ["a x3", "e x1", "d x1"]);
    let first = done.kind("alert")[0];
    let got = ["title", "dedup", "dedup_period_minutes", "threshold"].map(|name| first[name].clone());
    assert_eq!(got, [json!("first is a"), json!("u"), json!(60), json!(1)]);
    assert_eq!(first["alert_id"], first["match_id"]);
    assert_eq!(done.object()["matches"], 5, "{}", done.object());
    let all = bench.scan_with(&["--all-matches"]);
    assert_eq!(groups(&all), ["a x1", "b x1", "c x1", "d x1", "e x1"]);
}

#[test]
fn a_threshold_needs_that_many_matches_within_the_period() {
    let records: Vec<Value> = (0..4)
        .map(|n| at(n, 0, &format!("early{n}"), "u"))
        .chain((0..5).map(|n| at(90 + n, 0, &format!("late{n}"), "u")))
        .collect();
    let bench = bench("DedupPeriodMinutes: 60\nThreshold: 5\n", "").log("x.json", file(&records));
    let done = bench.scan_with(&["--stats", "stats.json"]).expect_code(0);
    assert_eq!(groups(&done), ["late0 x5"]);
    let signals = done.kind("signal");
    let got: Vec<_> = signals.iter().map(|signal| (&signal["event_id"], &signal["reason"])).collect();
    let expected = ["early0", "early1", "early2", "early3"].map(|id| (json!(id), json!("below_threshold")));
    assert_eq!(got, expected.iter().map(|(id, reason)| (id, reason)).collect::<Vec<_>>());
    let stats: Value =
        serde_json::from_slice(&fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON");
    let counts = ["matches", "alerts", "signals"].map(|name| stats[name].clone());
    assert_eq!(counts, [json!(9), json!(1), json!(4)]);
    assert_eq!(groups(&bench.scan_with(&["--all-matches"])).len(), 9);
}

#[test]
fn unique_counts_different_values() {
    let records: Vec<Value> = [("a", "1"), ("b", "1"), ("c", "2"), ("d", "3"), ("e", "3")]
        .map(|(id, address)| {
            let mut record = at(1, 0, id, if id == "e" { "v" } else { "u" });
            record["sourceIPAddress"] = address.into();
            record
        })
        .to_vec();
    let bench = bench("Threshold: 3\n", "def unique(event):\n    return event.get('sourceIPAddress')\n")
        .log("x.json", file(&records));
    assert_eq!(groups(&bench.scan().expect_code(0)), ["a x4"]);
}

#[test]
fn neither_the_order_of_files_nor_jobs_changes_what_is_told() {
    // Windows that overlap many files, events that come twice, and equal times: the ids decide.
    let records: Vec<Value> =
        (0..300).map(|n| at(n % 240, n % 60, &format!("{:03}", n * 7 % 300), &format!("u{}", n % 5))).collect();
    let scan = |shuffle: usize, jobs: &str| {
        let mut bench = bench("DedupPeriodMinutes: 30\nThreshold: 2\n", "");
        for number in 0..60 {
            let mine: Vec<Value> = (0..6).map(|n| records[(number * shuffle + n * 59) % 300].clone()).collect();
            bench = bench.log(&format!("{number:02}.json"), file(&mine));
        }
        let done = bench.run(&["scan", "logs", "--rules", "rules", "--jobs", jobs]).expect_code(0);
        let told = |alert: &&Value| format!("{} {} {}", alert["alert_id"], alert["match_count"], alert["title"]);
        done.kind("alert").iter().map(told).collect::<Vec<String>>()
    };
    let expected = scan(5, "1");
    assert!(expected.len() > 20, "only {} alerts", expected.len());
    let set = |told: &[String]| told.iter().cloned().collect::<BTreeSet<_>>();
    for (shuffle, jobs) in [(5, "4"), (5, "2")] {
        assert_eq!(scan(shuffle, jobs), expected, "shuffle {shuffle}, {jobs} jobs");
    }
    let whole = bench("DedupPeriodMinutes: 30\nThreshold: 2\n", "");
    let mut reversed: Vec<Value> = (0..60)
        .flat_map(|number| (0..6).map(move |n| (number * 5 + n * 59) % 300))
        .map(|n| records[n].clone())
        .collect();
    reversed.reverse();
    let whole = whole.log("all.json", file(&reversed));
    let told: Vec<String> = whole
        .scan()
        .kind("alert")
        .iter()
        .map(|alert| format!("{} {} {}", alert["alert_id"], alert["match_count"], alert["title"]))
        .collect();
    // One object may hold a record twice; a run counts a match once all the same.
    assert_eq!(set(&told), set(&expected));
}

#[test]
fn a_match_without_an_event_time_is_never_hidden() {
    let mut records = [at(1, 0, "a", "u"), at(1, 0, "b", "u"), at(1, 0, "c", "u")];
    records[0]["eventTime"] = Value::Null;
    records[2]["eventTime"] = json!("yesterday");
    let bench = bench("", "").log("x.json", file(&records));
    let mut got = groups(&bench.scan().expect_code(0));
    got.sort();
    assert_eq!(got, ["a x1", "b x1", "c x1"]);
}

#[test]
fn the_function_groups_an_object_and_does_not_judge_a_threshold_that_it_cannot() {
    let few = [at(1, 0, "a", "u"), at(2, 0, "b", "u")];
    let bench = bench("", "").log("x.json", file(&few));
    let told = bench.run(&["local", "logs", "--once", "--rules", "rules", "--lines", "all"]).expect_code(0);
    assert_eq!(groups(&told), ["a x2"]);
    let bench = self::bench("Threshold: 3\n", "").log("x.json", file(&few));
    let mut command = bench.command(&["local", "logs", "--once", "--rules", "rules", "--lines", "all"]);
    let told = common::done(command.env("IOTA_SIGNALS", "log")).expect_code(0);
    assert_eq!(groups(&told), [] as [&str; 0]);
    let reasons: Vec<&Value> = told.kind("signal").iter().map(|signal| &signal["reason"]).collect();
    assert_eq!(reasons, ["threshold_needs_state", "threshold_needs_state"]);
    let enough = bench.log("x.json", file(&[&few[..], &[at(3, 0, "c", "u")]].concat()));
    let told = enough.run(&["local", "logs", "--once", "--rules", "rules"]).expect_code(0);
    assert_eq!(groups(&told), ["a x3"]);
}
