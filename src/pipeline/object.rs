//! One object on its way: its records into batches, the answers into lines, the lines out when it ends.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, BufRead, Read};
use std::time::Instant;

use super::{Grouping, Pipeline, Run, Spare};
use crate::alert::{self, Alert, Finding, Origin};
use crate::alerts_to::Letter;
use crate::engine::{Answer, Batch, EngineError, FailureKind, Item, Verdict};
use crate::error::ObjectFault;
use crate::gunzip::Gunzip;
use crate::json;
use crate::model::{ObjectRef, Severity};
use crate::prefilter::Candidates;
use crate::records::{Limits, Piece, Splitter};
use crate::repeats::{Match, Seen};
use crate::report::{Counts, ObjectReport, Status};
use crate::sink::{Kind, Level, SHARED_BYTES};
use crate::windows::{Found, Told, Windows};
use crate::{digest, observe};

/// A batch is judged when it holds so many records or bytes.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1024 * 1024;
/// Alerts of an object wait until it ends, so that they are grouped and the same match of another object is not printed
/// twice; more than this does not wait.
const WAITING_BYTES: u64 = 4 * 1024 * 1024;

impl Pipeline {
    /// Handles one object, or a canary for these rules.
    pub(super) fn handle<R: BufRead>(
        &self,
        run: &Run,
        object: &ObjectRef,
        canary: Option<Vec<u32>>,
        open: impl FnOnce() -> Result<R, ObjectFault>,
    ) -> ObjectReport {
        let started = Instant::now();
        let mut handling = Handling {
            pipeline: self,
            run,
            object,
            canary,
            counts: Counts::default(),
            passed: 0,
            blind: BTreeMap::new(),
            bytes: 0,
            bytes_json: 0,
            seen: Seen::default(),
            spare: self.spare().pop().unwrap_or_default(),
            batch: Batch::default(),
            asked: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            letters: Vec::new(),
            windows: run.own_windows(),
            unkept: None,
            unfit: None,
        };
        let mut status = match digest::skip_reason(&object.key) {
            Some(reason) => Status::Skipped(reason),
            None => handling.all(open).map_or_else(Status::Failed, |()| Status::Done),
        };
        if let Err(fault) = handling.settle(matches!(status, Status::Done)) {
            status = Status::Failed(fault);
        }
        for (rule, records) in &handling.blind {
            if let Some(rule) = self.pack.rule(*rule) {
                observe::blind(&self.sink, rule, object, *records);
            }
        }
        let Handling { counts, bytes, bytes_json, unfit, spare, .. } = handling;
        self.spare().push(spare);
        if let Some((index, why)) = unfit {
            observe::not_evaluated(&self.sink, object, &counts, index, &why);
        }
        let ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let mut report = ObjectReport { object: object.clone(), status, bytes, bytes_json, counts, ms };
        let level = if matches!(report.status, Status::Failed(_)) { Level::Warn } else { Level::Info };
        let written = self.sink.line(Kind::Object, level, &report.line()).and_then(|()| self.sink.flush());
        if let Err(fault) = written {
            report.status = Status::Failed(fault);
        }
        run.totals().add(&report);
        report
    }
}

/// A record of the batch.
struct Asked {
    /// Its index in the object.
    index: u64,
    /// The rules that the prefilter would have asked, where all are asked to check it.
    check: Option<Vec<u32>>,
}

/// A line that waits.
struct Line {
    found: Match,
    kind: Kind,
    severity: Severity,
    /// Seconds since 1970 of its event.
    time: Option<i64>,
    body: Vec<u8>,
}

