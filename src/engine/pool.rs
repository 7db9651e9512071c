//! Hands batches to workers and sees every pair answered, whatever dies on the way.
//!
//! Invariant: for each item of a batch exactly one [`Answer`] is delivered, in order, or the batch as a whole is an
//! [`EngineError`]. When a worker dies, the pair in its cell is run again alone in a fresh one; if that dies too, the
//! pair is the failure and every other pair is still answered. Items that were answered are never run again.

mod per_rule;
mod suspects;

use std::borrow::Cow;
use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde_json::value::RawValue;

use super::fence::{Fences, STRIKES};
use super::isolation::{Ladder, Refused};
use super::message::{
    BatchHeader, Failure, FailureKind, Limits, Reply, Request, TestHeader, Tested, Verdict, check_skipped,
    check_verdicts,
};
use super::spawn::{Recipe, Spawner};
use super::tenant::Tenant;
use super::worker::{Death, Flow, Welcome, Worker};
use super::{EngineError, Until};
use crate::model::{Sandbox, WorkerPer};
use crate::rulepack::Rulepack;

/// The engine's own work on one request: parsing 1 MiB, nothing that takes seconds.
const STALL: Duration = Duration::from_secs(20);
const IMPORT: Duration = Duration::from_secs(10);

/// What a pool is made of.
pub(crate) struct PoolSettings {
    pub(crate) recipe: Recipe,
    /// At most so many workers are busy at a time.
    pub(crate) workers: usize,
    /// At most so many live, idle ones included.
    pub(crate) workers_alive: usize,
    pub(crate) worker_per: WorkerPer,
    pub(crate) rule_timeout: Duration,
    pub(crate) memory_bytes: u64,
    pub(crate) sandbox: Sandbox,
    /// Folders of third-party packages, for the end of a worker's `sys.path`.
    pub(crate) site: Vec<String>,
    /// Signals are printed: rules that never alert are asked for a title and the rest, too.
    pub(crate) signals: bool,
    /// Told what people should know.
    pub(crate) notice: Box<dyn Fn(Notice<'_>) + Send + Sync>,
}

/// What happened inside the engine that is no answer.
pub(crate) enum Notice<'a> {
    /// Rule code printed something.
    Printed { lines: &'a [String], dropped: u64 },
    /// A worker was lost; its work went on elsewhere.
    WorkerLost { cause: &'a str },
    /// A rung of the isolation ladder does not hold; told once.
    Refused(&'a Refused),
    /// A rule keeps failing and is not run for a while.
    Fenced { rule: u32, seconds: u64 },
}

/// Records to be judged together.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) body: Vec<u8>,
    pub(crate) items: Vec<Item>,
}

/// One record of a batch.
#[derive(Debug, Clone)]
pub(crate) struct Item {
    /// Where it lies in the body.
    pub(crate) offset: usize,
    pub(crate) length: usize,
    /// The rules to ask, ascending; `None` for all.
    pub(crate) rules: Option<Vec<u32>>,
}

impl Batch {
    /// The bytes of a record.
    pub(crate) fn record(&self, item: usize) -> &[u8] {
        let Item { offset, length, .. } = self.items[item];
        &self.body[offset..offset + length]
    }
}

/// What became of one record.
pub(crate) enum Answer {
    /// Every rule that was asked has answered, but for those behind a fence.
    Judged { verdicts: Vec<Verdict>, calls: usize, fenced: Vec<u32> },
    /// Python's parser refuses it.
    Unparsable(String),
}

/// The workers of one run or one execution environment.
pub(crate) struct Pool {
    settings: PoolSettings,
    welcome: Welcome,
    rules: usize,
    spawner: Spawner,
    idle: Mutex<Idle>,
    freed: Condvar,
    fences: Mutex<Fences>,
    refused: Mutex<Vec<Refused>>,
}

#[derive(Default)]
struct Idle {
    workers: Vec<Worker>,
    running: usize,
    usage: Usage,
}

impl Idle {
    /// Counts what a worker has used that is about to end.
    fn retire(&mut self, worker: &Worker) {
        let (cpu_s, peak) = process_usage(&worker.pid().to_string());
        self.usage.cpu_s += cpu_s;
        self.usage.peak_bytes = self.usage.peak_bytes.max(peak);
    }
}

/// Resources that workers have used.
#[derive(Debug, Default, Clone, Copy)]
pub(crate) struct Usage {
    /// Seconds of CPU of all workers so far.
    pub(crate) cpu_s: f64,
    /// Largest sum of peak memory over the workers alive at one time.
    pub(crate) peak_bytes: u64,
}

/// A record that still wants an answer, from these rules (`None`: all that are not fenced; else none that is).
struct Pending {
    item: usize,
    only: Option<Vec<u32>>,
    /// Verdicts from runs of single pairs.
    parts: Vec<Verdict>,
    /// How many pairs those runs have settled.
    settled: usize,
    /// Rules that those runs gave up on.
    blind: Vec<u32>,
}

impl Pending {
    fn new(item: usize, only: Option<Vec<u32>>) -> Self {
        Self { item, only, parts: Vec::new(), settled: 0, blind: Vec::new() }
    }

    /// The answer, once `calls` more pairs have given these verdicts.
    fn answer(mut self, mut verdicts: Vec<Verdict>, calls: usize, mut fenced: Vec<u32>, asked: &Item) -> Answer {
        fenced.append(&mut self.blind);
        fenced.sort_unstable();
        fenced.dedup();
        fenced.retain(|rule| {
            let wanted = asked.rules.as_ref().is_none_or(|rules| rules.binary_search(rule).is_ok());
            // The fence may have risen on this very record; then the pair is a failure, not a blind spot.
            wanted && self.parts.iter().all(|verdict| verdict.rule != *rule)
        });
        verdicts.append(&mut self.parts);
        verdicts.sort_by_key(|verdict| verdict.rule);
        Answer::Judged { verdicts, calls: calls + self.settled, fenced }
    }
}

impl Pool {
    pub(crate) fn new(settings: PoolSettings, pack: &Rulepack) -> Result<Self, EngineError> {
        let program = settings.recipe.python.display().to_string();
        let ladder = Ladder::new(settings.sandbox);
        let spawner = Spawner::start(settings.recipe.clone(), ladder.clone())
            .map_err(|e| EngineError::Spawn { program, cause: e.to_string() })?;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let limits = Limits {
            rule_ms: millis(settings.rule_timeout),
            // A slow function is slow at importing too; the rule's limit carries its share of a core.
            import_ms: millis(IMPORT.max(5 * settings.rule_timeout)),
            memory_bytes: settings.memory_bytes,
            strikes: STRIKES,
            reply_bytes: super::frame::MAX_REPLY,
        };
        let welcome = Welcome {
            pack: absolute(&pack.path),
            rules: absolute(&pack.rules_dir),
            digest: pack.digest.clone(),
            limits,
            site: settings.site.clone(),
            signals: settings.signals,
            ladder,
        };
        let strict = settings.sandbox == Sandbox::Require;
        let pool = Self {
            settings,
            welcome,
            rules: pack.rules.len(),
            spawner,
            idle: Mutex::default(),
            freed: Condvar::new(),
            fences: Mutex::default(),
            refused: Mutex::default(),
        };
        if strict {
            // Whether rules may run at all is known before the first record.
            let worker = pool.check_out(&Until::default(), pool.tenant(&[])?, false)?;
            pool.check_in(worker, true);
        }
        Ok(pool)
    }

    /// Judges a batch, delivering the answer of each record in order.
    pub(crate) fn judge(
        &self,
        batch: &Batch,
        until: &Until,
        mut deliver: impl FnMut(usize, Answer),
    ) -> Result<(), EngineError> {
        let fenced = lock(&self.fences).fenced(Instant::now());
        let allowed = self.allowed(&fenced);
        let mut job = Job {
            pool: self,
            batch,
            until,
            fenced,
            allowed,
            pending: VecDeque::new(),
            struck: Vec::new(),
            answered: 0,
            fresh: false,
        };
        if self.settings.worker_per == WorkerPer::Rule {
            job.rule_by_rule(&mut deliver)?;
        } else {
            let pending = batch.items.iter().enumerate();
            job.pending = pending.map(|(at, item)| Pending::new(at, job.open(item.rules.as_deref()))).collect();
            job.settle_all(&mut deliver)?;
        }
        lock(&self.fences).forgive_except(&job.struck, Instant::now());
        Ok(())
    }

    /// Runs one test of one rule.
    pub(crate) fn test(&self, rule: u32, mocks: &RawValue, log: &[u8], until: &Until) -> Result<Tested, EngineError> {
        let mut worker = self.check_out(until, self.tenant(&[Some(vec![rule])])?, false)?;
        let seq = worker.next_seq();
        let request = Request::Test(TestHeader { seq, rule, mocks, length: log.len() });
        let mut answer = None;
        let outcome = worker.exchange(&request, log, until, STALL, |reply| match reply {
            Reply::Tested(tested) if tested.seq == seq => {
                answer = Some(tested);
                Ok(Flow::Done)
            }
            _ => Err("an answer to something else".into()),
        });
        let (printed, _) = worker.take_noise();
        self.check_in(worker, outcome.is_ok());
        match (outcome, answer) {
            (Ok(()), Some(tested)) => Ok(Tested { printed, ..tested }),
            (Err(Death::Over), _) => Err(EngineError::Over),
            (Err(death), _) => {
                let errors = vec![failure_of(&death)];
                Ok(Tested { seq, outcome: None, functions: serde_json::Map::new(), errors, printed })
            }
            (Ok(()), None) => Err(EngineError::Broken("a test without an answer".into())),
        }
    }

    /// What workers have used so far, those that are idle now included.
    pub(crate) fn usage(&self) -> Usage {
        let idle = lock(&self.idle);
        let mut usage = idle.usage;
        let mut alive = 0;
        for worker in &idle.workers {
            let (cpu_s, peak) = process_usage(&worker.pid().to_string());
            usage.cpu_s += cpu_s;
            alive += peak;
        }
        usage.peak_bytes = usage.peak_bytes.max(alive);
        usage
    }

    fn allowed(&self, fenced: &[u32]) -> Option<Vec<u32>> {
        if fenced.is_empty() {
            return None;
        }
        let all = 0..u32::try_from(self.rules).unwrap_or(u32::MAX);
        Some(all.filter(|rule| fenced.binary_search(rule).is_err()).collect())
    }

    /// Whose worker may take a request that names these rules.
    fn tenant(&self, sets: &[Option<Vec<u32>>]) -> Result<Tenant, EngineError> {
        if self.settings.worker_per == WorkerPer::Pack {
            return Ok(Tenant::Pack);
        }
        Tenant::alone(sets).ok_or_else(|| EngineError::Broken("two rules were to share a worker".into()))
    }

    /// An idle worker of this tenant, or a new one if there may be one more; else waits. A `fresh` one has run nothing
    /// yet. Where too many live, the one that was idle the longest makes way.
    fn check_out(&self, until: &Until, tenant: Tenant, fresh: bool) -> Result<Worker, EngineError> {
        let mut idle = lock(&self.idle);
        loop {
            if until.over() {
                return Err(EngineError::Over);
            }
            let known = idle.workers.iter().rposition(|worker| worker.tenant() == tenant).filter(|_| !fresh);
            if idle.running < self.settings.workers {
                let worker = known.map(|at| idle.workers.remove(at));
                while worker.is_none()
                    && !idle.workers.is_empty()
                    && idle.running + idle.workers.len() >= self.settings.workers_alive
                {
                    let oldest = idle.workers.remove(0);
                    idle.retire(&oldest);
                }
                idle.running += 1;
                match worker {
                    Some(worker) => return Ok(worker),
                    None => break,
                }
            }
            let waited = self.freed.wait_timeout(idle, Duration::from_millis(50));
            idle = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        drop(idle);
        let program = self.settings.recipe.python.display().to_string();
        let worker = Worker::start(&self.spawner, &self.welcome, tenant, &program, until).inspect_err(|_| {
            lock(&self.idle).running -= 1;
            self.freed.notify_one();
        })?;
        self.tell_refused(&worker);
        Ok(worker)
    }

    /// Says once of each rung that it does not hold.
    fn tell_refused(&self, worker: &Worker) {
        let mut known = lock(&self.refused);
        for refused in worker.refused() {
            if !known.iter().any(|other| other.rung == refused.rung) {
                known.push(refused.clone());
                (self.settings.notice)(Notice::Refused(refused));
            }
        }
    }

    /// The rungs of the isolation ladder that were found not to hold.
    pub(crate) fn refused(&self) -> Vec<Refused> {
        lock(&self.refused).clone()
    }

    fn check_in(&self, mut worker: Worker, usable: bool) {
        let (lines, dropped) = worker.take_noise();
        if !lines.is_empty() {
            (self.settings.notice)(Notice::Printed { lines: &lines, dropped });
        }
        let mut idle = lock(&self.idle);
        idle.running -= 1;
        if usable {
            idle.workers.push(worker);
        } else {
            idle.retire(&worker);
        }
        self.freed.notify_one();
    }

    fn strike(&self, rule: u32) {
        if let Some(cool_down) = lock(&self.fences).strike(rule, Instant::now()) {
            (self.settings.notice)(Notice::Fenced { rule, seconds: cool_down.as_secs() });
        }
    }
}

/// One batch on its way through however many workers it takes.
struct Job<'a> {
    pool: &'a Pool,
    batch: &'a Batch,
    until: &'a Until,
    fenced: Vec<u32>,
    /// The rules that are not fenced; `None` for all.
    allowed: Option<Vec<u32>>,
    pending: VecDeque<Pending>,
    /// Rules that timed out or crashed in this batch.
    struck: Vec<u32>,
    /// Items that the last worker answered.
    answered: u32,
    /// Only in workers that have run nothing yet, and that run nothing after.
    fresh: bool,
}

/// What one worker is asked.
struct Asked<'a> {
    sets: Vec<Option<Vec<u32>>>,
    /// Offset, length, set.
    items: Vec<(usize, usize, usize)>,
    body: Cow<'a, [u8]>,
}

/// What is known of who killed a worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Blame {
    /// The pair in the cell, and it is settled.
    Proven,
    /// Nobody: no rule was running, or the one that was does no harm alone. That pair is settled all the same.
    Unknown,
}

