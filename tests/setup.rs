//! What stands before the first record: rules, packs, interpreters, invocations.

mod common;

use common::{Bench, file, record};
use serde_json::json;

fn bench() -> Bench {
    Bench::with_rule().log("x.json", file(&[record("1", "Bad"), record("2", "Good")]))
}

#[test]
fn an_alert_has_every_field() {
    let done = bench().scan().expect_code(0);
    let alert = done.kind("alert")[0];
    let names = [
        "kind",
        "schema",
        "level",
        "timestamp",
        "iota_version",
        "rulepack",
        "rule_id",
        "title",
        "severity",
        "dedup",
        "event",
        "alert_id",
        "match_id",
        "rule_digest",
        "description",
        "runbook",
        "reference",
        "tags",
        "reports",
        "destinations",
        "context",
        "dedup_period_minutes",
        "threshold",
        "match_count",
        "event_time",
        "event_id",
        "event_name",
        "event_source",
        "account_id",
        "region",
        "actor_arn",
        "actor_type",
        "source_ip",
        "user_agent",
        "error_code",
        "log",
        "truncated",
        "test",
        "account_name",
        "environment",
        "owner",
    ];
    let mut missing: Vec<_> = names.iter().filter(|name| alert.get(**name).is_none()).collect();
    missing.sort();
    assert!(missing.is_empty(), "missing: {missing:?} in {alert}");
    assert_eq!(alert.as_object().expect("an object").len(), names.len(), "nothing else: {alert}");
    assert_eq!(alert["log"], json!({"bucket": null, "key": "logs/x.json", "version_id": null, "index": 0}));
    assert_eq!((&alert["title"], &alert["dedup"], &alert["severity"]), (&json!("bad"), &json!("bad"), &json!("INFO")));
    assert_eq!((&alert["schema"], &alert["level"]), (&json!("iota/1"), &json!("WARN")));
    assert_eq!(alert["event"], record("1", "Bad"));
}

#[test]
fn the_predecessors_invocation_works_as_written() {
    let bench = Bench::with_rule().log("e.jsonl", format!("{}\n{}\n", record("1", "Bad"), record("2", "Good")));
    let args =
        ["--jsonl", "logs/e.jsonl", "--rules", "rules", "--python", "python3", "--engine", "engines/iota/engine.py"];
    let done = bench.run(&args).expect_code(0).expect_stderr("is not iota's; the built-in engine is used");
    assert_eq!(done.alerts(), ["bad:1"]);
}

#[test]
fn a_compiled_pack_gives_the_same_alerts() {
    let bench = bench();
    bench.run(&["compile", "rules", "--bundle", "out"]).expect_code(0).expect_stderr("1 rule in");
    let packed = bench.run(&["scan", "logs", "--rulepack", "out/rulepack.json"]).expect_code(0);
    assert_eq!(packed.alerts(), bench.scan().alerts());
    assert_eq!(packed.kind("alert")[0]["alert_id"], bench.scan().kind("alert")[0]["alert_id"]);
    let set = common::done(bench.command(&["scan", "logs"]).env("IOTA_RULEPACK", "out/rulepack.json")).expect_code(0);
    assert_eq!(set.alerts(), packed.alerts(), "a pack may be named by the environment");
    let typed = common::done(bench.command(&["scan", "logs", "--rules", "rules"]).env("IOTA_RULEPACK", "nowhere"));
    assert_eq!(typed.expect_code(0).alerts(), packed.alerts(), "what is typed outweighs it");
}

#[test]
fn packs_that_are_damaged_foreign_or_stale_are_told_apart() {
    let bench = bench();
    bench.run(&["compile", "rules", "--bundle", "out"]).expect_code(0);
    let pack = bench.path().join("out/rulepack.json");
    let text = std::fs::read_to_string(&pack).expect("a pack");
    let scan = || bench.run(&["scan", "logs", "--rulepack", "out/rulepack.json", "--lines", "all"]);
    std::fs::write(&pack, text.replace("\"INFO\"", "\"HIGH\"")).expect("written");
    scan().expect_code(2).expect_stderr("digest does not match");
    std::fs::write(&pack, "{}").expect("written");
    scan().expect_code(2).expect_stderr("not a rulepack");
    std::fs::write(&pack, &text).expect("written");
    // The rule was edited behind the pack's back: it is not run, and that is told.
    std::fs::write(bench.path().join("out/rules/bad.py"), "def rule(event):\n    return True\n").expect("written");
    let done = scan().expect_code(0);
    let error = done.kind("rule_error")[0];
    assert_eq!((&error["failure"], &error["rule_id"]), (&json!("load"), &json!("bad")), "{error}");
    assert!(done.alerts().is_empty());
    std::fs::remove_file(&pack).expect("removed");
    scan().expect_code(2).expect_stderr("iota compile");
}

