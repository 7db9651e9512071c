//! The wiring: one object's bytes in, its lines out, and an account of every record.
//!
//! Invariant: an object is `done` only if every record the splitter found was judged, is a repeat, or is counted as
//! malformed or oversize, and all its lines are written. Anything else is a fault, and whoever delivered the object
//! delivers it again.

mod object;

use std::hash::{BuildHasher as _, RandomState};
use std::io::BufRead;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use time::{Date, OffsetDateTime};

use crate::alert;
use crate::alerts_to::{AlertsTo, Letter};
use crate::config::Config;
use crate::engine::{Pool, PoolSettings, Recipe, Until, Usage};
use crate::error::{ObjectFault, SetupError};
use crate::hidden::Hidden;
use crate::mask::Mask;
use crate::model::ObjectRef;
use crate::observe;
use crate::prefilter::{Coverage, Exceptions, Prefilter, Scratch};
use crate::repeats::Repeats;
use crate::report::{ObjectReport, Totals};
use crate::rulepack::{Rulepack, hex};
use crate::scope::Scope;
use crate::sink::{Kind, Level, Sink};
use crate::windows::{Settled, Told, Windows};

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
    mask: Arc<Mask>,
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
        let mask = Arc::new(Mask::new(config.mask.as_deref()));
        observe::start(&sink, &config, &pack);
        let settings = PoolSettings {
            recipe,
            workers: config.workers,
            workers_alive: config.workers_alive,
            worker_per: config.worker_per,
            rule_timeout: config.rule_timeout,
            memory_bytes: config.worker_memory_bytes,
            sandbox: config.sandbox,
            site,
            signals: sink.wants(Kind::Signal),
            notice: {
                let (sink, pack, mask) = (Arc::clone(&sink), Arc::clone(&pack), Arc::clone(&mask));
                Box::new(move |notice| observe::notice(&sink, &pack, &mask, &notice))
            },
        };
        let pool = Pool::new(settings, &pack).map_err(|e| SetupError::Engine(e.to_string()))?;
        let (sample, spare) = (Sample::new(filtering), Mutex::default());
        let hidden = Mutex::default();
        Ok(Self { config, pack, sink, alerts_to: None, pool, prefilter, sample, spare, exceptions, mask, hidden })
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
