//! Counters that add up: of one object, of a run, and what scripts read of them.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::engine::{Failure, FailureKind};
use crate::error::ObjectFault;
use crate::model::{ObjectRef, Severity};

/// CloudWatch takes so many values of one metric in one line.
const MAX_LATENCIES: usize = 100;
/// So many failed objects are named to people at a run's end.
const MAX_FAILURES: usize = 20;

/// What happened to the records of one object, or of all objects of a run.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Counts {
    /// Elements found by the splitter.
    pub records: u64,
    /// Records on which every rule that is not fenced has decided.
    pub evaluated: u64,
    /// Records that a done object of this run carried already.
    pub repeat: u64,
    /// Elements that are no JSON object, or nested too deep.
    pub malformed: u64,
    /// Records longer than the limit.
    pub oversize: u64,
    /// Records whose invalid UTF-8 was replaced; they are evaluated.
    pub repaired: u64,
    /// Records that were handed to Python.
    pub candidates: u64,
    /// Calls of `rule()`.
    pub rule_calls: u64,
    /// Calls that failed, and other functions of matching rules that did.
    pub rule_errors: u64,
    /// True answers.
    pub matches: u64,
    /// Matches that are no alerts.
    pub signals: u64,
    /// Matches hidden by an exception.
    pub suppressed: u64,
    /// Alert lines printed.
    pub alerts: u64,
    /// Pairs of record and rule that a fence kept from being judged.
    pub blind: u64,
}

impl Counts {
    /// Every record is accounted for.
    pub(crate) fn balanced(&self) -> bool {
        self.records == self.evaluated + self.repeat + self.malformed + self.oversize
    }

    /// Adds another object's counts.
    pub(crate) fn add(&mut self, other: &Self) {
        let Self {
            records,
            evaluated,
            repeat,
            malformed,
            oversize,
            repaired,
            candidates,
            rule_calls,
            rule_errors,
            matches,
            signals,
            suppressed,
            alerts,
            blind,
        } = other;
        self.records += records;
        self.evaluated += evaluated;
        self.repeat += repeat;
        self.malformed += malformed;
        self.oversize += oversize;
        self.repaired += repaired;
        self.candidates += candidates;
        self.rule_calls += rule_calls;
        self.rule_errors += rule_errors;
        self.matches += matches;
        self.signals += signals;
        self.suppressed += suppressed;
        self.alerts += alerts;
        self.blind += blind;
    }
}

/// How the handling of one object ended.
#[derive(Debug)]
pub(crate) enum Status {
    /// All of it is accounted for, and all its lines are out.
    Done,
    /// Not a file of records; why.
    Skipped(&'static str),
    /// To be tried again.
    Failed(ObjectFault),
}

/// One object's account.
#[derive(Debug)]
pub(crate) struct ObjectReport {
    /// Which object.
    pub object: ObjectRef,
    /// How it ended.
    pub status: Status,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes after decompression.
    pub bytes_json: u64,
    /// What happened to its records.
    pub counts: Counts,
    /// Wall time in milliseconds.
    pub ms: u64,
}

/// The `object` line.
#[derive(Serialize)]
pub(crate) struct ObjectLine<'a> {
    bucket: Option<&'a str>,
    key: &'a str,
    version_id: Option<&'a str>,
    status: &'static str,
    reason: Option<&'static str>,
    error: Option<&'static str>,
    message: Option<String>,
    bytes: u64,
    bytes_json: u64,
    #[serde(flatten)]
    counts: &'a Counts,
    ms: u64,
}

impl ObjectReport {
    pub(crate) fn line(&self) -> ObjectLine<'_> {
        let (status, reason, fault) = match &self.status {
            Status::Done => ("done", None, None),
            Status::Skipped(reason) => ("skipped", Some(*reason), None),
            Status::Failed(fault) => ("failed", None, Some(fault)),
        };
        ObjectLine {
            bucket: Some(self.object.bucket.as_str()).filter(|bucket| !bucket.is_empty()),
            key: &self.object.key,
            version_id: self.object.version_id.as_deref(),
            status,
            reason,
            error: fault.map(ObjectFault::word),
            message: fault.map(ToString::to_string),
            bytes: self.bytes,
            bytes_json: self.bytes_json,
            counts: &self.counts,
            ms: self.ms,
        }
    }
}