#[test]
fn what_is_missing_is_named() {
    let bench = bench();
    bench.run(&["scan", "nowhere", "--rules", "rules"]).expect_code(2).expect_stderr("`nowhere`");
    bench.run(&["scan", "logs", "--rules", "none"]).expect_code(2).expect_stderr("`none`");
    bench.run(&["scan", "logs", "--rules", "logs"]).expect_code(2).expect_stderr("no rule in `logs`");
    bench.run(&["scan", "rules", "--rules", "rules"]).expect_code(2).expect_stderr("no log file in `rules`");
    let python = ["scan", "logs", "--rules", "rules", "--python", "no-such-python"];
    bench.run(&python).expect_code(2).expect_stderr("`no-such-python`");
    let mut command = bench.command(&["scan", "logs", "--rules", "rules"]);
    common::done(command.env("PATH", "")).expect_code(2).expect_stderr("`python3` is not there");
    let mut command = bench.command(&["scan", "logs", "--rules", "rules"]);
    common::done(command.env("IOTA_MAX_DEPTH", "1")).expect_code(2).expect_stderr("`IOTA_MAX_DEPTH` is `1`");
    let args = ["--python", "/bin/cat"];
    bench.scan_with(&args).expect_code(2).expect_stderr("Python 3.11");
    bench.run(&["scan"]).expect_code(2);
}

#[test]
fn a_misspelt_setting_is_worth_a_line() {
    let bench = bench();
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--lines", "all"]);
    let done = common::done(command.env("IOTA_MAX_DEPHT", "1")).expect_code(0);
    let told = done.kind("log");
    assert!(
        told.iter().any(|line| line["message"].as_str().unwrap_or_default().contains("`IOTA_MAX_DEPHT`")),
        "{told:?}"
    );
}

#[test]
fn stats_are_complete_and_add_up() {
    let bench = bench();
    bench.scan_with(&["--stats", "stats.json"]).expect_code(0);
    let text = std::fs::read_to_string(bench.path().join("stats.json")).expect("written");
    let stats: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for name in [
        "objects",
        "records",
        "evaluated",
        "repeat",
        "malformed",
        "oversize",
        "repaired",
        "candidates",
        "rule_calls",
        "rule_errors",
        "matches",
        "signals",
        "suppressed",
        "alerts",
        "blind",
        "bytes_gzip",
        "bytes_json",
        "rules",
        "wall_s",
        "cpu_s",
        "peak_bytes",
    ] {
        assert!(!stats[name].is_null(), "`{name}` is missing in {stats}");
    }
    assert_eq!((&stats["objects"]["done"], &stats["records"], &stats["alerts"]), (&json!(1), &json!(2), &json!(1)));
}

#[test]
fn ctrl_c_ends_cleanly_with_what_was_done() {
    let slow = "import time\ndef rule(event):\n    time.sleep(0.05)\n    return event.get('eventName') == 'Bad'\n";
    let mut bench = Bench::new().rule("slow", slow);
    for n in 0..400 {
        bench = bench.log(&format!("{n:03}.json"), file(&[record(&n.to_string(), "Bad")]));
    }
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--jobs", "1", "--stats", "stats.json"]);
    let child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    // The interrupt must meet the scan at work: after its first alert.
    std::thread::sleep(std::time::Duration::from_millis(3000));
    let interrupted = std::process::Command::new("kill").args(["-INT", &child.id().to_string()]).status();
    assert!(interrupted.expect("kill").success());
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("before it was stopped"), "{stderr}");
    let alerts = String::from_utf8_lossy(&output.stdout).lines().count() as u64;
    let text = std::fs::read_to_string(bench.path().join("stats.json")).expect("written");
    let stats: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    assert!((1..400).contains(&alerts), "{alerts} alerts; {stderr}");
    assert_eq!((&stats["alerts"], &stats["evaluated"]), (&json!(alerts), &json!(alerts)), "what is told was done");
}

#[test]
fn a_reader_that_goes_away_is_told_once() {
    let mut bench = Bench::with_rule();
    for n in 0..50 {
        bench = bench.log(&format!("{n:03}.json"), file(&[record(&n.to_string(), "Bad")]));
    }
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--jobs", "1"]);
    let mut child = command
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("the command starts");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(stderr.matches("could not write").count(), 1, "{stderr}");
}

#[test]
fn a_deterministic_scan_fixes_the_order_of_sets() {
    let code =
        "def rule(event):\n    return True\ndef title(event):\n    return ' '.join({str(n) for n in range(50)})\n";
    let bench = Bench::new().rule("sets", code).log("x.json", file(&[record("1", "Bad")]));
    let title = || bench.scan_with(&["--deterministic"]).expect_code(0).kind("alert")[0]["title"].clone();
    assert_eq!(title(), title());
}
