//! The tests that rule most records out, for rules that no name rules out.
//!
//! In: the program and a rule's condition. Out: the cheapest tests without which the rule can't match, to be looked at
//! before the condition itself. Separate because a condition keeps the order of its source, and this need not.

use std::collections::BTreeSet;

use super::needs::{Need, needs};
use super::outcome::Outcomes;
use super::program::{NodeId, Program, Test};

/// More would be looked at in vain: most records fail at the first.
const GUARDS: usize = 3;
/// Where one of more tests would do, they rule out too little.
const ALTERNATIVES: usize = 3;
/// So many of a condition's parts are remembered on the way: alternatives multiply.
const KEPT: usize = 16;

/// Tests, each with an outcome: one of them must be able to have its own.
pub(super) type Guard = Box<[(NodeId, Outcomes)]>;

/// The guards of a condition.
pub(super) fn guards(program: &Program, condition: NodeId) -> Box<[Guard]> {
    let of_test = |node, test: &Test, _, outcome: Outcomes| {
        let alone = |rank| Clause::of(BTreeSet::from([(rank, node, outcome == Outcomes::T)]));
        rank(test, outcome).map_or_else(Guards::nothing, |rank| Guards(Some(BTreeSet::from([alone(rank)]))))
    };
    let Guards(found) = needs(program, condition, Outcomes::T, &of_test);
    let outcome = |is_true| if is_true { Outcomes::T } else { Outcomes::F };
    let guard = |clause: Clause| clause.tests.into_iter().map(|(_, node, on)| (node, outcome(on))).collect();
    found.unwrap_or_default().into_iter().take(GUARDS).map(guard).collect()
}

/// How early to look at a test; `None` if it rules out too little for what it costs.
fn rank(test: &Test, outcome: Outcomes) -> Option<u8> {
    match (test, outcome) {
        (Test::Equals(_) | Test::In { .. }, Outcomes::T) => Some(0),
        (Test::StartsWith(_) | Test::EndsWith(_), Outcomes::T) => Some(1),
        (Test::Truthy | Test::IsNull, _) => Some(2),
        _ => None,
    }
}

/// Tests, each with the rank it has and the truth it is about: one of them must come out so. The best clause is the
/// least: what one test says, before what one of two says.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Clause {
    alternatives: usize,
    tests: BTreeSet<(u8, NodeId, bool)>,
}

impl Clause {
    fn of(tests: BTreeSet<(u8, NodeId, bool)>) -> Self {
        Self { alternatives: tests.len(), tests }
    }

    /// What is left to say if one of the two holds; `None` if that is nothing, or too little.
    fn or(&self, other: &Self) -> Option<Self> {
        let both = Self::of(self.tests.union(&other.tests).copied().collect());
        let always = both.tests.iter().any(|&(rank, node, on)| both.tests.contains(&(rank, node, !on)));
        (!always && both.alternatives <= ALTERNATIVES).then_some(both)
    }
}

/// What must hold, the best first; `None` if there is no such record.
#[derive(Clone)]
struct Guards(Option<BTreeSet<Clause>>);

impl Guards {
    fn best(clauses: BTreeSet<Clause>) -> Self {
        let mut best = BTreeSet::<Clause>::new();
        for clause in clauses {
            if best.len() < KEPT && best.iter().all(|better| !better.tests.is_subset(&clause.tests)) {
                best.insert(clause);
            }
        }
        Self(Some(best))
    }
}

impl Need for Guards {
    fn nothing() -> Self {
        Self(Some(BTreeSet::new()))
    }

    fn impossible() -> Self {
        Self(None)
    }

    fn both(self, other: Self) -> Self {
        let (Some(mut a), Some(b)) = (self.0, other.0) else { return Self::impossible() };
        a.extend(b);
        Self::best(a)
    }

    fn either(self, other: Self) -> Self {
        match (self.0, other.0) {
            (Some(a), Some(b)) => Self::best(a.iter().flat_map(|a| b.iter().filter_map(|b| a.or(b))).collect()),
            (a, b) => Self(a.or(b)),
        }
    }
}
