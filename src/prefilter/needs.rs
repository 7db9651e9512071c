//! What must hold of a record for a condition to come out true.
//!
//! In: a [`Program`], a node, and what is to be known of a single test. Out: what is known of the whole. Separate because
//! the index by names and the guards of rules follow conditions alike; both may need too little, never too much.

use super::outcome::Outcomes;
use super::program::{Node, NodeId, Program, Test};

/// Something known of the records on which an outcome is possible.
pub(super) trait Need: Clone {
    /// Of all records.
    fn nothing() -> Self;
    /// There is no such record.
    fn impossible() -> Self;
    /// Of records for which both hold.
    fn both(self, other: Self) -> Self;
    /// Of records for which one of the two holds.
    fn either(self, other: Self) -> Self;
}

/// What is needed for `outcome`, T or F, to be in the set of `node`. `of_test` tells it of a test on the event.
pub(super) fn needs<'a, N: Need>(
    program: &'a Program,
    node: NodeId,
    outcome: Outcomes,
    of_test: &impl Fn(NodeId, &'a Test, u32, Outcomes) -> N,
) -> N {
    let of = |node, outcome| needs(program, node, outcome, of_test);
    // All parts come out `on`.
    let throughout = |parts: &[NodeId], on| parts.iter().fold(N::nothing(), |found, &part| found.both(of(part, on)));
    // One part does not come out `on`, and all before it do.
    let somewhere = |parts: &[NodeId], on: Outcomes| {
        let (mut found, mut before) = (N::impossible(), N::nothing());
        for &part in parts {
            found = found.either(before.clone().both(of(part, on.not())));
            before = before.both(of(part, on));
        }
        found
    };
    match &program.nodes[node as usize] {
        Node::Known(bits, _) if Outcomes::from_bits(*bits).may(outcome) => N::nothing(),
        Node::Known(..) => N::impossible(),
        Node::Not(inner) => of(*inner, outcome.not()),
        Node::All(parts) if outcome == Outcomes::T => throughout(parts, Outcomes::T),
        Node::Any(parts) if outcome == Outcomes::F => throughout(parts, Outcomes::F),
        Node::All(parts) => somewhere(parts, Outcomes::T),
        Node::Any(parts) => somewhere(parts, Outcomes::F),
        Node::If(condition, then, otherwise) => {
            let yes = of(*condition, Outcomes::T).both(of(*then, outcome));
            yes.either(of(*condition, Outcomes::F).both(of(*otherwise, outcome)))
        }
        Node::Rescue(tried, otherwise) => of(*tried, outcome).either(of(*otherwise, outcome)),
        Node::Some(..) => N::nothing(),
        Node::Test(term, _) if program.terms[*term as usize].from_item => N::nothing(),
        Node::Test(term, test) => of_test(node, test, *term, outcome),
    }
}
