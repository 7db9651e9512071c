//! The wiring: one object's bytes in, its lines out, and an account of every record.
//!
//! Invariant: an object is `done` only if every record the splitter found was judged, is a repeat, or is counted as
//! malformed or oversize, and all its lines are written. Anything else is a fault, and whoever delivered the object
//! delivers it again.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, BufRead, Read};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use time::{Date, OffsetDateTime};

use crate::alert::{self, Alert, Finding, Origin};
use crate::alerts_to::{AlertsTo, Letter};
use crate::config::Config;
use crate::engine::{Answer, Batch, EngineError, FailureKind, Item, Pool, PoolSettings, Recipe, Until, Usage, Verdict};
use crate::error::{ObjectFault, SetupError};
use crate::gunzip::Gunzip;
use crate::hidden::Hidden;
use crate::json;
use crate::model::{ObjectRef, Severity};
use crate::prefilter::{Candidates, Coverage, Exceptions, Prefilter, Scratch};
use crate::records::{Limits, Piece, Splitter};
use crate::repeats::{Match, Repeats, Seen};
use crate::report::{Counts, ObjectReport, Status, Totals};
use crate::rulepack::{Rulepack, hex};
use crate::scope::Scope;
use crate::sink::{Kind, Level, SHARED_BYTES, Sink};
use crate::windows::{Found, Settled, Told, Windows};
use crate::{digest, observe};

/// A batch is judged when it holds so many records or bytes.
const BATCH_RECORDS: usize = 256;
const BATCH_BYTES: usize = 1024 * 1024;
/// Alerts of an object wait until it ends, so that they are grouped and the same match of another object is not printed
/// twice; more than this does not wait.
const WAITING_BYTES: u64 = 4 * 1024 * 1024;
/// So many bytes of alerts of a run's end wait for each other before they are delivered.
const LETTERS_BYTES: usize = 256 * 1024;

/// All that the handling of an object needs, shared by the threads that handle objects.
pub(crate) struct Pipeline {
    config: Config,
    pack: Arc<Rulepack>,
    sink: Arc<Sink>,
    /// Who must acknowledge alerts, if anybody.
    alerts_to: Option<AlertsTo>,
    pool: Pool,
    /// None: every record is a candidate for every rule.
    prefilter: Option<Prefilter>,
    sample: Sample,
    exceptions: Exceptions,
    hidden: Mutex<Hidden>,
    /// Memory of objects that are through: most objects are so small that making it anew would show.
    spare: Mutex<Vec<Spare>>,
}

/// What the handling of an object needs and the next can use.
#[derive(Default)]
struct Spare {
    scratch: Scratch,
    /// The same for exceptions, which are another program.
    exceptions: Scratch,
    window: Vec<u8>,
}

/// Whether conditions decide which rules are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Filtering {
    /// They do; of so many records one is judged by every rule all the same (0: none).
    Sample(u64),
    /// Every record is judged by every rule; what they say is compared with the answer.
    Verify,
    /// They are not looked at.
    Off,
}

/// Which records are judged by every rule to check the prefilter. Begins anywhere, so that environments that live for
/// a few records only do their share.
struct Sample {
    every: u64,
    count: AtomicU64,
}

impl Sample {
    fn new(filtering: Filtering) -> Self {
        let every = match filtering {
            Filtering::Sample(every) => every,
            Filtering::Verify => 1,
            Filtering::Off => 0,
        };
        let start = if every > 1 { RandomState::new().hash_one("iota") % every } else { 0 };
        Self { every, count: AtomicU64::new(start) }
    }

    fn takes_next(&self) -> bool {
        self.every > 0 && self.count.fetch_add(1, Ordering::Relaxed).is_multiple_of(self.every)
    }
}

/// Which matches make one alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// Each is one.
    None,
    /// Those of one object, which are told when it ends: a retry of the object tells the same. Only what a threshold
    /// needs waits for the end of the run.
    Object,
    /// Those of the whole run, which are told at its end.
    Run,
}

/// One invocation, or one command: what it has seen, and what came of it.
pub(crate) struct Run {
    repeats: Option<Repeats>,
    grouping: Grouping,
    /// Matches that wait for the end of the run.
    windows: Mutex<Windows>,
    totals: Mutex<Totals>,
    /// By which exceptions expire.
    today: Date,
    /// It was said that alerts were not acknowledged.
    undelivered: AtomicBool,
    /// The records that are asked for.
    scope: Scope,
    pub(crate) until: Until,
}

impl Run {
    /// A new run. Without `repeats` every record is evaluated and every match counts.
    pub(crate) fn new(repeats: bool, grouping: Grouping, until: Until) -> Self {
        let windows = Mutex::new(Windows::new(repeats));
        let undelivered = AtomicBool::new(false);
        let (repeats, totals, scope) = (repeats.then(Repeats::new), Mutex::default(), Scope::default());
        let today = OffsetDateTime::now_utc().date();
        Self { repeats, grouping, windows, totals, today, undelivered, scope, until }
    }

    /// The same for a part of all records: others are not counted.
    #[cfg(feature = "cli")]
    pub(crate) fn within(self, scope: Scope) -> Self {
        Self { scope, ..self }
    }

    fn windows(&self) -> MutexGuard<'_, Windows> {
        self.windows.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for matches of one object.
    fn own_windows(&self) -> Windows {
        Windows::new(self.repeats.is_some())
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
        filtering: Filtering,
    ) -> Result<Self, SetupError> {
        let prefilter = if filtering == Filtering::Off { None } else { Some(Prefilter::new(&pack)?) };
        let exceptions = Exceptions::new(&pack)?;
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
        let (sample, spare) = (Sample::new(filtering), Mutex::default());
        let hidden = Mutex::default();
        Ok(Self { config, pack, sink, alerts_to: None, pool, prefilter, sample, spare, exceptions, hidden })
    }