impl<'a> Job<'a> {
    /// Of these rules (`None`: of all) the ones that are not fenced; `None` where that is all.
    fn open(&self, rules: Option<&[u32]>) -> Option<Vec<u32>> {
        Some(rules?.iter().copied().filter(|rule| self.fenced.binary_search(rule).is_err()).collect())
    }

    /// Sees every pending item answered.
    fn settle_all(&mut self, deliver: &mut impl FnMut(usize, Answer)) -> Result<(), EngineError> {
        let mut unexplained = 0;
        while !self.pending.is_empty() {
            let Err(death) = self.run(deliver)? else { break };
            if self.blame(&death)? == Blame::Proven {
                continue;
            }
            unexplained += 1;
            if unexplained > 2 {
                return Err(EngineError::Broken(cause(&death)));
            }
            if unexplained == 2 || matches!(death, Death::Lied { .. } | Death::Tampered(_)) {
                self.eliminate()?;
                unexplained = 2;
            }
        }
        Ok(())
    }

    /// Sends what is pending to one worker. The inner result says whether the worker lived.
    fn run(&mut self, deliver: &mut impl FnMut(usize, Answer)) -> Result<Result<(), Death>, EngineError> {
        self.answered = 0;
        let Asked { sets, items, body } = self.request();
        let tenant = self.pool.tenant(&sets)?;
        let mut worker = self.pool.check_out(self.until, tenant, self.fresh)?;
        let seq = worker.next_seq();
        let request = Request::Batch(BatchHeader { seq, sets: &sets, items: &items, watch: self.fresh });
        let mut replies = Replies { seq, sets: &sets, items: &items, at: 0, last: None, verdicts: Vec::new() };
        let outcome = worker.exchange(&request, &body, self.until, STALL, |reply| {
            let rules = self.pool.rules;
            match replies.take(reply, rules)? {
                Taken::Part => Ok(Flow::More),
                Taken::End => Ok(Flow::Done),
                Taken::Item { asked, skipped, answer } => {
                    let Some(pending) = self.pending.pop_front() else { return Err("one answer too many".into()) };
                    let item = pending.item;
                    let answer = match answer {
                        Err(why) => Answer::Unparsable(why),
                        Ok(verdicts) => {
                            let calls = asked - skipped.len();
                            let blind = [&self.fenced[..], &skipped].concat();
                            pending.answer(verdicts, calls, blind, &self.batch.items[item])
                        }
                    };
                    self.answered += 1;
                    note_timeouts(self.pool, &answer, &mut self.struck);
                    deliver(item, answer);
                    Ok(Flow::More)
                }
            }
        });
        self.pool.check_in(worker, outcome.is_ok() && !self.fresh);
        match outcome {
            Err(Death::Over) => Err(EngineError::Over),
            other => Ok(other),
        }
    }

