//! Conditions decide which rules are asked: nothing else may change by it.

mod common;

use std::fs;
use std::path::Path;

use common::server::{Answer, Function};
use common::{Bench, Done, file, record};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

fn stats(bench: &Bench) -> Value {
    serde_json::from_slice(&fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON")
}

/// Compiles the bench's rules, and gives the first rule another condition.
fn forge(bench: &Bench, condition: &Value) {
    bench.run(&["compile", "rules", "-o", "rulepack.json"]).expect_code(0);
    let path = bench.path().join("rulepack.json");
    let text = fs::read_to_string(&path).expect("a pack");
    let text = forged(&text, |content| {
        let begin = content.find(r#""condition":"#).expect("a condition") + r#""condition":"#.len();
        let mut rest = serde_json::Deserializer::from_str(&content[begin..]).into_iter::<Value>();
        rest.next().expect("a condition").expect("JSON");
        format!("{}{condition}{}", &content[..begin], &content[begin + rest.byte_offset()..])
    });
    fs::write(path, text).expect("written");
}

/// A pack with another content and the right digest.
fn forged(text: &str, change: impl Fn(&str) -> String) -> String {
    let head = text.find("\",\"engine").expect("the end of the digest") + 1;
    let content = change(&text[head..]);
    format!("{}{}\"{content}", &text[..head - 1 - 64], sha256(&content))
}

fn sha256(content: impl AsRef<[u8]>) -> String {
    Sha256::digest(content).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn python_is_not_started_for_events_that_cannot_match() {
    let bench = Bench::with_rule();
    let function = Function::start(&bench, &[("IOTA_PYTHON", "/nowhere/python"), ("IOTA_VERIFY_SAMPLE", "0")]);
    function.put("quiet.json", &[Answer::Bytes(file(&[record("1", "Good"), record("2", "Fine")]).into_bytes())]);
    function.put("loud.json", &[Answer::Bytes(file(&[record("1", "Good"), record("2", "Bad")]).into_bytes())]);
    let quiet = function.notify(&["quiet.json"]);
    assert!(!quiet.failed, "{:?}", quiet.body);
    let object = quiet.kind("object")[0];
    let counts = ["evaluated", "candidates", "rule_calls"].map(|name| object[name].clone());
    assert_eq!(counts, [json!(2), json!(0), json!(0)], "{object}");
    let loud = function.notify(&["loud.json"]);
    assert!(loud.failed && loud.body.to_string().contains("/nowhere/python"), "{:?}", loud.body);
}

/// Compiled once for the same files; whatever changes is seen.
#[test]
fn compiled_rules_are_kept() {
    let bench = Bench::with_rule().log("x.json", file(&[record("1", "Good"), record("2", "Bad")]));
    let scan = || {
        let args = ["scan", "logs", "--rules", "rules", "--lines", "all", "--jobs", "1"];
        common::done(bench.command(&args).env("XDG_CACHE_HOME", bench.path().join("cache"))).expect_code(0).alerts()
    };
    let packs = || -> Vec<_> {
        let entries = fs::read_dir(bench.path().join("cache/iota/packs")).expect("packs").flatten();
        entries.map(|entry| entry.path()).filter(|path| path.to_string_lossy().contains("rulepack-")).collect()
    };
    assert_eq!(scan(), ["bad:2"]);
    let first = packs().pop().expect("a pack");
    // Another pack in its place shows that it is the one that is used.
    let good = "def rule(event):\n    return event.get('eventName') == 'Good'\n";
    let other = Bench::new().rule("bad", good);
    other.run(&["compile", "rules", "-o", "rulepack.json"]).expect_code(0);
    let text = fs::read_to_string(other.path().join("rulepack.json")).expect("a pack");
    let (now, then) = (sha256(good), sha256(fs::read(bench.rules().join("bad.py")).expect("a rule")));
    let text = forged(&text, |content| content.replace(&now, &then));
    fs::write(&first, text).expect("written");
    assert_eq!(scan(), [""; 0], "the rule's source did not change, so the kept conditions decide");
    // A damaged pack, an edited rule, one more rule, one less: all are compiled anew.
    fs::write(&first, "{").expect("written");
    assert_eq!(scan(), ["bad:2"]);
    fs::write(bench.rules().join("bad.py"), good).expect("written");
    assert_eq!(scan(), ["bad:1"]);
    fs::write(bench.rules().join("more.py"), "def rule(event):\n    return True\n").expect("written");
    assert_eq!(scan(), ["bad:1", "more:1", "more:2"]);
    fs::remove_file(bench.rules().join("bad.py")).expect("removed");
    assert_eq!(scan(), ["more:1", "more:2"]);
    assert!(packs().len() >= 4, "{:?}", packs());
}

#[test]
fn only_candidates_are_asked() {
    let more = "def rule(event):\n    return event.get('awsRegion') == 'us-east-1'\n";
    let never = "def rule(event):\n    return event.get('eventName') == 'Never'\n";
    let bench = Bench::with_rule().rule("more", more).rule("never", never);
    let bench = bench.log("x.json", file(&[record("1", "Good"), record("2", "Bad")]));
    let done = bench.scan_with(&["--stats", "stats.json"]).expect_code(0);
    let done = done.expect_counts(&[("candidates", 2), ("rule_calls", 3), ("matches", 3)]);
    assert_eq!(done.alerts(), ["bad:2", "more:1", "more:2"]);
    let rules = json!({"loaded": 3, "failed": 0, "indexed": 2, "conditioned": 1, "unconditioned": 0});
    assert_eq!(stats(&bench)["rules"], rules);
    bench.scan_with(&["--no-prefilter"]).expect_counts(&[("candidates", 2), ("rule_calls", 6), ("matches", 3)]);
}

/// What every kind of scan must agree on.
fn account(done: &Done) -> (Vec<String>, Vec<Value>) {
    let names = ["records", "evaluated", "repeat", "malformed", "oversize", "repaired", "matches"];
    let objects = done.kind("object");
    let counts = objects.iter().map(|object| names.iter().map(|name| object[*name].clone()).collect());
    (done.alerts(), counts.collect())
}

#[test]
fn odd_records_are_accounted_for_as_python_would() {
    let good = record("good", "Bad").to_string();
    let odd = [
        r#"{"eventName":"Bad","eventID":"nan","x":NaN}"#.to_owned(),
        r#"{"eventName":"Bad","eventName":"Good","eventID":"twice"}"#.to_owned(),
        r#"{"eventNAME":"Bad","eventID":"case"}"#.to_owned(),
        r#"{"event\u004eame":"B\u0061d","eventID":"escaped"}"#.to_owned(),
        "{\"eventName\":\"Good\",\"eventID\":\"tab\",\"x\":\"a\tb\"}".to_owned(),
        r#"{"eventName":"Good","eventID":"broken","x":tru}"#.to_owned(),
        r#"{"eventName":"Good","eventID":"plus","x":+1}"#.to_owned(),
        good,
    ];
    let bench = Bench::with_rule().log("x.json", format!("{{\"Records\":[{}]}}", odd.join(",")));
    let plain = bench.scan_with(&["--no-prefilter"]).expect_code(0);
    assert_eq!(account(&bench.scan().expect_code(0)), account(&plain));
    assert_eq!(plain.object()["malformed"], 3, "{}", plain.object());
    assert_eq!(plain.alerts(), ["bad:case", "bad:escaped", "bad:good", "bad:nan"]);
}

#[test]
fn a_condition_that_lies_is_found_out_and_the_alert_is_told() {
    let bench = Bench::with_rule().log("x.json", file(&[record("1", "Bad")]));
    forge(&bench, &json!({"op": "never"}));
    let scan =
        |more: &[&str]| bench.run(&[&["scan", "logs", "--rulepack", "rulepack.json", "--lines", "all"], more].concat());
    assert_eq!(scan(&[]).expect_code(0).alerts(), [] as [&str; 0], "the pack is believed");
    let checked =
        scan(&["--verify-prefilter"]).expect_code(1).expect_stderr("the condition of `bad` rules out 1 record");
    assert_eq!(checked.alerts(), ["bad:1"]);
    let health = checked.kind("health");
    assert_eq!((&health[0]["event"], &health[0]["rule_id"]), (&json!("prefilter_mismatch"), &json!("bad")));
    assert_eq!(health[0]["condition"], r#"{"op":"never"}"#);
    // The function looks at a sample; here, at every record.
    let mut local = bench.command(&["local", "logs", "--once", "--rulepack", "rulepack.json", "--lines", "all"]);
    let sampled = common::done(local.env("IOTA_VERIFY_SAMPLE", "1"));
    assert_eq!(sampled.alerts(), ["bad:1"], "{}", sampled.stderr);
    assert_eq!(sampled.kind("health")[0]["event"], "prefilter_mismatch");
}

#[test]
fn a_pack_with_a_condition_that_is_none_is_refused() {
    let bench = Bench::with_rule().log("x.json", file(&[record("1", "Bad")]));
    for condition in [json!({"op": "perhaps"}), json!({"op": "equals"}), json!(7), json!({"op": "all", "of": {}})] {
        forge(&bench, &condition);
        let done = bench.run(&["scan", "logs", "--rulepack", "rulepack.json"]);
        done.expect_code(2).expect_stderr("the condition of rule `bad`").expect_stderr("compile the rules again");
    }
}

#[test]
fn the_story_is_told_alike_with_and_without_conditions() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (logs, rules) = (root.join("events/bucket"), root.join("rules"));
    let bench = Bench::new();
    let scan = |more: &[&str]| {
        let (logs, rules) = (logs.to_string_lossy(), rules.to_string_lossy());
        let args = ["scan", &*logs, "--rules", &*rules, "--lines", "all", "--jobs", "1", "--stats", "stats.json"];
        bench.run(&[&args[..], more].concat()).expect_code(0)
    };
    let plain = scan(&["--no-prefilter", "--all-matches"]);
    let calls = stats(&bench)["rule_calls"].as_u64().unwrap_or_default();
    assert_eq!(account(&scan(&["--all-matches"])), account(&plain));
    let asked = stats(&bench)["rule_calls"].as_u64().unwrap_or_default();
    assert!(asked * 100 < calls, "{asked} calls with conditions, {calls} without");
    scan(&["--verify-prefilter"]);
}
