//! The wiring: one object's bytes in, its lines out, and an account of every record.
//!
//! Invariant: an object is `done` only if every record the splitter found was judged, is a repeat, or is counted as
//! malformed or oversize, and all its lines are written. Anything else is a fault, and whoever delivered the object
//! delivers it again.

use std::io::{self, BufRead, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::alert::{self, Alert, Finding, Origin};
use crate::config::Config;
use crate::engine::{Answer, Batch, EngineError, Pool, PoolSettings, Recipe, Until, Usage, Verdict};
use crate::error::{ObjectFault, SetupError};
use crate::gunzip::Gunzip;
use crate::json;
use crate::model::ObjectRef;
use crate::records::{Limits, Piece, Splitter};
use crate::repeats::{Match, Repeats, Seen, hour_of};
use crate::report::{Counts, ObjectReport, Status, Totals};
use crate::rulepack::Rulepack;
use crate::sink::{Kind, Level, SHARED_BYTES, Sink};
use crate::{digest, observe};

/// A batch is judged when it holds so many records or bytes.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1024 * 1024;
/// Alerts of an object wait until it ends, so that the same match of another object is not printed twice; more than
/// this does not wait.
const WAITING_BYTES: usize = 4 * 1024 * 1024;

/// All that the handling of an object needs, shared by the threads that handle objects.
pub(crate) struct Pipeline {
    config: Config,
    pack: Arc<Rulepack>,
    sink: Arc<Sink>,
    pool: Pool,
}

/// One invocation, or one command: what it has seen, and what came of it.
pub(crate) struct Run {
    repeats: Option<Repeats>,
    totals: Mutex<Totals>,
    pub(crate) until: Until,
}

impl Run {
    /// A new run. Without `repeats` every record is evaluated and every match printed.
    pub(crate) fn new(repeats: bool, until: Until) -> Self {
        Self { repeats: repeats.then(Repeats::new), totals: Mutex::default(), until }
    }

    /// What came of it so far.
    pub(crate) fn totals(&self) -> MutexGuard<'_, Totals> {
        self.totals.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Pipeline {
    /// Ready to take objects. No process is started before there is a record to judge.
    pub(crate) fn new(
        config: Config,
        pack: Rulepack,
        sink: Sink,
        recipe: Recipe,
        site: Vec<String>,
    ) -> Result<Self, SetupError> {
        let (pack, sink) = (Arc::new(pack), Arc::new(sink));
        observe::start(&sink, &config, &pack);
        let settings = PoolSettings {
            recipe,
            workers: config.workers,
            rule_timeout: config.rule_timeout,
            memory_bytes: config.worker_memory_bytes,
            sandbox: config.sandbox,
            site,
            notice: {
                let (sink, pack) = (Arc::clone(&sink), Arc::clone(&pack));
                Box::new(move |notice| observe::notice(&sink, &pack, &notice))
            },
        };
        let pool = Pool::new(settings, &pack).map_err(|e| SetupError::Engine(e.to_string()))?;
        Ok(Self { config, pack, sink, pool })
    }

    /// Handles one object whose bytes come from `open`. Its `object` line is printed when this returns.
    pub(crate) fn object<R: BufRead>(
        &self,
        run: &Run,
        object: &ObjectRef,
        open: impl FnOnce() -> Result<R, ObjectFault>,
    ) -> ObjectReport {
        let started = Instant::now();
        let mut handling = Handling {
            pipeline: self,
            run,
            object,
            counts: Counts::default(),
            bytes: 0,
            bytes_json: 0,
            seen: Seen::default(),
            batch: Batch::default(),
            indices: Vec::new(),
            waiting: Vec::new(),
            waiting_bytes: 0,
            unfit: None,
        };
        let mut status = match digest::skip_reason(&object.key) {
            Some(reason) => Status::Skipped(reason),
            None => handling.all(open).map_or_else(Status::Failed, |()| Status::Done),
        };
        if let Err(fault) = handling.settle(matches!(status, Status::Done)) {
            status = Status::Failed(fault);
        }
        let Handling { counts, bytes, bytes_json, unfit, .. } = handling;
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

    /// Prints what belongs to the run as a whole: the failures of rules. Everything is flushed when this returns.
    pub(crate) fn finish(&self, run: &Run) -> Result<(), ObjectFault> {
        for ((rule, _), tally) in &run.totals().errors {
            if let Some(rule) = self.pack.rules.get(*rule as usize) {
                self.sink.line(Kind::RuleError, Level::Warn, &tally.line(&rule.id))?;
            }
        }
        self.sink.flush()
    }

    /// The settings.
    pub(crate) fn config(&self) -> &Config {
        &self.config
    }

    /// The rules.
    pub(crate) fn pack(&self) -> &Rulepack {
        &self.pack
    }

    /// Where lines go.
    pub(crate) fn sink(&self) -> &Sink {
        &self.sink
    }

    /// What the workers have used.
    pub(crate) fn usage(&self) -> Usage {
        self.pool.usage()
    }

    /// The workers, for `iota test`.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
    }
}

/// One object on its way.
struct Handling<'a> {
    pipeline: &'a Pipeline,
    run: &'a Run,
    object: &'a ObjectRef,
    counts: Counts,
    bytes: u64,
    bytes_json: u64,
    seen: Seen,
    batch: Batch,
    /// Index in the object of each record of the batch.
    indices: Vec<u64>,
    waiting: Vec<(Match, Alert)>,
    waiting_bytes: usize,
    /// The first record that could not be judged, and why.
    unfit: Option<(u64, String)>,
}

impl Handling<'_> {
    fn all<R: BufRead>(&mut self, open: impl FnOnce() -> Result<R, ObjectFault>) -> Result<(), ObjectFault> {
        let config = &self.pipeline.config;
        let counted = Counted { inner: open()?, bytes: 0 };
        let gunzip = Gunzip::new(counted, config.max_object_bytes)?;
        let limits = Limits { record_bytes: config.max_record_bytes, depth: config.max_depth };
        let mut splitter = Splitter::new(gunzip, limits);
        let split = self.pieces(&mut splitter);
        // What was complete before the damage is judged all the same.
        let judged = if self.run.until.over() { Err(self.over()) } else { self.judge() };
        self.bytes_json = splitter.reader().bytes_out();
        self.bytes = splitter.reader().source().bytes;
        split.and(judged)?;
        if self.counts.balanced() {
            Ok(())
        } else {
            Err(ObjectFault::Engine(format!("the account of its records does not balance: {:?}", self.counts)))
        }
    }

    fn pieces<R: BufRead>(&mut self, splitter: &mut Splitter<Gunzip<Counted<R>>>) -> Result<(), ObjectFault> {
        while let Some(piece) = splitter.next()? {
            match piece {
                Piece::Record(bytes) => self.record(bytes)?,
                Piece::Malformed(why) => {
                    self.unfit.get_or_insert_with(|| (self.counts.records, why.to_owned()));
                    self.counts.records += 1;
                    self.counts.malformed += 1;
                }
                Piece::Oversize(size) => {
                    let why = || format!("{size} bytes long, over `IOTA_MAX_RECORD_BYTES`");
                    self.unfit.get_or_insert_with(|| (self.counts.records, why()));
                    self.counts.records += 1;
                    self.counts.oversize += 1;
                }
                Piece::Digest(bytes) => digest::print(&self.pipeline.sink, self.object, bytes)?,
            }
        }
        Ok(())
    }

    fn record(&mut self, bytes: &[u8]) -> Result<(), ObjectFault> {
        let index = self.counts.records;
        self.counts.records += 1;
        if let Some(repeats) = &self.run.repeats
            && let Some(fingerprint) = repeats.fingerprint(bytes)
            && repeats.is_repeat(&mut self.seen, fingerprint)
        {
            self.counts.repeat += 1;
            return Ok(());
        }
        let text = String::from_utf8_lossy(bytes);
        self.counts.repaired += u64::from(matches!(text, std::borrow::Cow::Owned(_)));
        if self.batch.body.len() + text.len() > BATCH_BYTES || self.batch.items.len() == BATCH_RECORDS {
            self.judge()?;
        }
        self.batch.items.push((self.batch.body.len(), text.len()));
        self.batch.body.extend_from_slice(text.as_bytes());
        self.indices.push(index);
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
        let indices = std::mem::take(&mut self.indices);
        let outcome = self.pipeline.pool.judge(&batch, &self.run.until, |item, answer| {
            let (offset, length) = batch.items[item];
            self.answer(&batch.body[offset..offset + length], indices[item], answer);
        });
        outcome.map_err(|error| match error {
            EngineError::Over => self.over(),
            error => ObjectFault::Engine(error.to_string()),
        })?;
        if self.waiting_bytes > WAITING_BYTES {
            self.print_waiting()?;
        }
        Ok(())
    }

    fn answer(&mut self, record: &[u8], index: u64, answer: Answer) {
        self.counts.candidates += 1;
        match answer {
            Answer::Unparsable(why) => {
                self.unfit.get_or_insert((index, format!("not JSON: {why}")));
                self.counts.malformed += 1;
            }
            Answer::Judged { verdicts, calls, fenced } => {
                self.counts.evaluated += 1;
                self.counts.rule_calls += calls as u64;
                self.counts.blind += fenced.len() as u64;
                for verdict in verdicts {
                    self.verdict(record, index, verdict);
                }
            }
        }
    }

    fn verdict(&mut self, record: &[u8], index: u64, mut verdict: Verdict) {
        if !verdict.errors.is_empty() {
            self.counts.rule_errors += verdict.errors.len() as u64;
            let event_id = event_id(record);
            let mut totals = self.run.totals();
            for failure in verdict.errors.drain(..) {
                totals.note(verdict.rule, failure, event_id.clone(), self.object);
            }
        }
        if !verdict.matched {
            return;
        }
        self.counts.matches += 1;
        let Some(rule) = self.pipeline.pack.rules.get(verdict.rule as usize) else { return };
        let reason = if !rule.create_alert {
            Some("create_alert_false")
        } else if rule.threshold > 1 {
            Some("threshold_needs_state")
        } else {
            None
        };
        self.counts.signals += u64::from(reason.is_some());
        if reason.is_some() && !self.pipeline.sink.wants(Kind::Signal) {
            return;
        }
        let finding = Finding {
            rule,
            title: verdict.title.as_deref().unwrap_or(&rule.id),
            severity: verdict.severity.unwrap_or(rule.severity),
            dedup: verdict.dedup.as_deref().unwrap_or(&rule.id),
            context: verdict.context.as_deref(),
            description: verdict.description.as_deref(),
            runbook: verdict.runbook.as_deref(),
            reference: verdict.reference.as_deref(),
            destinations: verdict.destinations.as_deref(),
            reason,
        };
        let limit = self.pipeline.config.max_alert_bytes - SHARED_BYTES;
        let alert = alert::build(&finding, record, &Origin { object: self.object, index }, limit);
        let hour = json::Members::of(record).find(|(key, _)| *key == b"eventTime").and_then(|(_, raw)| hour_of(raw));
        let found = Match { hour: hour.unwrap_or(i64::MIN), id: alert.match_id };
        self.waiting_bytes += alert.body.len();
        self.waiting.push((found, alert));
    }

    fn print_waiting(&mut self) -> Result<(), ObjectFault> {
        let waiting = std::mem::take(&mut self.waiting);
        self.waiting_bytes = 0;
        let matches: Vec<Match> = waiting.iter().map(|(found, _)| *found).collect();
        let mut seen = std::mem::take(&mut self.seen);
        let outcome = match &self.run.repeats {
            Some(repeats) => repeats.print_new(&mut seen, matches, |at| self.print(&waiting[at].1)),
            None => (0..waiting.len()).try_for_each(|at| self.print(&waiting[at].1)).map(|()| 0),
        };
        self.seen = seen;
        outcome.map(drop)
    }

    /// Prints what is left; of a done object everything counts from now on.
    fn settle(&mut self, done: bool) -> Result<(), ObjectFault> {
        let waiting = std::mem::take(&mut self.waiting);
        let matches: Vec<Match> = waiting.iter().map(|(found, _)| *found).collect();
        let seen = std::mem::take(&mut self.seen);
        match &self.run.repeats {
            Some(repeats) => repeats.settle(seen, done, matches, |at| self.print(&waiting[at].1)).map(drop),
            None => (0..waiting.len()).try_for_each(|at| self.print(&waiting[at].1)),
        }
    }

    fn print(&mut self, alert: &Alert) -> Result<(), ObjectFault> {
        if alert.signal {
            return self.pipeline.sink.raw(Kind::Signal, Level::Info, &alert.body);
        }
        self.pipeline.sink.raw(Kind::Alert, Level::Warn, &alert.body)?;
        self.counts.alerts += 1;
        self.run.totals().count_alert(alert.severity);
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
