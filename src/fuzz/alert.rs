//! The alert encoder: whatever a rule says of whatever record, one line of strict JSON that says the same.

use std::collections::BTreeMap;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::documents::{self, Words};
use super::{Bytes, Dice, Input, damaged, run, shrunk_bytes};
use crate::alert::{Alert, Finding, Origin, as_signal, build, for_group};
use crate::mask::Mask;
use crate::model::{ObjectRef, Severity};
use crate::rulepack::{Account, Rule};
use crate::sink::{Kind, Level, SHARED_BYTES, Sink};

/// The least that may be set, and the default.
const LIMITS: [usize; 2] = [32 * 1024, 64 * 1024];
/// What the engine lets through as title and the like, in bytes.
const TITLE: usize = 4_000;

const WORDS: Words = Words {
    keys: &[
        "eventID",
        "eventName",
        "eventSource",
        "eventTime",
        "userIdentity",
        "arn",
        "accountId",
        "sessionContext",
        "sessionIssuer",
        "recipientAccountId",
        "awsRegion",
        "sourceIPAddress",
        "userAgent",
        "errorCode",
        "type",
        "kind",
        "match_count",
        "iota_omitted",
        "event\\u0049D",
        "a\\\"b",
        "",
    ],
    texts: &[
        "",
        "x",
        "e-1",
        "1",
        "2026-03-14T09:11:27Z",
        "arn:aws:iam::1:root",
        "\\\",\\\"match_count\\\":1,",
        "\u{1b}[31m",
        "\u{9b}2J",
        "\u{7f}",
        "\\u001b]0;x\\u0007",
        "\u{2028}",
        "é\u{1f600}",
        "\\\\",
        "NaN",
    ],
    odd: &["\\ud800", "\\udc00\\ud800", "\\ud83d\\ude00", "\\u0000", "\u{85}\u{9f}\u{80}", "\\/", "\u{7f}\u{7f}"],
    numbers: &["0", "1", "-0", "1.5", "2e0", "-1", "123456789012345678901234567890"],
    odd_numbers: &["NaN", "Infinity", "-Infinity", "1e400", "-1E+999", "1E-2", "5e-324"],
};

/// What a rule has said, and of what.
#[derive(Debug, Clone)]
struct Case {
    record: Bytes,
    title: String,
    dedup: String,
    texts: [Option<String>; 3],
    destinations: Option<Vec<String>>,
    context: Option<String>,
    key: String,
    severity: Severity,
    limit: usize,
    test: bool,
}

impl Input for Case {
    fn shrunk(mut self, fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        let with = |case: &Self, record: &[u8]| Self { record: Bytes(record.to_vec()), ..case.clone() };
        let record = shrunk_bytes(self.record.0.clone(), &mut |record| fails(&with(&self, record)));
        self = with(&self, &record);
        let less: [fn(&mut Self); 5] = [
            |case| case.title.clear(),
            |case| case.dedup.clear(),
            |case| case.texts = [None, None, None],
            |case| case.context = None,
            |case| case.key.clear(),
        ];
        for step in less {
            let mut case = self.clone();
            step(&mut case);
            if fails(&case) {
                self = case;
            }
        }
        self
    }
}

fn words(dice: &mut Dice, most: usize) -> String {
    let parts =
        ["x", "\n", "\u{1b}[2J", "\u{9b}", "\u{7f}", "\"", "\\", "é", "\u{1f600}", "\u{0}", "\u{fffd}", "\u{2029}"];
    let part = dice.of(&parts);
    match dice.roll(60) {
        0 => part.repeat(dice.roll(most / part.len())),
        1..6 => String::new(),
        _ => (0..dice.roll(8)).map(|_| dice.of(&parts)).collect(),
    }
}

