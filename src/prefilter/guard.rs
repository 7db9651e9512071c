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

/// A test, and the outcome that it must be able to have.
pub(super) type Guard = (NodeId, Outcomes);

/// The guards of a condition.
pub(super) fn guards(program: &Program, condition: NodeId) -> Box<[Guard]> {
    let of_test = |node, test: &Test, _, outcome: Outcomes| {
        rank(test, outcome)
            .map_or_else(Guards::nothing, |rank| Guards(Some(BTreeSet::from([(rank, node, outcome == Outcomes::T)]))))
    };
    let Guards(found) = needs(program, condition, Outcomes::T, &of_test);
    let outcome = |is_true| if is_true { Outcomes::T } else { Outcomes::F };
    found.unwrap_or_default().into_iter().take(GUARDS).map(|(_, node, on)| (node, outcome(on))).collect()
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

/// Tests that must come out so, the best first; `None` if there is no such record.
#[derive(Clone)]
struct Guards(Option<BTreeSet<(u8, NodeId, bool)>>);

impl Need for Guards {
    fn nothing() -> Self {
        Self(Some(BTreeSet::new()))
    }

    fn impossible() -> Self {
        Self(None)
    }

    fn both(self, other: Self) -> Self {
        Self(self.0.zip(other.0).map(|(mut a, b)| {
            a.extend(b);
            a
        }))
    }

    fn either(self, other: Self) -> Self {
        Self(match (self.0, other.0) {
            (Some(a), Some(b)) => Some(a.intersection(&b).copied().collect()),
            (a, b) => a.or(b),
        })
    }
}
