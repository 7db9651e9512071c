//! Which rules can match a record at all, by its `eventName` or its `eventSource`.
//!
//! In: the program and the conditions of all rules. Out: [`Index`], which gives for a name the rules that do not need
//! another. Separate because it must be sound on its own: the set of names that a rule needs may be too large, never
//! too small. It speaks only of records whose name is an ASCII string that is there once; for all others every rule is
//! looked at.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::FixedState;

use super::needs::{Need, needs};
use super::outcome::Outcomes;
use super::program::{Const, NodeId, Program, Step, Test};

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
            let needed = |field| {
                let of_test = |_, test, term, outcome| match outcome {
                    Outcomes::T => names(program, field, term, test),
                    _ => Names::nothing(),
                };
                needs(program, node, Outcomes::T, &of_test).0.filter(|names| names.len() <= NAMES)
            };
            let (field, names) = if let Some(names) = needed(fields.name) {
                (&mut index.by_name, names)
            } else if let Some(sources) = needed(fields.source) {
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

/// Names; `None` for all.
#[derive(Clone)]
struct Names<'a>(Option<BTreeSet<&'a str>>);

impl Need for Names<'_> {
    fn nothing() -> Self {
        Self(None)
    }

    fn impossible() -> Self {
        Self(Some(BTreeSet::new()))
    }

    fn both(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(a), Some(b)) => Some(a.intersection(&b).copied().collect()),
            (a, b) => a.or(b),
        })
    }

    fn either(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(mut a, b)| {
            a.extend(b);
            a
        }))
    }
}

/// For which names of `field` a test may be true, if it is about nothing but the name.
fn names<'a>(program: &Program, field: u32, term: u32, test: &'a Test) -> Names<'a> {
    let path = match &*program.terms[term as usize].steps {
        [Step::Get { key, .. } | Step::Item(key)] => key.path,
        [Step::Deep { keys, .. }] => keys.last().and_then(|key| key.path),
        _ => None,
    };
    if path != Some(field) {
        return Names::nothing();
    }
    // Of all constants only strings equal a string.
    Names(match test {
        Test::Equals(Const::Text(name)) => Some(BTreeSet::from([&**name])),
        Test::Equals(_) => Some(BTreeSet::new()),
        Test::In { texts, .. } => Some(texts.iter().map(|name| &**name).collect()),
        _ => None,
    })
}