fn record(dice: &mut Dice) -> Vec<u8> {
    let mut out = String::new();
    match dice.roll(200) {
        // Large, in few members or in many; or in those that are repeated beside the event.
        0 => {
            let text = dice.of(&["x", "\\u0000", "\u{7f}", "\u{9b}", "\\\"", "é"]);
            let keys = WORDS.keys.iter().map(|key| format!("\"{key}\":\"{}\"", text.repeat(dice.roll(8_000))));
            out = format!("{{{}}}", keys.collect::<Vec<_>>().join(","));
        }
        1 => {
            let members = (0..dice.roll(9_000)).map(|number| format!("\"k\u{7f}{number}\":{number}"));
            out = format!("{{{}}}", members.collect::<Vec<_>>().join(","));
        }
        _ => documents::object(dice, &WORDS, 4, &mut out),
    }
    if dice.once_in(10) { damaged(dice, out.as_bytes()) } else { out.into_bytes() }
}

fn case(dice: &mut Dice) -> Case {
    let text = |dice: &mut Dice| if dice.once_in(2) { None } else { Some(words(dice, 90_000)) };
    let context = if dice.once_in(2) {
        None
    } else {
        let mut out = String::new();
        documents::object(dice, &WORDS, 3, &mut out);
        if dice.once_in(40) {
            out = format!("{{\"a\":\"{}\",\"a\":{out}}}", "\u{85}".repeat(dice.roll(60_000)));
        }
        // A hostile worker may send what is valid only for us.
        serde_json::from_str::<Box<RawValue>>(&out).is_ok().then_some(out)
    };
    Case {
        record: Bytes(record(dice)),
        title: words(dice, TITLE),
        dedup: words(dice, TITLE),
        texts: [text(dice), text(dice), Some(words(dice, TITLE))],
        destinations: dice.of(&[None, Some(vec!["pager\u{1b}".to_owned(); 10])]),
        context,
        key: words(dice, 1_000),
        severity: dice.of(&Severity::ALL),
        limit: dice.of(&LIMITS) - SHARED_BYTES,
        test: dice.once_in(2),
    }
}

fn rule() -> Rule {
    let text = r#"{"id":"R.1","path":"r.py","digest":"d","severity":"LOW","create_alert":true,"dedup_period_minutes":60,
        "threshold":1,"condition":{"op":"always"},"metadata":{"description":"what","tags":["t"]}}"#;
    serde_json::from_str(text).expect("a rule")
}

fn built(case: &Case, rule: &Rule) -> Alert {
    let context: Option<Box<RawValue>> = case.context.as_ref().and_then(|text| serde_json::from_str(text).ok());
    let [description, runbook, reference] = case.texts.each_ref().map(Option::as_deref);
    let finding = Finding {
        rule,
        title: &case.title,
        severity: case.severity,
        dedup: &case.dedup,
        context: context.as_deref(),
        description,
        runbook,
        reference,
        destinations: case.destinations.as_deref(),
        reason: None,
        test: case.test,
    };
    let object = ObjectRef::new("b", case.key.as_str());
    let account = Account { name: Some("\u{9b}prod".into()), ..Account::default() };
    let accounts: BTreeMap<String, Account> = [("1".to_owned(), account)].into();
    build(&finding, &case.record.0, &Origin { object: &object, index: 3 }, &accounts, &Mask::default(), case.limit)
}

/// The line as it is printed.
fn printed(kind: Kind, body: &[u8]) -> Result<Vec<u8>, String> {
    let sink = Sink::new(Box::new(std::io::sink()), &[Kind::Alert, Kind::Signal], &"d".repeat(64));
    sink.printed(kind, Level::Warn, body).map_err(|fault| fault.to_string())
}

