//! What the alerts of a scan come to: how many of what, by whom, when; and those that are shown one by one.
//!
//! In: alert lines. Out: [`Summary`]. Separate because it must be small whatever the number of lines: names are counted
//! up to a limit, and of all alerts the gravest are kept.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::io::{self, BufRead, Seek, SeekFrom};

use serde::Deserialize;
use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::timeline::Timeline;
use crate::model::Severity;

/// So many alerts are shown one by one.
const SHOWN: usize = 500;
/// So many different actors, or techniques, are counted; further ones are there as alerts only.
const NAMES: usize = 10_000;

/// All alerts of a scan.
#[derive(Default)]
pub(super) struct Summary {
    pub(super) alerts: u64,
    /// By severity, mildest first.
    pub(super) severities: [u64; 5],
    /// The first and the last event, in seconds since 1970.
    pub(super) span: Option<(i64, i64)>,
    pub(super) timeline: Timeline,
    pub(super) rules: Vec<(String, Row)>,
    pub(super) actors: Vec<(String, Row)>,
    pub(super) techniques: Vec<(String, Row)>,
    pub(super) accounts: BTreeSet<String>,
    /// The gravest first, then the earliest.
    pub(super) shown: Vec<Value>,
}

/// What one rule, actor or technique comes to.
#[derive(Default, Clone)]
pub(super) struct Row {
    pub(super) severity: Option<Severity>,
    pub(super) alerts: u64,
    pub(super) matches: u64,
    pub(super) first: Option<i64>,
    pub(super) last: Option<i64>,
    /// Who with whom: of an actor its rules, of a rule its actors, of a technique its rules.
    pub(super) others: BTreeSet<String>,
    /// ATT&CK, of a rule.
    pub(super) techniques: BTreeSet<String>,
}

/// What is counted of an alert.
#[derive(Deserialize)]
struct Line {
    rule_id: String,
    severity: Severity,
    #[serde(default)]
    match_count: Option<u64>,
    #[serde(default)]
    event_time: Option<String>,
    #[serde(default)]
    actor_arn: Option<String>,
    #[serde(default)]
    account_id: Option<String>,
    #[serde(default)]
    reports: BTreeMap<String, Vec<String>>,
}

impl Line {
    fn read(text: &[u8]) -> serde_json::Result<Self> {
        serde_json::from_value(harmless(serde_json::from_slice(text)?))
    }
}

/// The same without what no reader sees but a terminal or a browser obeys: control characters, and those that turn the
/// direction of writing.
fn harmless(value: Value) -> Value {
    let is_bad = |letter: char| {
        letter.is_control() && !matches!(letter, '\n' | '\t')
            || matches!(letter, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    match value {
        Value::String(text) => Value::String(text.replace(is_bad, "\u{fffd}")),
        Value::Array(items) => items.into_iter().map(harmless).collect(),
        Value::Object(members) => {
            members.into_iter().map(|(key, value)| (key.replace(is_bad, "\u{fffd}"), harmless(value))).collect()
        }
        other => other,
    }
}

/// An alert's rank among those to be shown: the gravest first, then the earliest, then where its line is.
type Rank = (Reverse<Severity>, i64, u64, usize);

impl Summary {
    /// Of these lines.
    pub(super) fn of(lines: &mut (impl BufRead + Seek)) -> io::Result<Self> {
        let mut summary = Self::default();
        let (mut rules, mut actors, mut techniques) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        let mut gravest: BinaryHeap<Rank> = BinaryHeap::new();
        let mut text = Vec::new();
        let mut at = 0;
        loop {
            text.clear();
            let length = lines.read_until(b'\n', &mut text)?;
            if length == 0 {
                break;
            }
            let line = Line::read(&text)?;
            let time = line.event_time.as_deref().and_then(seconds);
            summary.count(&line, time);
            let actor = line.actor_arn.as_deref().unwrap_or("(no actor)");
            let ids = line.reports.values().flatten().cloned().collect::<BTreeSet<_>>();
            if let Some(row) = row(&mut rules, &line.rule_id) {
                row.count(&line, time, actor);
                row.techniques.extend(ids.iter().cloned());
            }
            if let Some(row) = row(&mut actors, actor) {
                row.count(&line, time, &line.rule_id);
            }
            for id in &ids {
                if let Some(row) = row(&mut techniques, id) {
                    row.count(&line, time, &line.rule_id);
                }
            }
            gravest.push((Reverse(line.severity), time.unwrap_or(i64::MAX), at, length));
            if gravest.len() > SHOWN {
                gravest.pop();
            }
            at += length as u64;
        }
        for (_, _, at, length) in gravest.into_sorted_vec() {
            let mut line = vec![0; length];
            lines.seek(SeekFrom::Start(at))?;
            lines.read_exact(&mut line)?;
            summary.shown.push(harmless(serde_json::from_slice(&line)?));
        }
        (summary.rules, summary.actors, summary.techniques) = (sorted(rules), sorted(actors), sorted(techniques));
        Ok(summary)
    }

    fn count(&mut self, line: &Line, time: Option<i64>) {
        self.alerts += 1;
        self.severities[line.severity as usize] += 1;
        if let Some(account) = line.account_id.as_ref().filter(|_| self.accounts.len() < NAMES) {
            self.accounts.insert(account.clone());
        }
        let Some(time) = time else { return };
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        self.timeline.add(time, line.severity);
    }
}

impl Row {
    fn count(&mut self, line: &Line, time: Option<i64>, other: &str) {
        self.severity = self.severity.max(Some(line.severity));
        self.alerts += 1;
        self.matches += line.match_count.unwrap_or(1);
        if self.others.len() < NAMES {
            self.others.insert(other.to_owned());
        }
        let Some(time) = time else { return };
        self.first = Some(self.first.map_or(time, |first| first.min(time)));
        self.last = self.last.max(Some(time));
    }
}

fn row<'a>(rows: &'a mut BTreeMap<String, Row>, name: &str) -> Option<&'a mut Row> {
    if rows.len() >= NAMES && !rows.contains_key(name) {
        return None;
    }
    Some(rows.entry(name.to_owned()).or_default())
}

/// The gravest first, then what there is most of.
fn sorted(rows: BTreeMap<String, Row>) -> Vec<(String, Row)> {
    let mut rows: Vec<_> = rows.into_iter().collect();
    rows.sort_by_key(|(_, row)| (Reverse(row.severity), Reverse(row.alerts)));
    rows
}

fn seconds(time: &str) -> Option<i64> {
    OffsetDateTime::parse(time, &Rfc3339).ok().map(OffsetDateTime::unix_timestamp)
}
