//! `iota explain`: a rule's condition on an event, part by part, and what the rule itself says.

mod common;

use std::fs;

use common::Bench;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// A bench whose rule is compiled, and has this condition.
fn bench(condition: &Value) -> Bench {
    let bench = Bench::with_rule().log("event.json", r#"{"eventName":"Bad","userIdentity":{"type":"Root"}}"#);
    bench.run(&["compile", "rules", "-o", "rulepack.json"]).expect_code(0);
    let path = bench.path().join("rulepack.json");
    let mut pack: Value = serde_json::from_slice(&fs::read(&path).expect("a pack")).expect("JSON");
    pack["rules"][0]["condition"] = condition.clone();
    let members = pack.as_object_mut().expect("an object");
    members.retain(|name, _| !["magic", "format", "digest"].contains(&name.as_str()));
    let rest = format!(",{}", &serde_json::to_string(members).expect("JSON")[1..]);
    let digest: String = Sha256::digest(&rest).iter().map(|byte| format!("{byte:02x}")).collect();
    fs::write(path, format!(r#"{{"magic":"iota-rulepack","format":1,"digest":"{digest}"{rest}"#)).expect("written");
    bench
}

/// Exit code, standard output, standard error.
fn explain(bench: &Bench, rule: &str) -> (Option<i32>, String, String) {
    let mut command = bench.command(&["explain", rule, "logs/event.json", "--rulepack", "rulepack.json"]);
    let output = command.output().expect("the command");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[track_caller]
fn expect_words(text: &str, words: &[&str]) {
    for words in words {
        assert!(text.contains(words), "expected `{words}` in:\n{text}");
    }
}

#[test]
fn each_part_is_told_and_then_the_verdict() {
    let bench = bench(&json!({"op": "all", "of": [
        {"op": "equals", "term": [{"get": "eventName"}], "to": "Bad"},
        {"op": "not", "of": {"op": "truthy", "term": [{"get": "errorCode"}]}},
        {"op": "any", "of": [
            {"op": "in", "term": [{"deep": ["userIdentity", "type"]}], "set": ["Root", "IAMUser"]},
            {"op": "matches", "term": [{"get": "userAgent"}, "lower"], "pattern": "kali"},
        ]},
        {"op": "anything", "reason": "line 2: a call of `helper`"},
    ]}));
    let (code, text, errors) = explain(&bench, "bad");
    assert_eq!(code, Some(0), "{errors}");
    expect_words(
        &text,
        &[
            r#"eventName == "Bad""#,
            r#"T     (event has "Bad")"#,
            "not errorCode",
            "(event has null, or nothing there)",
            r#"userIdentity.type in {"IAMUser", "Root"}"#,
            r#"re.search("kali", userAgent.lower())"#,
            "(line 2: a call of `helper`)",
            "The rule may match: Python is asked.",
            "rule() says yes: a match.",
        ],
    );
}

#[test]
fn what_drops_an_event_shows() {
    let bench = bench(&json!({"op": "all", "of": [
        {"op": "equals", "term": [{"get": "eventName"}], "to": "Good"},
        {"op": "truthy", "term": [{"get": "a"}]},
    ]}));
    let (code, text, errors) = explain(&bench, "bad");
    expect_words(&text, &[r#"F     (event has "Bad")"#, "The rule can't match: Python is not asked."]);
    // The rule itself matches: its condition is wrong, and that is said.
    expect_words(&text, &["rule() says yes: a match."]);
    assert_eq!(code, Some(2), "{errors}");
    expect_words(&errors, &["its condition says that it can't"]);
}

#[test]
fn rules_are_found_by_file_too() {
    let bench = Bench::with_rule().log("event.json", r#"{"Records":[{"eventName":"Good"},{"eventName":"Bad"}]}"#);
    let says = |rule: &str, index: &str| {
        let mut command = bench.command(&["explain", rule, "logs/event.json", "--index", index]);
        String::from_utf8_lossy(&command.output().expect("the command").stdout).into_owned()
    };
    expect_words(&says("rules/bad.py", "0"), &["rule() says no."]);
    expect_words(&says("bad", "1"), &["rule() says yes: a match."]);
    let done = bench.run(&["explain", "nope", "logs/event.json"]).expect_code(2);
    expect_words(&done.stderr, &["there is no rule `nope` among 1"]);
}

#[test]
fn a_condition_of_another_version_is_refused_by_name() {
    let bench = bench(&json!({"op": "sounds_like", "term": []}));
    let done = bench.run(&["explain", "bad", "logs/event.json", "--rulepack", "rulepack.json"]).expect_code(2);
    expect_words(
        &done.stderr,
        &["the condition of rule `bad`", "unknown variant `sounds_like`", "compile the rules again"],
    );
}
