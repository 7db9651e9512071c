//! A record in, the rules that may still match it out: what reaches Python.
//!
//! `condition` is the format of the rulepack, `program` what all conditions come to, `project` the one walk over a record, `value` what it finds there, `evaluate` the meaning of conditions in `outcome`s, `index` the rules by
//! the names they need and `guard` by other tests, both through `needs`. It may admit too much and never drops a match: `docs/conditions.md` says how. Nothing here has state
//! but [`Scratch`], of which each thread has its own.

#[cfg(test)]
mod bench;
mod condition;
mod evaluate;
mod exceptions;
mod explain;
mod guard;
mod index;
#[cfg(test)]
mod naive;
mod needs;
mod outcome;
mod pattern;
mod program;
mod project;
mod value;
#[cfg(test)]
mod vectors;

use crate::error::SetupError;
use crate::rulepack::Rulepack;

pub(crate) use self::exceptions::Exceptions;
pub(crate) use self::explain::Line;
pub(crate) use self::outcome::Outcomes;

use self::evaluate::{Evaluation, Memo};
use self::explain::Explainer;
use self::guard::Guard;
use self::index::{Fields, Index};
use self::program::{Builder, Node, NodeId, Program};
use self::project::{Paths, Slots, project};
use self::value::{Found, Value};

/// The conditions of all rules of a pack. Shared by threads.
pub(crate) struct Prefilter {
    program: Program,
    /// By rule, its condition.
    rules: Vec<NodeId>,
    index: Index,
    /// By rule, what is looked at before its condition; none for rules that the index knows.
    guards: Vec<Box<[Guard]>>,
    fields: Fields,
}

/// What is used again for every record. One for each thread.
#[derive(Default)]
pub(crate) struct Scratch {
    slots: Slots,
    memo: Memo,
    found: Vec<u32>,
}

/// Who may match a record.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Candidates<'a> {
    /// These rules, ascending. None of the others does.
    Rules(&'a [u32]),
    /// The record is not understood: Python reads it, or finds that it can't.
    All,
}

/// How many rules are how well understood. They add up to the rules of the pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Coverage {
    /// Only looked at for records with a name or source that they need.
    pub(crate) indexed: usize,
    /// Looked at for every record.
    pub(crate) conditioned: usize,
    /// Not understood: they go to Python with every record.
    pub(crate) unconditioned: usize,
}

impl Prefilter {
    /// Takes over the conditions of the pack.
    pub(crate) fn new(pack: &Rulepack) -> Result<Self, SetupError> {
        let conditions = pack.rules.iter().map(|rule| (&*rule.id, rule.condition.get()));
        Self::of(conditions).map_err(|reason| SetupError::Pack { path: pack.path.display().to_string(), reason })
    }

    fn of<'a>(conditions: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Self, String> {
        let mut builder = Builder::new();
        let fields = Fields { name: builder.path("eventName"), source: builder.path("eventSource") };
        let mut rules = Vec::new();
        for (id, condition) in conditions {
            let bad = |reason| {
                format!("the condition of rule `{id}`: {reason}; compile the rules again with this version of iota")
            };
            rules.push(builder.condition(condition).map_err(bad)?);
        }
        let program = builder.build();
        let index = Index::new(&program, fields, &rules);
        let guards = (0..).zip(&rules).map(|(rule, &node)| match index.has(rule) {
            true => Box::default(),
            false => guard::guards(&program, node),
        });
        let guards = guards.collect();
        Ok(Self { program, rules, index, guards, fields })
    }

    /// Reads a record; `None` if it is not understood.
    fn read<'e, 's: 'e>(
        &'e self,
        scratch: &'s mut Scratch,
        record: &'e str,
    ) -> Option<(Evaluation<'e>, &'s mut Vec<u32>)> {
        let Scratch { slots, memo, found } = scratch;
        found.clear();
        project(&self.program.paths, slots, record.as_bytes())?;
        memo.next_round(self.program.nodes.len());
        Some((Evaluation::new(&self.program, record.as_bytes(), slots, memo), found))
    }

    /// The rules that may match `record`.
    pub(crate) fn candidates<'s>(&self, scratch: &'s mut Scratch, record: &str) -> Candidates<'s> {
        let Some((mut evaluation, found)) = self.read(scratch, record) else { return Candidates::All };
        let mut look_at = |evaluation: &mut Evaluation<'_>, rule: u32| {
            // A test that is sure to raise rules nothing out: the rule may be sure to raise with it.
            let mut passes = |&(test, wanted): &(NodeId, Outcomes)| {
                let found = evaluation.outcomes(test);
                found.may(wanted) || found == Outcomes::R
            };
            if self.guards[rule as usize].iter().all(|any_of| any_of.iter().any(&mut passes))
                && evaluation.outcomes(self.rules[rule as usize]).is_asked()
            {
                found.push(rule);
            }
        };
        if let Found::Value(Value::Text(name)) = evaluation.asked(Paths::ROOT, self.fields.name) {
            let source = evaluation.asked(Paths::ROOT, self.fields.source);
            let source = if let Found::Value(Value::Text(source)) = &source { Some(&**source) } else { None };
            for rules in self.index.rules(&name, source) {
                rules.iter().for_each(|&rule| look_at(&mut evaluation, rule));
            }
            found.sort_unstable();
        } else {
            // The index speaks of records with a name only.
            (0..self.rules.len() as u32).for_each(|rule| look_at(&mut evaluation, rule));
        }
        Candidates::Rules(found)
    }

    /// True if the rule is asked about such a record.
    pub(crate) fn asks(&self, record: &str, rule: u32) -> bool {
        match self.candidates(&mut Scratch::default(), record) {
            Candidates::All => true,
            Candidates::Rules(rules) => rules.binary_search(&rule).is_ok(),
        }
    }

    /// A rule's condition in words, with what becomes of each part on a record, and of the whole; `None` if the record is
    /// not understood.
    pub(crate) fn explain(&self, scratch: &mut Scratch, record: &str, rule: u32) -> Option<(Vec<Line>, Outcomes)> {
        let node = *self.rules.get(rule as usize)?;
        let (mut evaluation, _) = self.read(scratch, record)?;
        let mut explainer = Explainer { evaluation: &mut evaluation, lines: Vec::new() };
        explainer.node(node, 0, true, "");
        let lines = explainer.lines;
        Some((lines, evaluation.outcomes(node)))
    }

    /// How well the rules are understood.
    pub(crate) fn coverage(&self) -> Coverage {
        let mut coverage = Coverage::default();
        for (rule, &node) in (0..).zip(&self.rules) {
            let anything =
                matches!(&self.program.nodes[node as usize], Node::Known(bits, _) if *bits == Outcomes::ALL.bits());
            *match () {
                () if anything => &mut coverage.unconditioned,
                () if self.index.has(rule) => &mut coverage.indexed,
                () => &mut coverage.conditioned,
            } += 1;
        }
        coverage
    }
}