/// Objects of a run by how they ended.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct Objects {
    /// Accounted for to the last record.
    pub done: u64,
    /// No files of records.
    pub skipped: u64,
    /// To be tried again.
    pub failed: u64,
}

/// A run so far.
#[derive(Debug, Default)]
pub(crate) struct Totals {
    /// Objects by outcome.
    pub objects: Objects,
    /// Sums over all objects.
    pub counts: Counts,
    /// The first of those that failed, and why.
    pub failures: Vec<String>,
    /// Of the failed ones, those whose records did not add up.
    pub unbalanced: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Bytes after decompression.
    pub bytes_json: u64,
    /// Alerts by severity, mildest first.
    pub severities: [u64; 5],
    /// Milliseconds from event to printed alert: of the slowest alerts, as many as one line of metrics takes.
    pub event_to_alert_ms: Vec<u64>,
    /// Matches that the prefilter would have missed, where it was checked: by rule, how many and the first's event id.
    pub mismatches: BTreeMap<u32, (u64, Option<String>)>,
    /// Matches hidden, by exception.
    pub suppressed: BTreeMap<u32, u64>,
    /// Failures by rule and kind.
    pub errors: BTreeMap<(u32, FailureKind), ErrorTally>,
}

/// All failures of one kind of one rule in one run.
#[derive(Debug)]
pub(crate) struct ErrorTally {
    /// The first of them.
    pub(crate) first: Failure,
    /// How many.
    pub(crate) count: u64,
    /// The record of the first.
    pub(crate) first_event_id: Option<String>,
    /// The object of the first.
    pub(crate) object: ObjectRef,
}

/// The `rule_error` line.
#[derive(Serialize)]
pub(crate) struct RuleErrorLine<'a> {
    rule_id: &'a str,
    failure: FailureKind,
    exception: &'a str,
    phase: &'a str,
    file: Option<&'a str>,
    line: Option<u64>,
    count: u64,
    first_event_id: Option<&'a str>,
    bucket: Option<&'a str>,
    key: &'a str,
}

impl ErrorTally {
    pub(crate) fn line<'a>(&'a self, rule_id: &'a str) -> RuleErrorLine<'a> {
        RuleErrorLine {
            rule_id,
            failure: self.first.failure,
            exception: &self.first.exception,
            phase: &self.first.phase,
            file: self.first.file.as_deref(),
            line: self.first.line,
            count: self.count,
            first_event_id: self.first_event_id.as_deref(),
            bucket: Some(self.object.bucket.as_str()).filter(|bucket| !bucket.is_empty()),
            key: &self.object.key,
        }
    }
}

impl Totals {
    /// Adds an object that has ended.
    pub(crate) fn add(&mut self, report: &ObjectReport) {
        match &report.status {
            Status::Done => self.objects.done += 1,
            Status::Skipped(_) => self.objects.skipped += 1,
            Status::Failed(fault) => {
                self.objects.failed += 1;
                if self.failures.len() < MAX_FAILURES {
                    self.failures.push(format!("{}: {}: {fault}", report.object, fault.word()));
                }
                self.unbalanced += u64::from(matches!(fault, ObjectFault::Unbalanced(_)));
            }
        }
        self.counts.add(&report.counts);
        self.bytes += report.bytes;
        self.bytes_json += report.bytes_json;
    }

    /// Notes failures of one rule on one record.
    pub(crate) fn note(&mut self, rule: u32, failure: Failure, event_id: Option<String>, object: &ObjectRef) {
        self.errors.entry((rule, failure.failure)).and_modify(|tally| tally.count += 1).or_insert_with(|| ErrorTally {
            first: failure,
            count: 1,
            first_event_id: event_id,
            object: object.clone(),
        });
    }

