//! The function's lines in, as CloudWatch Logs gives them back; out, the objects in which one rule may have missed
//! something.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::PathBuf;

use anyhow::Context as _;
use serde_json::Value;

use crate::model::ObjectRef;

/// What lines say of one rule.
#[derive(Default)]
pub(super) struct Missed {
    /// Log files to judge again.
    pub(super) objects: Vec<ObjectRef>,
    /// Records that came inside a payload: there is nothing to read again.
    pub(super) unreadable: BTreeSet<String>,
    /// Lines of something else.
    pub(super) foreign: u64,
}

type Name = (String, String, Option<String>);

/// All lines, until their end: which objects count is known only then.
#[derive(Default)]
struct Told {
    blind: BTreeSet<Name>,
    /// A `rule_error` names one object of many; all in which any rule failed are taken if this one did.
    failing: BTreeSet<Name>,
    has_failed: bool,
    foreign: u64,
}

/// Reads files, or standard input.
pub(super) fn read(paths: &[PathBuf], rule: &str) -> anyhow::Result<Missed> {
    let mut told = Told::default();
    let stdin = [PathBuf::from("-")];
    for path in if paths.is_empty() { &stdin[..] } else { paths } {
        let mut bytes = Vec::new();
        let read = match path.as_os_str() == "-" {
            true => std::io::stdin().read_to_end(&mut bytes).map(drop),
            false => std::fs::read(path).map(|read| bytes = read),
        };
        read.with_context(|| format!("can't read `{}`", path.display()))?;
        told.text(&String::from_utf8_lossy(&bytes), rule);
    }
    Ok(told.missed())
}

impl Told {
    /// One line each, behind a time stamp maybe, or between tabs (`--output text`), or all inside one JSON document.
    fn text(&mut self, text: &str, rule: &str) {
        if let Ok(whole) = serde_json::from_str::<Value>(text) {
            return self.value(&whole, rule);
        }
        for piece in text.split(['\n', '\t']) {
            let piece = piece.trim();
            let parsed = piece.find('{').and_then(|at| serde_json::from_str::<Value>(&piece[at..]).ok());
            match parsed {
                Some(value) => self.value(&value, rule),
                // A time stamp between two tabs is none of ours, and no loss.
                None => self.foreign += u64::from(piece.contains('{')),
            }
        }
    }

    fn value(&mut self, value: &Value, rule: &str) {
        if let Some(list) = value.as_array().or(value["events"].as_array()) {
            return list.iter().for_each(|inner| self.value(inner, rule));
        }
        let inner = value.as_str().or(value["@message"].as_str());
        let inner = inner.or_else(|| value["kind"].is_null().then(|| value["message"].as_str()).flatten());
        if let Some(inner) = inner {
            return self.text(inner, rule);
        }
        let ours = value["rule_id"] == rule;
        match (value["kind"].as_str(), name(value)) {
            (Some("health"), Some(name)) if ours && value["event"] == "rule_blind" => drop(self.blind.insert(name)),
            (Some("rule_error"), named) if ours => {
                self.has_failed = true;
                self.failing.extend(named);
            }
            (Some("object"), Some(name)) if value["rule_errors"].as_u64().is_some_and(|count| count > 0) => {
                self.failing.insert(name);
            }
            (Some(_), _) => {}
            (None, _) => self.foreign += 1,
        }
    }

    fn missed(mut self) -> Missed {
        if self.has_failed {
            self.blind.append(&mut self.failing);
        }
        let mut missed = Missed { foreign: self.foreign, ..Missed::default() };
        // An object that is named with its version, and without, is one object; the version says more.
        let versioned: BTreeSet<(String, String)> =
            self.blind.iter().filter(|name| name.2.is_some()).map(|name| (name.0.clone(), name.1.clone())).collect();
        for (bucket, key, version_id) in self.blind {
            if bucket.is_empty() {
                missed.unreadable.insert(key);
            } else if version_id.is_some() || !versioned.contains(&(bucket.clone(), key.clone())) {
                missed.objects.push(ObjectRef { bucket, key, version_id });
            }
        }
        missed
    }
}

fn name(line: &Value) -> Option<Name> {
    let text = |name: &str| line[name].as_str().map(str::to_owned);
    Some((text("bucket").unwrap_or_default(), text("key")?, text("version_id")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, objects: &[&str], unreadable: usize, foreign: u64) {
        let mut told = Told::default();
        told.text(text, "r");
        let missed = told.missed();
        let names: Vec<String> = missed.objects.iter().map(ToString::to_string).collect();
        assert_eq!(
            (names, missed.unreadable.len(), missed.foreign),
            (objects.iter().map(|&o| o.into()).collect(), unreadable, foreign),
            "{text}"
        );
    }

    const BLIND: &str =
        r#"{"kind":"health","event":"rule_blind","rule_id":"r","bucket":"b","key":"k","version_id":null}"#;

    #[test]
    fn lines_come_in_many_forms() {
        check(BLIND, &["s3://b/k"], 0, 0);
        check(&format!("2026-03-14T09:17:03.418Z {BLIND}\n\n{BLIND}\n"), &["s3://b/k"], 0, 0);
        check(&format!("EVENTS\t1773479823418\t{BLIND}\t1\n"), &["s3://b/k"], 0, 0);
        let quoted = serde_json::to_string(BLIND).unwrap();
        check(&format!("{{\"events\":\n[{{\"message\":{quoted}}}]}}"), &["s3://b/k"], 0, 0);
        check(&format!("[{quoted}]"), &["s3://b/k"], 0, 0);
        check("{\"what\":1}\n{broken\nREPORT RequestId: 1\n", &[], 0, 2);
    }

    #[test]
    fn what_is_not_this_rules_is_left_alone_and_a_failing_rule_takes_all_that_failed() {
        let of_other = BLIND.replace("\"r\"", "\"other\"");
        let failing = r#"{"kind":"object","bucket":"b","key":"k2","version_id":"v","rule_errors":3,"message":null}"#;
        check(&format!("{of_other}\n{failing}"), &[], 0, 0);
        let error = r#"{"kind":"rule_error","rule_id":"r","bucket":"b","key":"k2"}"#;
        check(&format!("{failing}\n{error}\n{BLIND}"), &["s3://b/k", "s3://b/k2"], 0, 0);
        check(&BLIND.replace("\"b\"", "\"\"").replace("\"k\"", "\"eventbridge/1\""), &[], 1, 0);
    }
}
