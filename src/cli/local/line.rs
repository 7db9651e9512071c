//! The function's lines, read as far as the summary needs them.
//!
//! Input: one line of the function's standard output. Output: its kind, and of an alert or an object the members that
//! are counted and shown. The line itself is passed on as it came; nothing here is written out again.

use std::borrow::Cow;

use clap::ValueEnum;
use serde::Deserialize;

/// Which lines go to standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lines {
    /// What people are told: alert, signal, suppressed, rule_error and health lines
    Alerts,
    /// Every line the function prints, those of objects, metrics and logs included
    All,
}

/// A line of ours, by `kind`.
#[derive(Debug)]
pub(crate) enum Line {
    Alert(Alert),
    Object(Object),
    RuleError,
    Health,
    /// A match that is no alert, or is hidden.
    Signal,
    /// A kind that is only passed on.
    Other,
}

/// An alert, as far as a table shows it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(default)]
pub(crate) struct Alert {
    pub(crate) alert_id: Option<String>,
    pub(crate) rule_id: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) severity: Option<String>,
    pub(crate) event_time: Option<String>,
    pub(crate) account_id: Option<String>,
    pub(crate) actor_arn: Option<String>,
    pub(crate) actor_type: Option<String>,
    pub(crate) source_ip: Option<String>,
}

/// What became of a log file, in the function's words.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Object {
    pub(crate) key: String,
    pub(crate) status: String,
    pub(crate) records: u64,
}

#[derive(Deserialize)]
struct Head<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
}

impl Line {
    /// `None` is a line that is not ours: the function prints nothing else, so something in it has gone wrong.
    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let head: Head = serde_json::from_slice(bytes).ok()?;
        let line = match head.kind.as_ref() {
            "alert" => Self::Alert(serde_json::from_slice(bytes).unwrap_or_default()),
            "object" => Self::Object(serde_json::from_slice(bytes).unwrap_or_default()),
            "rule_error" => Self::RuleError,
            "health" => Self::Health,
            "signal" | "suppressed" => Self::Signal,
            _ => Self::Other,
        };
        Some(line)
    }

    /// Whether it is for people rather than for machines that keep account.
    pub(crate) fn is_told(&self) -> bool {
        matches!(self, Self::Alert(_) | Self::Signal | Self::RuleError | Self::Health)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_told_apart() {
        for (text, expected) in [
            (r#"{"kind":"alert","severity":"HIGH","event":{"kind":"object"},"title":null}"#, "Alert"),
            (r#"{"event":{"kind":"x"},"kind":"object","key":"k","status":"done","records":3,"error":null}"#, "Object"),
            (r#"{"kind":"rule_error"}"#, "RuleError"),
            (r#"{"kind":"metrics"}"#, "Other"),
        ] {
            let line = Line::parse(text.as_bytes()).unwrap();
            assert!(format!("{line:?}").starts_with(expected), "{text}: {line:?}");
        }
        for text in ["", "thread panicked", "{\"a\":1}", "[]", "3"] {
            assert!(Line::parse(text.as_bytes()).is_none(), "{text}");
        }
    }
}