    /// What is pending, as a worker is asked: the sets of rules, the items, and the bytes of these and no others.
    fn request(&self) -> Asked<'a> {
        let mut sets: Vec<Option<Vec<u32>>> = Vec::new();
        let mut items = Vec::with_capacity(self.pending.len());
        let mut end = 0;
        for pending in &self.pending {
            let wanted = pending.only.as_ref().or(self.allowed.as_ref());
            // Neighbours often are of one kind.
            if sets.last().is_none_or(|last| last.as_ref() != wanted) {
                sets.push(wanted.cloned());
            }
            let length = self.batch.items[pending.item].length;
            items.push((end, length, sets.len() - 1));
            end += length;
        }
        let batch = self.batch;
        let from = self.pending.front().map_or(0, |first| self.batch.items[first.item].offset);
        let last = self.pending.back().map_or(from, |last| {
            let Item { offset, length, .. } = self.batch.items[last.item];
            offset + length
        });
        let body = if last - from == end {
            Cow::Borrowed(&batch.body[from..last])
        } else {
            let records = self.pending.iter().map(|pending| self.batch.record(pending.item));
            Cow::Owned(records.collect::<Vec<_>>().concat())
        };
        Asked { sets, items, body }
    }

    /// Finds the pair that is to blame for a death and settles it.
    fn blame(&mut self, death: &Death) -> Result<Blame, EngineError> {
        (self.pool.settings.notice)(Notice::WorkerLost { cause: &cause(death) });
        let (cell, hung) = match death {
            Death::Died { cell, .. } => (*cell, false),
            Death::Hung { cell } => (*cell, true),
            Death::Lied { .. } | Death::Tampered(_) => return Ok(Blame::Unknown),
            Death::Over => return Err(EngineError::Over),
        };
        // Replies are buffered: the worker may be past the first item that we have no answer for.
        let Some(at) = cell.item.checked_sub(self.answered).map(|at| at as usize) else { return Ok(Blame::Unknown) };
        let rules = self.rules_of(at);
        if !cell.in_rule() || !rules.contains(&cell.rule) {
            return Ok(Blame::Unknown);
        }
        let verdict = if hung { Err(failure_of(death)) } else { self.run_alone(at, cell.rule)? };
        let blame = if verdict.is_err() { Blame::Proven } else { Blame::Unknown };
        let verdicts = verdict.unwrap_or_else(|failure| {
            self.struck.push(cell.rule);
            self.pool.strike(cell.rule);
            vec![Verdict::failed(cell.rule, failure)]
        });
        if self.struck.iter().filter(|&&rule| rule == cell.rule).count() as u32 == STRIKES {
            self.fence(cell.rule);
        }
        if let Some(pending) = self.pending.get_mut(at) {
            pending.parts.extend(verdicts);
            pending.settled += 1;
            // With no rule left it is sent once more all the same: it is answered in its turn, and parsed.
            pending.only = Some(rules.into_iter().filter(|&rule| rule != cell.rule).collect());
        }
        Ok(blame)
    }

    /// Runs a rule no more in this batch.
    fn fence(&mut self, rule: u32) {
        self.fenced.push(rule);
        self.fenced.sort_unstable();
        self.allowed = self.pool.allowed(&self.fenced);
        for only in self.pending.iter_mut().filter_map(|pending| pending.only.as_mut()) {
            only.retain(|&other| other != rule);
        }
    }

    /// The rules that a pending item still waits for.
    fn rules_of(&self, at: usize) -> Vec<u32> {
        let Some(pending) = self.pending.get(at) else { return Vec::new() };
        let all = || (0..u32::try_from(self.pool.rules).unwrap_or(u32::MAX)).collect();
        pending.only.clone().or_else(|| self.allowed.clone()).unwrap_or_else(all)
    }

    /// Runs a pending item against one rule in another worker.
    fn run_alone(&self, at: usize, rule: u32) -> Result<Result<Vec<Verdict>, Failure>, EngineError> {
        let Some(pending) = self.pending.get(at) else { return Ok(Ok(Vec::new())) };
        let record = self.batch.record(pending.item);
        let item = Item { offset: 0, length: record.len(), rules: Some(vec![rule]) };
        let single = Batch { body: record.to_vec(), items: vec![item] };
        let mut job = Job {
            pool: self.pool,
            batch: &single,
            until: self.until,
            fenced: Vec::new(),
            allowed: None,
            pending: VecDeque::from([Pending::new(0, Some(vec![rule]))]),
            struck: Vec::new(),
            answered: 0,
            fresh: true,
        };
        let mut verdicts = Vec::new();
        let outcome = job.run(&mut |_, answer| {
            if let Answer::Judged { verdicts: judged, .. } = answer {
                verdicts = judged;
            }
        })?;
        Ok(outcome.map(|()| verdicts).map_err(|death| failure_of(&death)))
    }
}

