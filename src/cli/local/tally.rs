//! What a run has come to: files, records, and the alerts worth a row of the table.
//!
//! Input: what happened, one thing after the other. Output: the numbers of the summary. It writes nothing, and it stays
//! small however long the run: of an alert it keeps eight bytes, and one row for all that read alike.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use super::line::{Alert, Line};

/// The severities, worst first: the order of the table and of the counts.
pub(crate) const SEVERITIES: [&str; 5] = ["CRITICAL", "HIGH", "MEDIUM", "LOW", "INFO"];
/// Kinds of alert kept for the table. What comes later is counted, and its line has been printed like any other.
const MAX_ROWS: usize = 1000;

/// A file that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Failure {
    /// The object's key, or the path of a file that could not become an object.
    pub(crate) file: String,
    /// What the last attempt ended with.
    pub(crate) reason: String,
}

/// Alerts that a reader would call the same: they differ in time and event only.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) alert: Alert,
    pub(crate) count: u64,
}

/// The running totals.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// Files the function answered for.
    pub(crate) answered: u64,
    /// Of these, those it had nothing to evaluate in.
    pub(crate) skipped: u64,
    /// Files that were gone before their turn came.
    pub(crate) vanished: u64,
    pub(crate) failures: Vec<Failure>,
    pub(crate) records: u64,
    /// Alert lines that tell of an alert again: trails deliver some events twice, and attempts are repeated.
    pub(crate) told_again: u64,
    pub(crate) rule_errors: u64,
    pub(crate) health: u64,
    pub(crate) by_severity: [u64; SEVERITIES.len()],
    rows: HashMap<u64, Row>,
    /// Hashes of alert ids, by which an alert that is told again is known.
    alert_ids: HashSet<u64>,
    /// Records of the last failed attempt, for keys that have not been done since.
    records_of_failed: HashMap<String, u64>,
}

impl Tally {
    pub(crate) fn add(&mut self, line: Line) {
        match line {
            Line::Alert(alert) => self.add_alert(alert),
            Line::Object(object) if object.status == "failed" => {
                self.records_of_failed.insert(object.key, object.records);
            }
            Line::Object(object) => {
                self.records_of_failed.remove(&object.key);
                self.records += object.records;
                self.skipped += u64::from(object.status == "skipped");
            }
            Line::RuleError => self.rule_errors += 1,
            Line::Health => self.health += 1,
            Line::Signal | Line::Other => {}
        }
    }

    fn add_alert(&mut self, alert: Alert) {
        if let Some(id) = &alert.alert_id
            && !self.alert_ids.insert(hash(id))
        {
            self.told_again += 1;
            return;
        }
        self.by_severity[rank(&alert)] += 1;
        let kind = hash(&(&alert.severity, &alert.rule_id, &alert.title, &alert.account_id, &alert.actor_arn));
        if let Some(row) = self.rows.get_mut(&kind) {
            row.count += 1;
            if alert.event_time < row.alert.event_time {
                row.alert.event_time = alert.event_time;
            }
        } else if self.rows.len() < MAX_ROWS {
            self.rows.insert(kind, Row { alert, count: 1 });
        }
    }

    /// All alerts, each once.
    pub(crate) fn alerts(&self) -> u64 {
        self.by_severity.iter().sum()
    }

    /// All records that were read, those of files that were given up included.
    pub(crate) fn all_records(&self) -> u64 {
        self.records + self.records_of_failed.values().sum::<u64>()
    }

    /// The rows of the table: worst first, then as the events happened.
    pub(crate) fn rows(&self) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.values().collect();
        rows.sort_by_key(|row| (rank(&row.alert), &row.alert.event_time, &row.alert.title, &row.alert.actor_arn));
        rows
    }
}

/// The place in [`SEVERITIES`]; what is none of them counts as the mildest.
pub(crate) fn rank(alert: &Alert) -> usize {
    let severity = alert.severity.as_deref().unwrap_or_default();
    SEVERITIES.iter().position(|known| *known == severity).unwrap_or(SEVERITIES.len() - 1)
}

fn hash(value: &impl Hash) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alert(id: &str, severity: &str, title: &str, time: &str) -> Line {
        Line::Alert(Alert {
            alert_id: Some(id.to_owned()),
            severity: Some(severity.to_owned()),
            title: Some(title.to_owned()),
            event_time: Some(time.to_owned()),
            ..Alert::default()
        })
    }

    fn object(key: &str, status: &str, records: u64) -> Line {
        Line::parse(format!(r#"{{"kind":"object","key":"{key}","status":"{status}","records":{records}}}"#).as_bytes())
            .unwrap()
    }

    #[test]
    fn alerts_of_a_repeated_attempt_count_once_and_like_ones_share_a_row() {
        let mut tally = Tally::default();
        tally.add(alert("1", "LOW", "a", "2026-01-02"));
        tally.add(alert("1", "LOW", "a", "2026-01-02"));
        tally.add(alert("2", "LOW", "a", "2026-01-01"));
        tally.add(alert("3", "CRITICAL", "b", "2026-01-03"));
        tally.add(alert("4", "odd", "c", "2026-01-03"));
        assert_eq!((tally.alerts(), tally.told_again, tally.by_severity), (4, 1, [1, 0, 0, 2, 1]));
        let rows: Vec<_> = tally.rows().iter().map(|row| (row.alert.event_time.clone().unwrap(), row.count)).collect();
        let expected = [("2026-01-03", 1), ("2026-01-01", 2), ("2026-01-03", 1)];
        assert_eq!(rows, expected.map(|(time, count)| (time.to_owned(), count)));
    }

    #[test]
    fn records_of_failed_attempts_count_once() {
        let mut tally = Tally::default();
        for (key, status, records) in
            [("a", "failed", 5), ("a", "failed", 5), ("b", "failed", 2), ("b", "done", 7), ("c", "skipped", 0)]
        {
            tally.add(object(key, status, records));
        }
        assert_eq!((tally.all_records(), tally.skipped), (12, 1));
    }
}
