//! Finds the rule that breaks its worker when nothing points at it: by elimination.
//!
//! In: a batch that keeps losing its workers, or one whose worker said what the engine never says. Out: the same batch
//! with every pair settled, the guilty rule's as failures. Rules are run group by group, each in a worker that no other
//! rule has touched; a group that does not come through is halved. So what one rule does to its worker costs the others
//! time and nothing else. Separate because it is the slow path: it starts processes by the dozen.

use super::{Answer, EngineError, Failure, Job, Pending, STRIKES, Verdict, cause, failure_of};
use crate::engine::worker::Death;

impl Job<'_> {
    /// Settles every pair that is pending. What is left to do is to send the records without any rule.
    pub(super) fn eliminate(&mut self) -> Result<(), EngineError> {
        // The engine alone: if it does not come through either, no rule is to blame.
        let everything: Vec<usize> = (0..self.pending.len()).collect();
        if let (_, Some(death)) = self.run_group(&[], &everything)? {
            return Err(EngineError::Broken(cause(&death)));
        }
        let mut rules: Vec<u32> = everything.iter().flat_map(|&at| self.rules_of(at)).collect();
        rules.sort_unstable();
        rules.dedup();
        let (mut groups, mut caught) = (vec![rules], Vec::new());
        while let Some(group) = groups.pop() {
            match self.run_group(&group, &everything)? {
                (answers, None) => self.settle(&everything, answers),
                (_, Some(death)) if group.len() > 1 => {
                    let (first, second) = match red_handed(&death, &group) {
                        Some((rule, at)) => {
                            caught.push((rule, at, failure_of(&death)));
                            group.into_iter().partition(|&other| other == rule)
                        }
                        None => {
                            let (first, second) = group.split_at(group.len() / 2);
                            (first.to_vec(), second.to_vec())
                        }
                    };
                    groups.extend([second, first]);
                }
                (answers, Some(death)) => self.convict(group[0], everything.clone(), answers, &death)?,
            }
        }
        for (rule, at, failure) in caught {
            self.accuse(rule, at, failure);
        }
        for pending in &mut self.pending {
            pending.only = Some(Vec::new());
        }
        Ok(())
    }

    /// Notes that a rule has changed what it shared with others. What it said alone stands beside that: the accuser had
    /// been changed when he spoke.
    fn accuse(&mut self, rule: u32, at: usize, failure: Failure) {
        let Some(pending) = self.pending.get_mut(at) else { return };
        match pending.parts.iter_mut().find(|verdict| verdict.rule == rule) {
            Some(verdict) => {
                // It may have done the same alone.
                if verdict.errors.iter().any(|error| error.failure == failure.failure) {
                    return;
                }
                verdict.errors.push(failure);
            }
            None => pending.parts.push(Verdict::failed(rule, failure)),
        }
        self.struck.push(rule);
        self.pool.strike(rule);
    }

    /// The one rule that is left has broken its worker: its pairs are failures where it does so, answers elsewhere.
    fn convict(
        &mut self,
        rule: u32,
        mut left: Vec<usize>,
        mut answers: Vec<Answer>,
        death: &Death,
    ) -> Result<(), EngineError> {
        let mut failure = failure_of(death);
        let mut culprit = guilty(death, answers.len());
        for strike in 1.. {
            let rest = left.split_off(answers.len().min(left.len()));
            self.settle(&std::mem::replace(&mut left, rest), answers);
            let Some(at) = (!left.is_empty()).then(|| left.remove(culprit.min(left.len() - 1))) else { break };
            if self.rules_of(at).contains(&rule) {
                self.struck.push(rule);
                self.pool.strike(rule);
                self.pending[at].parts.push(Verdict::failed(rule, failure.clone()));
                self.pending[at].settled += 1;
            }
            if strike == STRIKES {
                left.iter().for_each(|&at| self.pending[at].blind.push(rule));
                break;
            }
            let (more, death) = self.run_group(&[rule], &left)?;
            let Some(death) = death else {
                self.settle(&left, more);
                break;
            };
            (failure, culprit) = (failure_of(&death), guilty(&death, more.len()));
            answers = more;
        }
        Ok(())
    }

    /// Runs some rules over some pending records in a fresh worker: the answers that came, and its death if it died.
    fn run_group(&mut self, rules: &[u32], records: &[usize]) -> Result<(Vec<Answer>, Option<Death>), EngineError> {
        let wanted = |at: usize| {
            let mut only = self.rules_of(at);
            only.retain(|rule| rules.contains(rule));
            Pending::new(self.pending[at].item, Some(only))
        };
        let mut job = Job {
            pool: self.pool,
            batch: self.batch,
            until: self.until,
            fenced: Vec::new(),
            allowed: None,
            pending: records.iter().map(|&at| wanted(at)).collect(),
            struck: Vec::new(),
            answered: 0,
            fresh: true,
        };
        if job.pending.is_empty() {
            return Ok((Vec::new(), None));
        }
        let mut answers = Vec::with_capacity(records.len());
        let outcome = job.run(&mut |_, answer| answers.push(answer))?;
        self.struck.append(&mut job.struck);
        Ok((answers, outcome.err()))
    }

    /// Keeps the answers of a group with the records they belong to.
    fn settle(&mut self, records: &[usize], answers: Vec<Answer>) {
        for (&at, answer) in records.iter().zip(answers) {
            // What can't be parsed will be answered so again, in its turn.
            if let Answer::Judged { verdicts, calls, mut fenced } = answer {
                let pending = &mut self.pending[at];
                pending.parts.extend(verdicts);
                pending.settled += calls;
                pending.blind.append(&mut fenced);
            }
        }
    }
}

/// The rule of a group that was caught changing its worker, and on which record.
fn red_handed(death: &Death, group: &[u32]) -> Option<(u32, usize)> {
    let Death::Tampered(tampered) = death else { return None };
    let rule = tampered.rule.filter(|rule| group.contains(rule))?;
    Some((rule, tampered.item? as usize))
}

/// Behind the answers that came, how far away the record is that broke the worker.
fn guilty(death: &Death, answered: usize) -> usize {
    let item = match death {
        Death::Died { cell, .. } | Death::Hung { cell } if cell.in_rule() => cell.item as usize,
        Death::Tampered(tampered) => tampered.item.map_or(answered, |item| item as usize),
        _ => answered,
    };
    item.saturating_sub(answered)
}