/// Checks the replies to one batch against what was asked.
struct Replies<'a> {
    seq: u64,
    sets: &'a [Option<Vec<u32>>],
    items: &'a [(usize, usize, usize)],
    at: usize,
    last: Option<u32>,
    verdicts: Vec<Verdict>,
}

enum Taken {
    Part,
    Item { asked: usize, skipped: Vec<u32>, answer: Result<Vec<Verdict>, String> },
    End,
}

impl Replies<'_> {
    fn take(&mut self, reply: Reply, rules: usize) -> Result<Taken, String> {
        match reply {
            Reply::Item(item) if item.seq == self.seq && item.i == self.at && self.at < self.items.len() => {
                let asked = self.sets[self.items[self.at].2].as_deref();
                check_verdicts(&item.verdicts, asked, rules, &mut self.last)?;
                check_skipped(&item.skipped, asked, rules)?;
                self.verdicts.extend(item.verdicts);
                if item.more {
                    return Ok(Taken::Part);
                }
                self.at += 1;
                self.last = None;
                let verdicts = std::mem::take(&mut self.verdicts);
                let answer = item.unparsable.map_or(Ok(verdicts), Err);
                Ok(Taken::Item { asked: asked.map_or(rules, <[u32]>::len), skipped: item.skipped, answer })
            }
            Reply::End(end) if end.seq == self.seq && self.at == self.items.len() => Ok(Taken::End),
            Reply::Fatal(fatal) => Err(format!("{} ({})", fatal.message, fatal.reason)),
            _ => Err("an answer that was not asked for".into()),
        }
    }
}

