//! `iota test`: what passes, what fails and why, in every format.

mod common;

use common::Bench;
use serde_json::{Value, json};

const YAML: &str = "RuleID: Named\nSeverity: Low\nTests:\n\
    \x20 - Name: a match\n    ExpectedResult: true\n    Log: {eventName: Bad, eventID: '1'}\n\
    \x20 - Name: none\n    ExpectedResult: false\n    Log: {eventName: Good}\n";

/// A bench whose rule has these tests (YAML, appended to the two that pass). `None` where Python has no PyYAML.
fn bench(more: &str) -> Option<Bench> {
    if !common::has_yaml() {
        return None;
    }
    let code = "def rule(event):\n    print('saw', event.get('eventName'))\n    return event.get('eventName') == 'Bad'\n\
        def title(event):\n    return 'title ' + event['eventID']\n";
    let bench = Bench::new().rule("named", code);
    std::fs::write(bench.rules().join("named.yml"), format!("{YAML}{more}")).expect("written");
    Some(bench)
}

fn run_json(bench: &Bench, more: &[&str]) -> (Option<i32>, Value) {
    let mut command = bench.command(&[&["test", "rules", "--format", "json"], more].concat());
    let output = command.output().expect("the command starts");
    (output.status.code(), serde_json::from_slice(&output.stdout).unwrap_or(Value::Null))
}

#[test]
fn tests_that_pass() {
    let Some(bench) = bench("") else { return };
    bench
        .run(&["test", "rules", "--require-both"])
        .expect_code(0)
        .expect_stderr("2 tests of 1 rule: 2 passed, 0 failed");
    bench.run(&["test", "rules/named.yml"]).expect_code(0).expect_stderr("2 passed");
    bench.run(&["test", "rules", "-k", "A MATCH"]).expect_code(0).expect_stderr("1 passed");
    bench.run(&["test", "rules", "-k", "nothing like it"]).expect_code(2);
}

#[test]
fn tests_that_fail_say_why() {
    let check = |test: &str, problem: &str| {
        let Some(bench) = bench(test) else { return };
        let (code, results) = run_json(&bench, &[]);
        assert_eq!((code, &results["failed"]), (Some(1), &json!(1)), "{results}");
        let failed = results["tests"].as_array().expect("tests").iter().find(|test| test["passed"] == false);
        let failed = failed.expect("one fails");
        assert!(failed["problems"].to_string().contains(problem), "expected `{problem}`: {failed}");
        assert_eq!(failed["printed"].as_array().map(Vec::len), Some(1), "{failed}");
    };
    check(
        "  - {Name: x, ExpectedResult: true, Log: {eventName: Good, eventID: '1'}}\n",
        "expected a match, got no match",
    );
    check(
        "  - {Name: x, ExpectedResult: false, Log: {eventName: Bad, eventID: '1'}}\n",
        "expected no match, got a match",
    );
    // The title raises: in production the alert is sent all the same, here it is to be mended.
    check("  - {Name: x, ExpectedResult: true, Log: {eventName: Bad}}\n", "title() failed at named.py:5: KeyError");
    let values = "Log: {eventName: Bad, eventID: '1'}, ExpectedTitle: other, ExpectedSeverity: Low}\n";
    check(&format!("  - {{Name: x, ExpectedResult: true, {values}"), r#"title: expected \"other\", got \"title 1\""#);
}

#[test]
fn what_is_lacking_fails_when_it_is_demanded() {
    let bench = Bench::with_rule();
    bench.run(&["test", "rules"]).expect_code(0).expect_stderr("1 rule with no test");
    bench.run(&["test", "rules", "--require-tests"]).expect_code(1).expect_stderr("no test: bad");
    let broken = Bench::with_rule().rule("broken", "import nowhere_to_be_found\ndef rule(event):\n    return True\n");
    broken.run(&["test", "rules"]).expect_code(1).expect_stderr("nowhere_to_be_found");
}

#[test]
fn junit_is_xml_that_counts() {
    let Some(bench) = bench("  - {Name: '<x>', ExpectedResult: true, Log: {eventName: Good}}\n") else { return };
    let output = bench.command(&["test", "rules", "--format", "junit"]).output().expect("the command starts");
    let xml = String::from_utf8_lossy(&output.stdout);
    assert!(xml.contains(r#"tests="3" failures="1""#), "{xml}");
    assert!(xml.contains(r#"name="&lt;x&gt;"><failure message="expected a match, got no match">"#), "{xml}");
}

#[test]
fn a_new_rule_passes_its_own_tests() {
    let Some(bench) = bench("") else { return };
    let mut event = common::record("e-1", "CreateUser");
    event["requestParameters"] =
        serde_json::json!({"userName": "on: \"x\"", "tags": [{"key": "no", "value": "2026-03-14"}], "n": 0.5});
    let file = common::gzip(common::file(&[common::record("e-0", "Other"), event]));
    let bench = bench.log("x.json.gz", file);
    let args = ["new", "fresh/aws_user_created", "--from", "logs/x.json.gz", "--index", "1"];
    bench.run(&args).expect_code(0).expect_stderr("iota test fresh/aws_user_created.py");
    bench.run(&["test", "fresh", "--require-both"]).expect_code(0).expect_stderr("2 tests of 1 rule: 2 passed");
    let done = bench.run(&["scan", "logs", "--rules", "fresh"]).expect_code(0);
    assert_eq!(done.alerts(), ["Custom.AwsUserCreated:e-1"]);
    bench.run(&args).expect_code(2).expect_stderr("is there already");
    bench
        .run(&["new", "fresh/b", "--from", "logs/x.json.gz", "--index", "9"])
        .expect_code(2)
        .expect_stderr("2 records");
    bench.run(&["new", "fresh/Bad-Name", "--from", "logs/x.json.gz"]).expect_code(2).expect_stderr("`Bad-Name`");
}
