//! Which rules can match a record at all, by its `eventName` or its `eventSource`.
//!
//! In: the program and the conditions of all rules. Out: [`Index`], which gives for a name the rules that do not need
//! another. Separate because it must be sound on its own: the set of names that a rule needs may be too large, never
//! too small. It speaks only of records whose name is an ASCII string that is there once; for all others every rule is
//! looked at.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::outcome::Outcomes;
use super::program::{Const, Node, NodeId, Program, Step, Test};

/// A rule that needs one of more names is not worth an entry for each.
const NAMES: usize = 4_096;

/// The rules, by what they need.
#[derive(Default)]
pub(super) struct Index {
    by_name: HashMap<Box<[u8]>, Vec<u32>, FixedState>,
    by_source: HashMap<Box<[u8]>, Vec<u32>, FixedState>,
    /// All rules of `by_source`, for records whose source is not known.
    of_source: Vec<u32>,
    /// Rules that need no name that we know of.
    rest: Vec<u32>,
}

/// The fields that are indexed, by their paths.
#[derive(Clone, Copy)]
pub(super) struct Fields {
    pub(super) name: u32,
    pub(super) source: u32,
}

impl Index {
    pub(super) fn new(program: &Program, fields: Fields, rules: &[NodeId]) -> Self {
        let mut index = Self::default();
        for (rule, &node) in (0_u32..).zip(rules) {
            let needs = |field| Needs { program, field }.of(node, Outcomes::T).filter(|names| names.len() <= NAMES);
            let (field, names) = if let Some(names) = needs(fields.name) {
                (&mut index.by_name, names)
            } else if let Some(sources) = needs(fields.source) {
                index.of_source.push(rule);
                (&mut index.by_source, sources)
            } else {
                index.rest.push(rule);
                continue;
            };
            for name in names {
                field.entry(name.as_bytes().into()).or_default().push(rule);
            }
        }
        index
    }

    /// The rules to look at for a record with this name, and this source if it is known.
    pub(super) fn rules(&self, name: &[u8], source: Option<&[u8]>) -> [&[u32]; 3] {
        [
            self.by_name.get(name).map_or(&[], Vec::as_slice),
            source.map_or(&self.of_source, |source| self.by_source.get(source).map_or(&[], Vec::as_slice)),
            &self.rest,
        ]
    }

    /// True if the index can pass the rule by.
    pub(super) fn has(&self, rule: u32) -> bool {
        self.rest.binary_search(&rule).is_err()
    }
}

/// A set of names; `None` for all.
type Names<'a> = Option<BTreeSet<&'a str>>;

/// Finds out for which names of one field a condition may have an outcome.
struct Needs<'a> {
    program: &'a Program,
    field: u32,
}

impl<'a> Needs<'a> {
    /// The names for which `outcome`, T or F, may be in the set.
    fn of(&self, node: NodeId, outcome: Outcomes) -> Names<'a> {
        let is_true = outcome == Outcomes::T;
        match &self.program.nodes[node as usize] {
            Node::Known(bits, _) => (!Outcomes::from_bits(*bits).may(outcome)).then(BTreeSet::new),
            Node::Not(of) => self.of(*of, outcome.not()),
            Node::All(of) if is_true => self.throughout(of, Outcomes::T),
            Node::Any(of) if !is_true => self.throughout(of, Outcomes::F),
            Node::All(of) => self.somewhere(of, Outcomes::T),
            Node::Any(of) => self.somewhere(of, Outcomes::F),
            Node::If(condition, then, otherwise) => union(
                both(self.of(*condition, Outcomes::T), self.of(*then, outcome)),
                both(self.of(*condition, Outcomes::F), self.of(*otherwise, outcome)),
            ),
            Node::Rescue(tried, otherwise) => union(self.of(*tried, outcome), self.of(*otherwise, outcome)),
            Node::Some(..) => None,
            Node::Test(term, test) => self.test(*term, test).filter(|_| is_true),
        }
    }

    /// All parts come out `on`.
    fn throughout(&self, parts: &[NodeId], on: Outcomes) -> Names<'a> {
        parts.iter().fold(None, |names, &part| both(names, self.of(part, on)))
    }

    /// One part does not come out `on`, and all before it do.
    fn somewhere(&self, parts: &[NodeId], on: Outcomes) -> Names<'a> {
        let (mut found, mut before) = (Some(BTreeSet::new()), None);
        for &part in parts {
            found = union(found, both(before.clone(), self.of(part, on.not())));
            before = both(before, self.of(part, on));
        }
        found
    }

    /// For which names a predicate may be true, if it is about nothing but the name.
    fn test(&self, term: u32, test: &'a Test) -> Names<'a> {
        let term = &self.program.terms[term as usize];
        let path = match &*term.steps {
            [Step::Get { key, .. } | Step::Item(key)] => key.path,
            [Step::Deep { keys, .. }] => keys.last().and_then(|key| key.path),
            _ => None,
        };
        if term.from_item || path != Some(self.field) {
            return None;
        }
        // Of all constants only strings equal a string.
        match test {
            Test::Equals(Const::Text(name)) => Some(BTreeSet::from([&**name])),
            Test::Equals(_) => Some(BTreeSet::new()),
            Test::In { texts, .. } => Some(texts.iter().map(|name| &**name).collect()),
            _ => None,
        }
    }
}

fn both<'a>(a: Names<'a>, b: Names<'a>) -> Names<'a> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.intersection(&b).copied().collect()),
        (Some(names), None) | (None, Some(names)) => Some(names),
        (None, None) => None,
    }
}

fn union<'a>(a: Names<'a>, b: Names<'a>) -> Names<'a> {
    match (a, b) {
        (Some(mut a), Some(b)) => {
            a.extend(b);
            Some(a)
        }
        _ => None,
    }
}
