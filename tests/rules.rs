//! Rules that misbehave: each is told to people, none costs another rule's alert or the object.

mod common;

use common::{Bench, Done, file, record};
use serde_json::{Value, json};

/// A scan of three records with the good rule and a bad one.
fn scan_with(code: &str, settings: &[(&str, &str)]) -> Done {
    let records = [record("1", "Bad"), record("2", "Good"), record("3", "Bad")];
    let bench = Bench::with_rule().rule("hostile", code).log("x.json", file(&records));
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--lines", "all"]);
    let done = common::done(command.envs(settings.iter().copied()));
    let good: Vec<_> = done.alerts().into_iter().filter(|alert| alert.starts_with("bad:")).collect();
    assert_eq!(good, ["bad:1", "bad:3"], "the other rule's alerts; stderr: {}", done.stderr);
    assert_eq!(done.object()["evaluated"], 3, "{}", done.object());
    done.expect_code(0)
}

#[track_caller]
fn check(code: &str, settings: &[(&str, &str)], failure: &str, exception: &str, count: u64) -> Value {
    let done = scan_with(code, settings);
    let errors = done.kind("rule_error");
    assert_eq!(errors.len(), 1, "one line per rule and failure: {errors:?}");
    let error = errors[0];
    assert_eq!((&error["rule_id"], &error["failure"]), (&json!("hostile"), &json!(failure)), "{error}");
    assert_eq!(error["count"], count, "{error}");
    assert!(error["exception"].as_str().unwrap_or_default().contains(exception), "expected `{exception}`: {error}");
    assert_eq!(error["level"], "WARN");
    error.clone()
}

const QUICK: (&str, &str) = ("IOTA_RULE_TIMEOUT_MS", "150");

#[test]
fn one_that_raises() {
    let error = check("def rule(event):\n    return event['nope']\n", &[], "raise", "KeyError", 3);
    assert_eq!((&error["line"], &error["first_event_id"]), (&json!(2), &json!("1")), "{error}");
    assert!(error["file"].as_str().unwrap_or_default().ends_with("hostile.py"), "{error}");
}

#[test]
fn one_that_sleeps_for_ever() {
    check("import time\ndef rule(event):\n    time.sleep(1000)\n", &[QUICK], "timeout", "", 3);
}

#[test]
fn one_that_swallows_its_time_limit() {
    let code = "def rule(event):\n    while True:\n        try:\n            while True: pass\n        except BaseException: pass\n";
    check(code, &[QUICK], "timeout", "", 3);
}

#[test]
fn one_that_exits_and_one_that_crashes() {
    check("import sys\ndef rule(event):\n    sys.exit(3)\n", &[], "raise", "SystemExit", 3);
    check("import os\ndef rule(event):\n    os._exit(3)\n", &[], "crash", "status 3", 3);
}