fn note_timeouts(pool: &Pool, answer: &Answer, struck: &mut Vec<u32>) {
    let Answer::Judged { verdicts, .. } = answer else { return };
    for verdict in verdicts {
        if verdict.errors.iter().any(|failure| failure.failure == FailureKind::Timeout) {
            struck.push(verdict.rule);
            pool.strike(verdict.rule);
        }
    }
}

fn cause(death: &Death) -> String {
    match death {
        Death::Died { cause, .. } | Death::Lied { cause } => cause.clone(),
        Death::Tampered(tampered) => format!("`{}` is not what it was when the worker started", tampered.what),
        Death::Hung { cell } if cell.in_rule() => "a rule did not stop at its time limit".into(),
        Death::Hung { .. } => "the worker does not answer".into(),
        Death::Over => "time is up".into(),
    }
}

fn failure_of(death: &Death) -> Failure {
    let failure = match death {
        Death::Hung { .. } => FailureKind::Timeout,
        Death::Tampered(_) => FailureKind::Tamper,
        _ => FailureKind::Crash,
    };
    Failure { phase: "rule".into(), failure, exception: cause(death), file: None, line: None }
}

/// CPU seconds and peak memory of a process, as far as `/proc` tells.
pub(crate) fn process_usage(pid: &str) -> (f64, u64) {
    let read = |file: &str| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    let stat = read("stat");
    // The name, in parentheses, may hold anything; the fields we want are the 12th and 13th behind it.
    let behind_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
    let ticks: u64 =
        behind_name.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    let status = read("status");
    let peak_kib = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    // Linux has reported these in hundredths of a second since forever.
    (ticks as f64 / 100.0, peak_kib.unwrap_or(0) * 1024)
}

fn absolute(path: &std::path::Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_path_buf())
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