/// A line of JSON that can't steer a terminal.
fn read(kind: Kind, body: &[u8], limit: usize) -> Result<Value, String> {
    let line = printed(kind, body)?;
    if line.len() > limit + SHARED_BYTES {
        return Err(format!("{} bytes of at most {}", line.len(), limit + SHARED_BYTES));
    }
    let text = String::from_utf8(line).map_err(|e| format!("no UTF-8: {e}"))?;
    if let Some(at) = text.find(char::is_control) {
        return Err(format!(
            "a control character at {at}: {:?}",
            &text[text.floor_char_boundary(at.saturating_sub(40))..at]
        ));
    }
    serde_json::from_str(&text).map_err(|e| format!("no JSON: {e}"))
}

fn check(case: &Case, rule: &Rule) -> Result<&'static str, String> {
    let alert = built(case, rule);
    let line = read(Kind::Alert, &alert.body, case.limit)?;
    let other =
        Case { title: "t".into(), context: None, severity: Severity::Info, texts: [None, None, None], ..case.clone() };
    let same = built(&other, rule);
    if (same.match_id, &same.event_id, same.time) != (alert.match_id, &alert.event_id, alert.time) {
        return Err("the id depends on what the rule says".into());
    }
    let said = |name: &str, expected: &Value| match &line[name] {
        got if got == expected => Ok(()),
        got => Err(format!("`{name}`: expected {expected}, got {got}")),
    };
    let cut = line["truncated"] == true;
    for (name, expected) in [
        ("kind", json!("alert")),
        ("rule_id", json!("R.1")),
        ("severity", json!(case.severity.word())),
        ("match_id", json!(crate::rulepack::hex(&alert.match_id))),
        ("alert_id", json!(crate::rulepack::hex(&alert.match_id))),
        ("event_id", json!(alert.event_id)),
        ("log", json!({"bucket": "b", "key": case.key, "version_id": null, "index": 3})),
        ("test", json!(case.test)),
        ("match_count", json!(1)),
    ] {
        said(name, &expected)?;
    }
    if !cut {
        let nonempty = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
        let description = case.texts[0].clone().unwrap_or_else(|| "what".into());
        said("title", &json!(case.title))?;
        said("dedup", &json!(case.dedup))?;
        said("description", &json!(nonempty(&Some(description))))?;
        said("runbook", &json!(nonempty(&case.texts[1])))?;
        said("reference", &json!(nonempty(&case.texts[2])))?;
        // What a strict parser reads comes out as it went in; what only Python reads is made strict.
        if let Ok(event) = serde_json::from_slice::<Value>(&case.record.0) {
            said("event", &event)?;
        }
        if let Some(Ok(context)) = case.context.as_deref().map(serde_json::from_str::<Value>) {
            said("context", &context)?;
        }
    }
    check_later(case, &alert, &line)?;
    Ok(match (cut, &line["event"]) {
        (true, _) => "cut",
        (false, Value::Null) => "no JSON",
        _ => "whole",
    })
}

/// What is put in later changes nothing else.
fn check_later(case: &Case, alert: &Alert, line: &Value) -> Result<(), String> {
    let grouped = read(Kind::Alert, &for_group(alert.body.clone(), 4_000_000_000), case.limit)?;
    let signal = read(Kind::Signal, &as_signal(alert.body.clone(), "below_threshold"), case.limit)?;
    for (mut got, name, value, before) in [
        (grouped, "match_count", json!(4_000_000_000_u64), json!(1)),
        (signal, "reason", json!("below_threshold"), Value::Null),
    ] {
        if got[name] != value {
            return Err(format!("`{name}` is {}, expected {value}", got[name]));
        }
        got[name] = before;
        for name in ["timestamp", "kind"] {
            got[name] = line[name].clone();
        }
        let mut line = line.clone();
        line["reason"] = line["reason"].clone();
        if got["reason"].is_null() {
            got["reason"] = Value::Null;
        }
        if got != line {
            return Err(format!("`{name}` changed more than itself: {got}"));
        }
    }
    Ok(())
}

#[test]
fn fuzz_alert() {
    let rule = rule();
    run("alert", 1_500, &["whole", "cut", "no JSON"], case, |case| check(case, &rule));
}