#[test]
fn a_worker_that_is_killed_between_request_and_reply_loses_nothing() {
    // Somebody else kills the worker while it judges: the pair it was at is run again, and everything is answered.
    let slow = "import time\ndef rule(event):\n    time.sleep(0.02)\n    return event.get('eventName') == 'Bad'\n";
    let records: Vec<_> = (0..100).map(|n| record(&n.to_string(), "Bad")).collect();
    let bench = Bench::new().rule("slow", slow).log("x.json", file(&records));
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--lines", "all"]);
    let child = command.stdout(std::process::Stdio::piped()).spawn().expect("the command starts");
    let mut killed = 0;
    for _ in 0..300 {
        std::thread::sleep(std::time::Duration::from_millis(20));
        if let Some(worker) = worker_of(child.id()) {
            std::thread::sleep(std::time::Duration::from_millis(400));
            let kill = std::process::Command::new("kill").args(["-KILL", &worker]).status().expect("kill");
            killed += u32::from(kill.success());
            break;
        }
    }
    assert_eq!(killed, 1, "a worker was there to be killed");
    let output = child.wait_with_output().expect("it ends");
    let text = String::from_utf8_lossy(&output.stdout);
    let of_kind = |kind: &str| text.matches(&format!(r#""kind":"{kind}""#)).count();
    assert_eq!((output.status.code(), of_kind("alert"), of_kind("rule_error")), (Some(0), 100, 0), "{text}");
    assert!(text.contains("worker_lost"), "the death is told");
}

/// The process id of a worker among the children of a process.
fn worker_of(parent: u32) -> Option<String> {
    let read = |pid: &str, file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let pids = std::fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().into_string().ok());
    let parent = parent.to_string();
    pids.filter(|pid| read(pid, "stat").rsplit(')').next().and_then(|rest| rest.split(' ').nth(2)) == Some(&parent))
        .find(|pid| read(pid, "cmdline").contains("serve"))
}

#[test]
fn one_that_prints() {
    let code = "import os, sys\ndef rule(event):\n    print('x' * 10_000_000)\n    sys.__stdout__.write('y' * 100)\n    os.write(1, b'z' * 100)\n    return False\n";
    let done = scan_with(code, &[]);
    assert!(done.kind("rule_error").is_empty(), "{:?}", done.kind("rule_error"));
    let printed: usize = done.kind("log").iter().map(|line| line.to_string().len()).sum();
    assert!(printed < 200_000, "{printed} bytes of what the rule printed came through");
}

#[test]
fn one_that_eats_memory() {
    check(
        "def rule(event):\n    return bytearray(1 << 33) is None\n",
        &[("IOTA_WORKER_MEMORY_MB", "256")],
        "memory",
        "",
        3,
    );
}

#[test]
fn one_that_recurses_without_end() {
    check("def rule(event):\n    return rule(event)\n", &[], "raise", "RecursionError", 3);
}

#[test]
fn one_whose_title_raises_still_alerts() {
    let code = "def rule(event):\n    return True\ndef title(event):\n    return 1 / 0\ndef severity(event):\n    return 'NOPE'\n";
    let done = scan_with(code, &[]);
    let hostile: Vec<_> = done.alerts().into_iter().filter(|alert| alert.starts_with("hostile:")).collect();
    assert_eq!(hostile, ["hostile:1", "hostile:2", "hostile:3"]);
    let phases: Vec<_> = done.kind("rule_error").iter().map(|error| error["phase"].clone()).collect();
    assert!(!phases.is_empty(), "the failure of the title is told");
}

#[test]
fn one_that_cannot_load() {
    let bench = Bench::with_rule()
        .rule("broken", "def rule(event)\n    return True\n")
        .rule("lost", "import nowhere_to_be_found\ndef rule(event):\n    return True\n")
        .log("x.json", file(&[record("1", "Bad")]));
    let done = bench.scan().expect_code(0).expect_stderr("broken.py:1").expect_stderr("nowhere_to_be_found");
    assert_eq!(done.alerts(), ["bad:1"]);
    let told: Vec<_> = done.kind("health").iter().map(|line| line["path"].clone()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    bench.run(&["compile", "rules", "-o", "pack.json"]).expect_code(1);
    bench.run(&["test", "rules"]).expect_code(1);
}

/// 300 records, more than a batch holds, on whose first ones a rule fails badly, each time.
fn fenced(failing: &str) -> Done {
    let records: Vec<_> = (0..300).map(|n| record(&n.to_string(), if n < 10 { "Trap" } else { "Bad" })).collect();
    let code = format!("import os\ndef rule(event):\n    while event.get('eventName') == 'Trap': {failing}\n");
    let bench = Bench::with_rule().rule("hostile", &code).log("x.json", file(&records));
    // Its condition would leave it out of records that it cannot match.
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--lines", "all", "--no-prefilter"]);
    let done = common::done(command.env(QUICK.0, QUICK.1)).expect_code(0);
    assert_eq!(done.alerts().len(), 290, "the other rule's alerts; stderr: {}", done.stderr);
    // Three failures raise the fence; all pairs after them are counted, none is silently skipped.
    assert_eq!(done.object()["blind"], 300 - 3, "{}", done.object());
    assert_eq!(done.object()["rule_calls"], 300 + 3, "{}", done.object());
    let told: Vec<_> = done.kind("health").iter().map(|line| line["event"].clone()).collect();
    assert_eq!(told, ["rule_fenced", "rule_blind"]);
    let blind = done.kind("health")[1];
    let named = (&blind["rule_id"], &blind["records"], &blind["key"]);
    assert_eq!(named, (&json!("hostile"), &json!(300 - 3), &json!("logs/x.json")), "{blind}");
    done
}

#[test]
fn one_that_keeps_hanging_is_fenced_and_its_blind_pairs_are_counted() {
    let done = fenced("pass");
    assert_eq!(done.kind("rule_error")[0]["failure"], "timeout");
    assert!(done.took.as_secs() < 5, "three time limits, not ten: {:?}", done.took);
}

#[test]
fn one_that_keeps_crashing_is_fenced_too() {
    assert_eq!(fenced("os.abort()").kind("rule_error")[0]["failure"], "crash");
}

#[test]
fn exit_codes_answer_questions() {
    let bench = Bench::with_rule()
        .rule("raises", "def rule(event):\n    raise ValueError\n")
        .rule(
            "sev",
            "def rule(event):\n    return event.get('eventName') == 'Bad'\ndef severity():\n    return 'HIGH'\n",
        )
        .log("x.json", file(&[record("1", "Bad")]));
    bench.scan_with(&["--fail-on", "critical"]).expect_code(0);
    bench.scan_with(&["--fail-on", "high"]).expect_code(1);
    bench.scan_with(&["--fail-on-rule-error"]).expect_code(1);
    bench.log("y.json", "rubbish").scan_with(&["--fail-on", "high"]).expect_code(2);
}