/// One object on its way.
struct Handling<'a> {
    pipeline: &'a Pipeline,
    run: &'a Run,
    object: &'a ObjectRef,
    /// It is a canary, for these rules.
    canary: Option<Vec<u32>>,
    counts: Counts,
    /// Records that are not asked for. They are none of the object's as far as this run goes.
    passed: u64,
    /// How many records a fence kept from which rule.
    blind: BTreeMap<u32, u64>,
    bytes: u64,
    bytes_json: u64,
    seen: Seen,
    spare: Spare,
    batch: Batch,
    /// What is known of each record of the batch.
    asked: Vec<Asked>,
    /// Lines that are ready, until it ends.
    waiting: Vec<Line>,
    waiting_bytes: u64,
    /// Alerts that are printed and not yet acknowledged.
    letters: Vec<Letter>,
    /// Matches that are grouped when it ends.
    windows: Windows,
    /// Why a match could not be kept.
    unkept: Option<ObjectFault>,
    /// The first record that could not be judged, and why.
    unfit: Option<(u64, String)>,
}

impl Handling<'_> {
    fn all<R: BufRead>(&mut self, open: impl FnOnce() -> Result<R, ObjectFault>) -> Result<(), ObjectFault> {
        let config = &self.pipeline.config;
        let counted = Counted { inner: open()?, bytes: 0 };
        let gunzip = Gunzip::new(counted, config.max_object_bytes)?;
        let limits = Limits { record_bytes: config.max_record_bytes, depth: config.max_depth };
        let mut splitter = Splitter::with_buffer(gunzip, limits, std::mem::take(&mut self.spare.window));
        let split = self.pieces(&mut splitter);
        // What was complete before the damage is judged all the same.
        let judged = if self.run.until.over() { Err(self.over()) } else { self.judge() };
        self.bytes_json = splitter.reader().bytes_out();
        self.bytes = splitter.reader().source().bytes;
        self.spare.window = splitter.into_buffer();
        // Engine and deadline first: another try may still judge what stands before the damage.
        judged.and(split)?;
        if self.counts.balanced() { Ok(()) } else { Err(ObjectFault::Unbalanced(format!("{:?}", self.counts))) }
    }

    fn pieces<R: BufRead>(&mut self, splitter: &mut Splitter<Gunzip<Counted<R>>>) -> Result<(), ObjectFault> {
        while let Some(piece) = splitter.next()? {
            match piece {
                Piece::Record(bytes) => self.record(bytes)?,
                Piece::Malformed(why) => {
                    self.unfit.get_or_insert_with(|| (self.counts.records + self.passed, why.to_owned()));
                    self.counts.records += 1;
                    self.counts.malformed += 1;
                }
                Piece::Oversize(size) => {
                    let why = || format!("{size} bytes long, over `IOTA_MAX_RECORD_BYTES`");
                    self.unfit.get_or_insert_with(|| (self.counts.records + self.passed, why()));
                    self.counts.records += 1;
                    self.counts.oversize += 1;
                }
                Piece::Digest(bytes) => digest::print(&self.pipeline.sink, self.object, bytes)?,
            }
        }
        Ok(())
    }

    fn record(&mut self, bytes: &[u8]) -> Result<(), ObjectFault> {
        if !self.run.scope.takes(bytes) {
            self.passed += 1;
            return Ok(());
        }
        let index = self.counts.records + self.passed;
        self.counts.records += 1;
        if let Some(repeats) = &self.run.repeats
            && let Some(fingerprint) = repeats.fingerprint(bytes)
            && repeats.is_repeat(&mut self.seen, fingerprint)
        {
            self.counts.repeat += 1;
            return Ok(());
        }
        // Nearly all are valid, and that is told faster than they are repaired.
        let text = std::str::from_utf8(bytes).map_or_else(|_| String::from_utf8_lossy(bytes), Cow::Borrowed);
        self.counts.repaired += u64::from(matches!(text, Cow::Owned(_)));
        if let Some(rules) = self.canary.clone() {
            self.ask(index, &text, Some(rules), None)
        } else {
            self.filter(index, &text)
        }
    }

    /// Has those rules asked that can match the record.
    fn filter(&mut self, index: u64, text: &str) -> Result<(), ObjectFault> {
        let pipeline = self.pipeline;
        let rules = match pipeline.prefilter.as_ref().map(|filter| filter.candidates(&mut self.spare.scratch, text)) {
            None | Some(Candidates::All) => None,
            Some(Candidates::Rules(rules)) => Some(rules.to_vec()),
        };
        let (rules, check) = if pipeline.sample.takes_next() { (None, rules) } else { (rules, None) };
        let rules = match self.run.scope.rule {
            None => rules,
            Some(rule) => {
                Some(if rules.is_none_or(|rules| rules.binary_search(&rule).is_ok()) { vec![rule] } else { Vec::new() })
            }
        };
        if rules.as_ref().is_some_and(Vec::is_empty) {
            self.counts.evaluated += 1;
            return Ok(());
        }
        self.ask(index, text, rules, check)
    }

    /// Puts a record into the batch.
    fn ask(
        &mut self,
        index: u64,
        text: &str,
        rules: Option<Vec<u32>>,
        check: Option<Vec<u32>>,
    ) -> Result<(), ObjectFault> {
        if self.batch.body.len() + text.len() > BATCH_BYTES || self.batch.items.len() == BATCH_RECORDS {
            self.judge()?;
        }
        self.batch.items.push(Item { offset: self.batch.body.len(), length: text.len(), rules });
        self.batch.body.extend_from_slice(text.as_bytes());
        self.asked.push(Asked { index, check });
        Ok(())
    }

    /// Has the batch judged and takes the answers.
    fn judge(&mut self) -> Result<(), ObjectFault> {
        if self.batch.items.is_empty() {
            return Ok(());
        }
        if self.run.until.over() {
            return Err(self.over());
        }
        let batch = std::mem::take(&mut self.batch);
        let asked = std::mem::take(&mut self.asked);
        let outcome = self.pipeline.pool.judge(&batch, &self.run.until, |item, answer| {
            self.answer(batch.record(item), &asked[item], answer);
        });
        outcome.map_err(|error| match error {
            EngineError::Over => self.over(),
            error => ObjectFault::Engine(error.to_string()),
        })?;
        if let Some(fault) = self.unkept.take() {
            return Err(fault);
        }
        if self.waiting_bytes + self.windows.bytes() > WAITING_BYTES {
            self.print_waiting()?;
        }
        Ok(())
    }

    fn answer(&mut self, record: &[u8], asked: &Asked, answer: Answer) {
        // What is judged only to check the prefilter changes no count, unless it shows that a match would be missed.
        self.counts.candidates += u64::from(asked.check.as_ref().is_none_or(|rules| !rules.is_empty()));
        match answer {
            Answer::Unparsable(why) => {
                self.unfit.get_or_insert((asked.index, format!("not JSON: {why}")));
                self.counts.malformed += 1;
            }
            Answer::Judged { verdicts, calls, fenced } => {
                let is_candidate =
                    |rule: &u32| asked.check.as_ref().is_none_or(|rules| rules.binary_search(rule).is_ok());
                self.counts.evaluated += 1;
                for &rule in fenced.iter().filter(|rule| is_candidate(rule)) {
                    self.counts.blind += 1;
                    *self.blind.entry(rule).or_default() += 1;
                }
                self.counts.rule_calls += match &asked.check {
                    None => calls as u64,
                    Some(rules) => rules.iter().filter(|rule| !fenced.contains(rule)).count() as u64,
                };
                for verdict in verdicts {
                    if is_candidate(&verdict.rule) {
                        self.verdict(record, asked.index, verdict);
                    } else if verdict.matched {
                        self.mismatch(record, verdict.rule);
                        self.verdict(record, asked.index, verdict);
                    }
                }
            }
        }
    }

    fn mismatch(&mut self, record: &[u8], rule: u32) {
        let event_id = event_id(record);
        self.run.totals().mismatches.entry(rule).or_insert_with(|| (0, event_id.clone())).0 += 1;
        if let Some(rule) = self.pipeline.pack.rules.get(rule as usize) {
            observe::prefilter_mismatch(&self.pipeline.sink, rule, event_id.as_deref(), self.object);
        }
    }

    fn verdict(&mut self, record: &[u8], index: u64, mut verdict: Verdict) {
        if self.canary.is_some() && verdict.rule != self.pipeline.pack.canary_index() {
            // What it says of such a record is of no interest; that it could not be loaded or broke the worker is.
            verdict.matched = false;
            verdict.errors.retain(|failure| !matches!(failure.failure, FailureKind::Raise | FailureKind::Type));
        }
        if !verdict.errors.is_empty() {
            self.counts.rule_errors += verdict.errors.len() as u64;
            let event_id = event_id(record);
            let mut totals = self.run.totals();
            let line = json::one_line(record);
            let mut masked = line.as_ref().map(|line| self.pipeline.mask.record(line));
            for mut failure in verdict.errors.drain(..) {
                // A rule may have raised with what it read.
                if let Some(Cow::Owned(clean)) =
                    masked.as_mut().map(|masked| masked.text("exception", &failure.exception))
                {
                    failure.exception = clean;
                }
                totals.note(verdict.rule, failure, event_id.clone(), self.object);
            }
        }
        if !verdict.matched {
            return;
        }
        self.counts.matches += 1;
        let Some(rule) = self.pipeline.pack.rule(verdict.rule) else { return };
        let by = self.pipeline.exceptions.hides(&mut self.spare.exceptions, record, verdict.rule, self.run.today);
        let reason = (by.is_none() && !rule.create_alert).then_some("create_alert_false");
        self.counts.signals += u64::from(reason.is_some());
        if reason.is_some() && !self.pipeline.sink.wants(Kind::Signal) {
            return;
        }
        let finding = Finding {
            rule,
            title: verdict.title.as_deref().unwrap_or(&rule.id),
            severity: verdict.severity.filter(|_| !rule.severity_fixed).unwrap_or(rule.severity),
            dedup: verdict.dedup.as_deref().unwrap_or(&rule.id),
            context: verdict.context.as_deref(),
            description: verdict.description.as_deref(),
            runbook: verdict.runbook.as_deref(),
            reference: verdict.reference.as_deref(),
            destinations: verdict.destinations.as_deref(),
            reason,
            test: self.canary.is_some(),
        };
        let origin = Origin { object: self.object, index };
        if let Some(by) = by {
            return self.hide(&finding, record, &origin, by);
        }
        let limit = self.pipeline.config.max_alert_bytes - SHARED_BYTES;
        let alert = alert::build(&finding, record, &origin, &self.pipeline.pack.accounts, &self.pipeline.mask, limit);
        let found = Found {
            rule: verdict.rule,
            time: alert.time,
            event_id: alert.event_id.as_deref().unwrap_or_default().as_bytes(),
            match_id: alert.match_id,
            dedup: finding.dedup,
            unique: verdict.unique.as_deref(),
            severity: alert.severity,
            body: &alert.body,
        };
        let grouped = self.run.grouping != Grouping::None && rule.dedup_period_minutes > 0;
        let kept = if reason.is_some() || !grouped {
            self.wait(if reason.is_some() { Kind::Signal } else { Kind::Alert }, alert);
            Ok(())
        } else if self.run.grouping == Grouping::Object && rule.threshold <= 1 {
            self.windows.add(&found)
        } else {
            self.run.windows().add(&found)
        };
        if let Err(fault) = kept {
            self.unkept.get_or_insert(fault);
        }
    }

    /// Counts a match that an exception hides, before it could be counted for a group.
    fn hide(&mut self, finding: &Finding<'_>, record: &[u8], origin: &Origin<'_>, by: u32) {
        let pipeline = self.pipeline;
        let Some(exception) = pipeline.pack.exceptions.get(by as usize) else { return };
        self.counts.suppressed += 1;
        *self.run.totals().suppressed.entry(by).or_default() += 1;
        if pipeline.hidden().count(by, alert::event_seconds(record), exception.max_per_day) {
            observe::exception_over_limit(&pipeline.sink, exception, event_id(record).as_deref());
        }
        if pipeline.sink.wants(Kind::Suppressed) {
            self.wait(Kind::Suppressed, alert::suppressed(finding, record, origin, &pipeline.mask, exception));
        }
    }

    fn wait(&mut self, kind: Kind, alert: Alert) {
        let Alert { match_id, severity, time, body, .. } = alert;
        self.waiting_bytes += body.len() as u64;
        self.waiting.push(Line { found: Match::new(match_id, time), kind, severity, time, body });
    }

    /// The lines that wait, those of groups included.
    fn waiting(&mut self) -> Result<(Vec<Line>, Vec<Match>), ObjectFault> {
        let mut lines = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        if self.windows.bytes() > 0 {
            let windows = std::mem::replace(&mut self.windows, self.run.own_windows());
            windows.settle(&self.pipeline.pack.rules, |told, settled| {
                let matches = if let Told::Alert(matches) = told { matches } else { 1 };
                lines.push(Line {
                    found: Match::new(settled.match_id, settled.time),
                    kind: Kind::Alert,
                    severity: settled.severity,
                    time: settled.time,
                    body: alert::for_group(settled.body, matches),
                });
                Ok(())
            })?;
        }
        let matches = lines.iter().map(|line| line.found).collect();
        Ok((lines, matches))
    }

    fn print_waiting(&mut self) -> Result<(), ObjectFault> {
        let (lines, matches) = self.waiting()?;
        let mut seen = std::mem::take(&mut self.seen);
        let outcome = match &self.run.repeats {
            Some(repeats) => repeats.print_new(&mut seen, matches, |at| self.print(&lines[at])),
            None => lines.iter().try_for_each(|line| self.print(line)).map(|()| 0),
        };
        self.seen = seen;
        outcome?;
        self.deliver()
    }

    fn deliver(&mut self) -> Result<(), ObjectFault> {
        self.pipeline.deliver(self.run, std::mem::take(&mut self.letters))
    }

    /// Prints what is left; of a done object everything counts from now on.
    fn settle(&mut self, done: bool) -> Result<(), ObjectFault> {
        let (lines, matches) = self.waiting()?;
        let mut seen = std::mem::take(&mut self.seen);
        match &self.run.repeats {
            // What hides repeats must be acknowledged before, and no other object can wait for that: of two that end
            // together both may tell a match.
            Some(repeats) if self.pipeline.alerts_to.is_some() => {
                repeats.print_new(&mut seen, matches, |at| self.print(&lines[at]))?;
                self.deliver()?;
                repeats.settle(seen, done, [], |_| Ok(())).map(drop)
            }
            Some(repeats) => repeats.settle(seen, done, matches, |at| self.print(&lines[at])).map(drop),
            None => {
                lines.iter().try_for_each(|line| self.print(line))?;
                self.deliver()
            }
        }
    }

    fn print(&mut self, line: &Line) -> Result<(), ObjectFault> {
        if line.kind != Kind::Alert {
            return self.pipeline.sink.raw(line.kind, Level::Info, &line.body);
        }
        self.letters.extend(self.pipeline.alert(line.found.id, &line.body)?);
        self.counts.alerts += 1;
        if self.canary.is_none() {
            self.run.totals().count_alert(line.severity, line.time);
        }
        Ok(())
    }

    fn over(&self) -> ObjectFault {
        if self.run.until.is_stopped() { ObjectFault::Stopped } else { ObjectFault::Deadline }
    }
}

fn event_id(record: &[u8]) -> Option<String> {
    let raw = json::Members::of(record).find(|(key, _)| *key == b"eventID")?.1;
    json::text(raw).map(|id| id.chars().take(64).collect())
}

/// Counts the bytes that are read through it.
pub(crate) struct Counted<R> {
    inner: R,
    bytes: u64,
}

impl<R: BufRead> Read for Counted<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buf)?;
        self.bytes += read as u64;
        Ok(read)
    }
}

impl<R: BufRead> BufRead for Counted<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        self.inner.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.bytes += amount as u64;
        self.inner.consume(amount);
    }
}
