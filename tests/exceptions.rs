//! Exceptions: what they hide is counted and told, what is not known for certain is never hidden, nor what has expired.

mod common;

use common::{Bench, Done, file, record};
use serde_json::{Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:user/u";

/// A rule, these records, and an `exceptions.yml` (JSON is YAML). `None` where Python has no PyYAML.
fn bench(exceptions: Value, records: &[String]) -> Option<Bench> {
    if !common::has_yaml() {
        return None;
    }
    let bench = Bench::with_rule().log("x.json", format!(r#"{{"Records":[{}]}}"#, records.join(",")));
    std::fs::write(bench.rules().join("exceptions.yml"), exceptions.to_string()).expect("written");
    Some(bench)
}

fn exception(id: &str, when: Value, more: Value) -> Value {
    let mut made =
        json!({"id": id, "rules": ["bad"], "when": when, "owner": "team-a", "reason": "theirs", "expires": day(30)});
    made.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
    made
}

/// A day so many days from now.
fn day(ahead: i64) -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("now").as_secs();
    let days = i64::try_from(now / 86_400).expect("small") + ahead;
    let date = time::Date::from_julian_day(i32::try_from(days + 2_440_588).expect("small")).expect("a day");
    format!("{:04}-{:02}-{:02}", date.year(), u8::from(date.month()), date.day())
}

fn texts(records: &[Value]) -> Vec<String> {
    records.iter().map(Value::to_string).collect()
}

fn hidden(done: &Done) -> Vec<String> {
    done.kind("suppressed")
        .iter()
        .map(|line| format!("{}:{}", line["exception"], line["event_id"]).replace('"', ""))
        .collect()
}

#[test]
fn what_is_hidden_is_told_counted_and_no_alert() {
    let exceptions = json!([
        exception("theirs", json!({"actor_arn": ROLE, "source_ip": "203.0.113.0/24"}), json!({})),
        exception("stale", json!({"eventName": "Never"}), json!({})),
    ]);
    let mut outside = record("2", "Bad");
    outside["sourceIPAddress"] = json!("198.51.100.9");
    let Some(bench) = bench(exceptions, &texts(&[record("1", "Bad"), outside, record("3", "Good")])) else { return };
    let done = bench.scan_with(&["--stats", "stats.json"]).expect_code(0);
    let done =
        done.expect_counts(&[("records", 3), ("evaluated", 3), ("matches", 2), ("suppressed", 1), ("alerts", 1)]);
    assert_eq!((done.alerts(), hidden(&done)), (vec!["bad:2".to_owned()], vec!["theirs:1".to_owned()]));
    let line = done.kind("suppressed")[0];
    let expected = json!({"rule_id": "bad", "owner": "team-a", "reason": "theirs", "expires": day(30), "level": "INFO",
                          "account_id": "111122223333", "actor_arn": ROLE, "event_time": "2026-03-14T09:05:00Z"});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&line[name], value, "`{name}` of {line}");
    }
    assert_eq!(line["log"], json!({"bucket": null, "key": "logs/x.json", "version_id": null, "index": 0}));
    let alone = bench.run(&["scan", "logs", "--rules", "rules", "--all-matches"]).expect_code(0);
    assert!(alone.kind("suppressed").is_empty(), "they are printed when they are asked for");
    let signals = bench.run(&["scan", "logs", "--rules", "rules", "--signals"]).expect_code(0);
    assert_eq!(hidden(&signals), ["theirs:1"]);
    let stats: Value =
        serde_json::from_slice(&std::fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON");
    assert_eq!((&stats["suppressed"], &stats["suppressed_by"]), (&json!(1), &json!({"stale": 0, "theirs": 1})));
    done.expect_stderr("exception `stale` hid nothing in these logs").expect_stderr("exception `theirs` hid 1 match");
}

#[test]
fn what_is_not_known_for_certain_is_never_hidden() {
    // Each hides a plain record, and none hides it when its field is odd.
    let plain = record("1", "Bad");
    let cases = [
        (json!({"userAgent": "aws-cli/2"}), r#""userAgent":"aws-cli/2""#, r#""userAgent":"aws-cli/2","USERAGENT":"x""#),
        (json!({"userAgent": {"starts_with": "aws"}}), r#""userAgent":"aws-cli/2""#, r#""userAgent":"aws-clié""#),
        (json!({"userAgent": {"not": "curl"}}), r#""userAgent":"aws-cli/2""#, r#""userAgent":"\u212a""#),
        (json!({"userAgent": {"not": {"less": 3}}}), r#""userAgent":"aws-cli/2""#, r#""userAgent":1e400"#),
        (json!({"errorCode": {"exists": false}}), r#""eventType":"#, r#""éventType":"#),
        (
            json!({"source_ip": "203.0.113.9"}),
            r#""sourceIPAddress":"203.0.113.9""#,
            r#""sourceIPAddress":"203.0.113.9","sourceIPAddress":"203.0.113.9""#,
        ),
        (json!({"source_ip": "203.0.113.9"}), r#""sourceIPAddress":"203.0.113.9""#, r#""sourceIPAddress":null"#),
        (json!({"actor_arn": ROLE}), r#""type":"IAMUser""#, r#""type":"IAMUser","ARN":"x""#),
    ];
    for (when, from, to) in cases {
        let text = plain.to_string();
        let odd = text.replace(from, to).replace(r#""eventID":"1""#, r#""eventID":"2""#);
        assert!(text.contains(from), "`{from}` is in {text}");
        let Some(bench) = bench(json!([exception("it", when.clone(), json!({}))]), &[text, odd]) else { return };
        let done = bench.scan().expect_code(0);
        assert_eq!((hidden(&done), done.alerts()), (vec!["it:1".to_owned()], vec!["bad:2".to_owned()]), "{when}, {to}");
    }
}

#[test]
fn one_that_has_expired_hides_nothing_and_is_told() {
    let exceptions = json!([exception("old", json!({"actor_arn": ROLE}), json!({"expires": day(0)}))]);
    let Some(bench) = bench(exceptions, &texts(&[record("1", "Bad")])) else { return };
    let done = bench.scan().expect_code(0).expect_stderr("exception `old` has expired");
    assert_eq!((done.alerts(), hidden(&done)), (vec!["bad:1".to_owned()], vec![]));
    let health = done.kind("health");
    assert_eq!(health.len(), 1, "{health:?}");
    assert_eq!((&health[0]["event"], &health[0]["exception"]), (&json!("expired_exception"), &json!("old")));
    assert_eq!((&health[0]["owner"], &health[0]["level"]), (&json!("team-a"), &json!("WARN")));
    bench.run(&["compile", "rules", "-o", "pack.json"]).expect_code(0).expect_stderr("exception `old` has expired");
}

#[test]
fn more_than_was_meant_is_told_once_a_day() {
    let exceptions = json!([exception("busy", json!({"actor_arn": ROLE}), json!({"max_per_day": 2}))]);
    let records: Vec<_> = (1..=5).map(|n| record(&n.to_string(), "Bad")).collect();
    let Some(bench) = bench(exceptions, &texts(&records)) else { return };
    let done = bench.scan().expect_code(0).expect_counts(&[("suppressed", 5)]);
    let health = done.kind("health");
    assert_eq!(health.len(), 1, "{health:?}");
    assert_eq!((&health[0]["event"], &health[0]["max_per_day"]), (&json!("exception_over_limit"), &json!(2)));
}

#[test]
fn a_threshold_does_not_count_what_is_hidden() {
    let exceptions = json!([exception("one", json!({"eventID": "1"}), json!({}))]);
    let records = [record("1", "Bad"), record("2", "Bad"), record("3", "Bad")];
    let Some(bench) = bench(exceptions, &texts(&records)) else { return };
    let threshold =
        |n: u32| std::fs::write(bench.rules().join("site.yml"), format!("rules: {{bad: {{threshold: {n}}}}}\n"));
    threshold(3).expect("written");
    let done = bench.scan().expect_code(0);
    assert_eq!((done.alerts(), done.kind("signal").len()), (vec![], 2));
    threshold(2).expect("written");
    let done = bench.scan().expect_code(0);
    assert_eq!((done.alerts(), &done.kind("alert")[0]["match_count"]), (vec!["bad:2".to_owned()], &json!(2)));
}

#[test]
fn what_would_be_hidden_is_shown_beforehand() {
    let exceptions = json!([
        exception("theirs", json!({"actor_arn": ROLE}), json!({})),
        exception("stale", json!({"eventName": "Never"}), json!({})),
    ]);
    let records: Vec<_> = (1..=5).map(|n| record(&n.to_string(), "Bad")).collect();
    let Some(bench) = bench(exceptions, &texts(&records)) else { return };
    let show = |more: &[&str]| {
        let output =
            bench.command(&[&["test", "rules", "--exceptions", "logs"], more].concat()).output().expect("it runs");
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
        output
    };
    let text = String::from_utf8_lossy(&show(&[]).stderr).into_owned();
    for words in [
        "theirs: hides 5 matches",
        " 1 bad: bad (arn:aws",
        "and 2 more",
        "stale: hides 0 matches",
        "5 of 5 matches hidden",
    ] {
        assert!(text.contains(words), "expected `{words}` in {text}");
    }
    let told: Value = serde_json::from_slice(&show(&["--format", "json"]).stdout).expect("JSON");
    assert_eq!((&told["exceptions"][0]["hidden"], &told["exceptions"][1]["hidden"]), (&json!(5), &json!(0)), "{told}");
    assert_eq!(told["exceptions"][0]["samples"].as_array().map(Vec::len), Some(3), "{told}");
}

#[test]
fn several_files_of_one_event_hide_it_once_and_the_pack_carries_exceptions() {
    let exceptions = json!([exception("theirs", json!({"actor_arn": ROLE}), json!({}))]);
    let Some(bench) = bench(exceptions, &texts(&[record("1", "Bad")])) else { return };
    let bench = bench.log("y.json", file(&[record("1", "Bad")]));
    bench.run(&["compile", "rules", "--bundle", "out"]).expect_code(0).expect_stderr("1 exception");
    let packed = bench.run(&["scan", "logs", "--rulepack", "out/rulepack.json", "--lines", "all", "--jobs", "1"]);
    let packed = packed.expect_code(0);
    assert_eq!((packed.alerts(), hidden(&packed)), (vec![], vec!["theirs:1".to_owned()]));
    assert!(bench.path().join("out/rules/exceptions.yml").is_file());
}

#[test]
fn the_function_counts_what_is_hidden_and_prints_it_where_that_is_asked_for() {
    let exceptions = json!([exception("theirs", json!({"actor_arn": ROLE}), json!({}))]);
    let Some(bench) = bench(exceptions, &texts(&[record("1", "Bad"), record("2", "Good")])) else { return };
    let local = |signals: &str| {
        let mut command = bench.command(&["local", "logs", "--once", "--rules", "rules", "--lines", "all"]);
        common::done(command.env("IOTA_SIGNALS", signals))
            .expect_code(0)
            .expect_counts(&[("matches", 1), ("suppressed", 1)])
    };
    let counted = local("count");
    assert_eq!((counted.alerts(), hidden(&counted)), (vec![], vec![]));
    assert_eq!(counted.kind("metrics")[0]["Suppressed"], 1);
    let logged = local("log");
    assert_eq!(hidden(&logged), ["theirs:1"]);
    assert_eq!(logged.kind("suppressed")[0]["log"]["bucket"], "logs");
}
