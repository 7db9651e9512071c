//! `iota new`: from one real event to a rule that matches it, with a test of each kind, in one step.
//!
//! The rule asks for the event's source, name and success, the way rules should be begun; what makes the event worth an
//! alert is for its author to add.

use std::fs;
use std::io::{self, BufRead, BufReader};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use serde_json::{Map, Value};

use super::{Outcome, show};
use crate::config::Config;
use crate::gunzip::Gunzip;
use crate::records::{Limits, Piece, Splitter};
use crate::source::file;

/// Write a rule and its tests from an event.
#[derive(Args)]
pub(super) struct NewArgs {
    /// The rule to write, such as `rules/aws_user_created`: its `.py` and `.yml` are made
    #[arg(value_name = "RULE")]
    rule: PathBuf,
    /// A record, or a log file that holds it (also gzipped); `-` is standard input
    #[arg(long, value_name = "EVENT")]
    from: PathBuf,
    /// Which record of the file, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: usize,
}

pub(super) fn run(args: &NewArgs) -> anyhow::Result<Outcome> {
    let (code, yaml) = (args.rule.with_extension("py"), args.rule.with_extension("yml"));
    for path in [&code, &yaml] {
        ensure!(!path.exists(), "`{}` is there already; choose another name", path.display());
    }
    let stem = args.rule.file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
    let proper = stem.starts_with(|first: char| first.is_ascii_lowercase())
        && stem.chars().all(|char| char.is_ascii_lowercase() || char.is_ascii_digit() || char == '_');
    ensure!(proper, "`{stem}` is no name for a rule; use lower-case letters, digits and `_`");
    let event = event(&args.from, args.index)?;
    let call = Call::of(&event)?;
    if let Some(folder) = code.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        fs::create_dir_all(folder).with_context(|| format!("can't make `{}`", folder.display()))?;
    }
    let write =
        |path: &Path, text: String| fs::write(path, text).with_context(|| format!("can't write `{}`", path.display()));
    write(&code, rule_text(&call))?;
    write(&yaml, yaml_text(stem, &call, &event))?;
    show::note(&format!("wrote `{}` and `{}`; next: `iota test {}`", code.display(), yaml.display(), code.display()));
    show::note("the event is in the tests as it was: take out what should not be in your repository");
    Ok(Outcome::Ran)
}

/// The record to start from.
fn event(path: &Path, index: usize) -> anyhow::Result<Map<String, Value>> {
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(file::open(path).with_context(|| format!("can't read `{}`", path.display()))?)
    };
    let config = Config::from_env()?;
    let limits = Limits { record_bytes: config.max_record_bytes, depth: config.max_depth };
    let mut splitter = Splitter::new(Gunzip::new(reader, config.max_object_bytes)?, limits);
    let mut at = 0;
    while let Some(piece) = splitter.next().with_context(|| format!("`{}`", path.display()))? {
        if let Piece::Record(bytes) = piece
            && at == index
        {
            return serde_json::from_slice(bytes).with_context(|| format!("record {index} of `{}`", path.display()));
        }
        at += 1;
    }
    bail!("`{}` holds {at} records; there is no record {index}", path.display())
}

/// What the rule asks for.
struct Call<'a> {
    source: &'a str,
    name: &'a str,
    succeeded: bool,
}

impl<'a> Call<'a> {
    fn of(event: &'a Map<String, Value>) -> anyhow::Result<Self> {
        let text = |key: &str| match event.get(key).and_then(Value::as_str) {
            Some(text) if text.chars().all(|char| char.is_ascii_graphic() && char != '"' && char != '\\') => Ok(text),
            _ => bail!("the event has no usual `{key}`; start from a whole CloudTrail record"),
        };
        let succeeded = event.get("errorCode").is_none_or(Value::is_null);
        Ok(Self { source: text("eventSource")?, name: text("eventName")?, succeeded })
    }
}

fn rule_text(call: &Call<'_>) -> String {
    let Call { source, name, succeeded } = call;
    let success = if *succeeded { "\n        and not event.get(\"errorCode\")" } else { "" };
    format!(
        r#"def rule(event):
    return (
        event.get("eventSource") == "{source}"
        and event.get("eventName") == "{name}"{success}
    )


def title(event):
    actor = event.deep_get("userIdentity", "arn", default="somebody")
    return f"{{actor}} called {name} in account {{event.get('recipientAccountId')}}"


def alert_context(event):
    return {{
        "actor": event.deep_get("userIdentity", "arn"),
        "source_ip": event.get("sourceIPAddress"),
        "request": event.get("requestParameters"),
    }}
"#
    )
}

fn yaml_text(stem: &str, call: &Call<'_>, event: &Map<String, Value>) -> String {
    let id: String =
        stem.split('_').map(|word| word[..1.min(word.len())].to_uppercase() + &word[1.min(word.len())..]).collect();
    let mut near_miss = event.clone();
    let near_miss_name = if call.succeeded {
        near_miss.insert("errorCode".into(), "AccessDenied".into());
        "the same call, refused"
    } else {
        near_miss.insert("eventName".into(), format!("Not{}", call.name).into());
        "another call"
    };
    let (mut matching, mut missing) = (String::new(), String::new());
    block(&Value::Object(event.clone()), 6, &mut matching);
    block(&Value::Object(near_miss), 6, &mut missing);
    format!(
        r#"AnalysisType: rule
RuleID: Custom.{id}
Filename: {stem}.py
Enabled: true
LogTypes:
  - AWS.CloudTrail
Severity: Medium
DisplayName: {name} was called
Description: What it means when {name} is called, and why somebody should look.
Runbook: |
  1. Ask whoever `actor` belongs to whether they made this call, and why.
  2. Look at what else the same actor did within the hour before and after.
DedupPeriodMinutes: 60
Tests:
  - Name: {name} is called
    ExpectedResult: true
    Log:{matching}
  - Name: {near_miss_name}
    ExpectedResult: false
    Log:{missing}
"#,
        name = call.name
    )
}

/// JSON as block YAML: one member a line, scalars as JSON writes them, which YAML reads the same.
fn block(value: &Value, indent: usize, out: &mut String) {
    let margin = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, value) in members {
                let plain = key.starts_with(|first: char| first.is_ascii_alphabetic())
                    && key.chars().all(|char| char.is_ascii_alphanumeric());
                let key = if plain { key.clone() } else { Value::String(key.clone()).to_string() };
                out.push_str(&format!("\n{margin}{key}:"));
                block(value, indent + 2, out);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                out.push_str(&format!("\n{margin}-"));
                block(item, indent + 2, out);
            }
        }
        scalar => out.push_str(&format!(" {scalar}")),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn json_becomes_block_yaml() {
        let mut out = String::new();
        block(&json!({"a": [1, {"b c": "x: \"y\"\n", "on": {}}], "n": null}), 2, &mut out);
        let expected = "\n  a:\n    - 1\n    -\n      \"b c\": \"x: \\\"y\\\"\\n\"\n      on: {}\n  n: null";
        assert_eq!(out, expected);
    }
}