    /// From now on no object is done before its alerts are acknowledged there.
    pub(crate) fn deliver_to(&mut self, alerts_to: AlertsTo) {
        self.alerts_to = Some(alerts_to);
    }

    /// Handles one object whose bytes come from `open`. Its `object` line is printed when this returns.
    pub(crate) fn object<R: BufRead>(
        &self,
        run: &Run,
        object: &ObjectRef,
        open: impl FnOnce() -> Result<R, ObjectFault>,
    ) -> ObjectReport {
        self.handle(run, object, None, open)
    }

    /// The same for a canary: the one record is put before the engine's own rule, and on request before all others,
    /// to see that they load.
    pub(crate) fn canary(&self, run: &Run, object: &ObjectRef, record: &[u8], all_rules: bool) -> ObjectReport {
        let own = self.pack.canary_index();
        self.handle(run, object, Some(if all_rules { (0..=own).collect() } else { vec![own] }), || Ok(record))
    }

    fn handle<R: BufRead>(
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

    /// Prints what belongs to the run as a whole: matches that waited for its end, and the failures of rules.
    /// Everything is flushed when this returns.
    pub(crate) fn finish(&self, run: &Run) -> Result<(), ObjectFault> {
        let windows = std::mem::replace(&mut *run.windows(), run.own_windows());
        let mut letters = Vec::new();
        windows.settle(&self.pack.rules, |told, settled| {
            self.tell(run, &told, settled, &mut letters)?;
            if letters.iter().map(|letter: &Letter| letter.text.len()).sum::<usize>() < LETTERS_BYTES {
                return Ok(());
            }
            self.deliver(run, std::mem::take(&mut letters))
        })?;
        self.deliver(run, letters)?;
        for ((rule, _), tally) in &run.totals().errors {
            if let Some(rule) = self.pack.rule(*rule) {
                self.sink.line(Kind::RuleError, Level::Warn, &tally.line(&rule.id))?;
            }
        }
        for expired in self.expired(run) {
            if self.hidden().is_news(expired) {
                observe::expired_exception(&self.sink, &self.pack.exceptions[expired as usize]);
            }
        }
        self.sink.flush()
    }

    fn hidden(&self) -> MutexGuard<'_, Hidden> {
        self.hidden.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Exceptions that no longer apply in this run, by index.
    pub(crate) fn expired(&self, run: &Run) -> Vec<u32> {
        self.exceptions.expired(run.today).collect()
    }

    /// Prints an alert, or the signals that did not make one.
    fn tell(&self, run: &Run, told: &Told, settled: Settled, letters: &mut Vec<Letter>) -> Result<(), ObjectFault> {
        let reason = match (told, run.grouping) {
            (Told::Alert(matches), _) => {
                letters.extend(self.alert(settled.match_id, &alert::for_group(settled.body, *matches))?);
                run.totals().count_alert(settled.severity, settled.time);
                run.totals().counts.alerts += 1;
                return Ok(());
            }
            // Other invocations may hold the matches that are missing here.
            (Told::Below, Grouping::Object) => "threshold_needs_state",
            (Told::Below, _) => "below_threshold",
        };
        run.totals().counts.signals += 1;
        self.sink.raw(Kind::Signal, Level::Info, &alert::as_signal(settled.body, reason))
    }

    fn spare(&self) -> MutexGuard<'_, Vec<Spare>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Prints an alert. Gives it back if it has to be acknowledged, too.
    fn alert(&self, match_id: [u8; 16], body: &[u8]) -> Result<Option<Letter>, ObjectFault> {
        let line = self.sink.printed(Kind::Alert, Level::Warn, body)?;
        Ok(self.alerts_to.is_some().then(|| Letter::new(hex(&match_id), line)))
    }

    /// Returns when all letters are acknowledged. What was found before the deadline may still go out after it, in half
    /// of the time that is kept for the answer.
    fn deliver(&self, run: &Run, letters: Vec<Letter>) -> Result<(), ObjectFault> {
        let Some(alerts_to) = self.alerts_to.as_ref().filter(|_| !letters.is_empty()) else { return Ok(()) };
        let deadline = run.until.deadline.map(|deadline| deadline + self.config.deadline_margin / 2);
        let delivered = alerts_to.deliver(&letters, deadline);
        if let Err(fault) = &delivered
            && !run.undelivered.swap(true, Ordering::Relaxed)
        {
            observe::undelivered(&self.sink, &fault.to_string());
        }
        delivered
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

    /// True if a rule is asked about such a record.
    pub(crate) fn asks(&self, rule: u32, record: &str) -> bool {
        self.prefilter.as_ref().is_none_or(|filter| filter.asks(record, rule))
    }

    /// What the prefilter makes of the rules.
    pub(crate) fn coverage(&self) -> Coverage {
        let rules = self.pack.rules.len();
        self.prefilter.as_ref().map_or(Coverage { unconditioned: rules, ..Coverage::default() }, Prefilter::coverage)
    }

    /// The workers, for `iota test`.
    pub(crate) fn pool(&self) -> &Pool {
        &self.pool
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
            for failure in verdict.errors.drain(..) {
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
        let alert = alert::build(&finding, record, &origin, &self.pipeline.pack.accounts, limit);
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
            self.wait(Kind::Suppressed, alert::suppressed(finding, record, origin, exception));
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