    /// Counts an alert that is printed now, of an event of that time (in seconds since 1970).
    pub(crate) fn count_alert(&mut self, severity: Severity, event: Option<i64>) {
        self.severities[severity as usize] += 1;
        let Some(event) = event else { return };
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        // A clock that runs behind the event's makes no wait.
        let event = Duration::from_secs(u64::try_from(event).unwrap_or(0));
        let ms = u64::try_from(now.saturating_sub(event).as_millis()).unwrap_or(u64::MAX);
        if self.event_to_alert_ms.len() < MAX_LATENCIES {
            self.event_to_alert_ms.push(ms);
        } else if let Some(least) = self.event_to_alert_ms.iter_mut().min().filter(|least| **least < ms) {
            *least = ms;
        }
    }
}

/// What `--stats` writes: the stable interface for scripts.
#[derive(Serialize)]
pub(crate) struct Stats<'a> {
    /// Objects by outcome.
    pub objects: Objects,
    /// Sums over all objects.
    #[serde(flatten)]
    pub counts: &'a Counts,
    /// Matches hidden, by the id of the exception.
    pub suppressed_by: BTreeMap<&'a str, u64>,
    /// Bytes read.
    pub bytes_gzip: u64,
    /// Bytes after decompression.
    pub bytes_json: u64,
    /// How many rules took part, and how well they compiled.
    pub rules: RuleStats,
    /// Wall time in seconds.
    pub wall_s: f64,
    /// CPU time in seconds.
    pub cpu_s: CpuStats,
    /// Peak resident memory, summed over processes.
    pub peak_bytes: u64,
}

/// Rules by what the compiler made of them.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct RuleStats {
    /// In the pack.
    pub loaded: usize,
    /// Could not load.
    pub failed: usize,
    /// Found through the index on eventSource and eventName.
    pub indexed: usize,
    /// With a condition that can say no.
    pub conditioned: usize,
    /// Run on every record.
    pub unconditioned: usize,
}

/// CPU seconds by whose they are.
#[derive(Debug, Default, Clone, Copy, Serialize)]
pub(crate) struct CpuStats {
    /// This process.
    pub rust: f64,
    /// All workers.
    pub python: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(status: Status) -> ObjectReport {
        let object = ObjectRef::new("b", "k");
        ObjectReport { object, status, bytes: 1, bytes_json: 2, counts: Counts::default(), ms: 3 }
    }

    #[test]
    fn an_object_that_does_not_balance_is_counted_apart_under_a_word_of_its_own() {
        let mut totals = Totals::default();
        totals.add(&report(Status::Done));
        totals.add(&report(Status::Failed(ObjectFault::Empty)));
        let unbalanced = report(Status::Failed(ObjectFault::Unbalanced("2 of 3".into())));
        totals.add(&unbalanced);
        assert_eq!((totals.objects.failed, totals.unbalanced), (2, 1));
        assert_eq!(unbalanced.line().error, Some("unbalanced"));
    }

    #[test]
    fn the_slowest_alerts_are_remembered_and_no_more_than_a_line_takes() {
        let mut totals = Totals::default();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs();
        let ago = |seconds: u64| Some(i64::try_from(now - seconds).expect("fits"));
        for seconds in 0..250 {
            totals.count_alert(Severity::Low, ago(seconds));
        }
        totals.count_alert(Severity::Low, None);
        totals.count_alert(Severity::High, Some(i64::MAX));
        totals.count_alert(Severity::Info, Some(-5));
        let found = &mut totals.event_to_alert_ms;
        found.sort_unstable();
        assert_eq!(totals.severities, [1, 251, 0, 1, 0]);
        assert_eq!((found.len(), found[0] / 10_000), (MAX_LATENCIES, 15), "{found:?}");
        assert!(found[MAX_LATENCIES - 1] >= now * 1000, "an event of 1969 has waited since 1970: {found:?}");
    }
}
