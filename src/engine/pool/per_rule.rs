//! Judges a batch rule by rule, each in a process that runs no other (`IOTA_WORKER_PER=rule`).
//!
//! In: a batch. Out: one answer per item, in order, put together of what each rule's worker said. A rule speaks for
//! itself alone: that a record can't be read is believed only of a worker without any rule. Separate because only this
//! way of judging has several answers to one item.

use std::collections::BTreeSet;
use std::time::Instant;

use super::{Answer, EngineError, Failure, FailureKind, Job, Pending, Verdict, lock};

/// So many items are judged before their answers are delivered: what rules say of them is held until then.
const SLICE: usize = 64;

/// What is known of one item so far.
#[derive(Default)]
struct Merged {
    verdicts: Vec<Verdict>,
    calls: usize,
    /// Rules that were not run, because of a fence.
    fenced: Vec<u32>,
    /// Rules whose worker says that the record can't be read.
    unreadable: Vec<u32>,
    /// The same from a worker without rules.
    unparsable: Option<String>,
}

impl Job<'_> {
    /// Sees every item of the batch answered.
    pub(super) fn rule_by_rule(&mut self, deliver: &mut impl FnMut(usize, Answer)) -> Result<(), EngineError> {
        let items = self.batch.items.len();
        for start in (0..items).step_by(SLICE) {
            self.slice(start, SLICE.min(items - start), deliver)?;
        }
        Ok(())
    }

    fn slice(
        &mut self,
        start: usize,
        count: usize,
        deliver: &mut impl FnMut(usize, Answer),
    ) -> Result<(), EngineError> {
        // One that rose in the slice before stands in this one.
        self.fenced = lock(&self.pool.fences).fenced(Instant::now());
        self.allowed = self.pool.allowed(&self.fenced);
        let all: Vec<u32> = (0..u32::try_from(self.pool.rules).unwrap_or(u32::MAX)).collect();
        let (mut asked, mut merged) = (Vec::with_capacity(count), Vec::with_capacity(count));
        for item in &self.batch.items[start..start + count] {
            let behind = |rule: &u32| self.fenced.binary_search(rule).is_ok();
            let (fenced, open) =
                item.rules.as_ref().unwrap_or(&all).iter().partition::<Vec<u32>, _>(|rule| behind(rule));
            asked.push(open);
            merged.push(Merged { fenced, ..Merged::default() });
        }
        for rule in asked.iter().flatten().copied().collect::<BTreeSet<u32>>() {
            let wanted = (0..count).filter(|&at| asked[at].binary_search(&rule).is_ok());
            self.pending = wanted.map(|at| Pending::new(start + at, Some(vec![rule]))).collect();
            self.settle_all(&mut |item, answer| merged[item - start].hear(rule, answer))?;
        }
        self.ask_the_engine(start, &asked, &mut merged)?;
        for (at, known) in merged.into_iter().enumerate() {
            deliver(start + at, known.answer());
        }
        Ok(())
    }

    /// Has a worker without rules say whether records can be read: those of which a rule's worker says they can't, and
    /// those that no rule was asked about.
    fn ask_the_engine(&mut self, start: usize, asked: &[Vec<u32>], merged: &mut [Merged]) -> Result<(), EngineError> {
        let open = (0..merged.len()).filter(|&at| asked[at].is_empty() || !merged[at].unreadable.is_empty());
        self.pending = open.map(|at| Pending::new(start + at, Some(Vec::new()))).collect();
        let mut liars = Vec::new();
        self.settle_all(&mut |item, answer| {
            let known = &mut merged[item - start];
            match answer {
                Answer::Unparsable(why) => known.unparsable = Some(why),
                Answer::Judged { .. } => {
                    known.calls += known.unreadable.len();
                    known.verdicts.extend(known.unreadable.iter().map(|&rule| Verdict::failed(rule, lie())));
                    liars.append(&mut known.unreadable);
                }
            }
        })?;
        liars.iter().for_each(|&rule| self.pool.strike(rule));
        self.struck.append(&mut liars);
        Ok(())
    }
}

impl Merged {
    fn hear(&mut self, rule: u32, answer: Answer) {
        match answer {
            Answer::Unparsable(_) => self.unreadable.push(rule),
            Answer::Judged { mut verdicts, calls, fenced } => {
                self.verdicts.append(&mut verdicts);
                self.calls += calls;
                self.fenced.extend(fenced.contains(&rule).then_some(rule));
            }
        }
    }

    fn answer(mut self) -> Answer {
        if let Some(why) = self.unparsable {
            return Answer::Unparsable(why);
        }
        self.verdicts.sort_by_key(|verdict| verdict.rule);
        self.fenced.sort_unstable();
        Answer::Judged { verdicts: self.verdicts, calls: self.calls, fenced: self.fenced }
    }
}

fn lie() -> Failure {
    let exception = "its worker said that a record can't be read which can be".into();
    Failure { phase: "rule".into(), failure: FailureKind::Crash, exception, file: None, line: None }
}
