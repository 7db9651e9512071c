//! Whose rules a worker runs.
//!
//! In: the rules that one request names. Out: the one rule whose worker may take it, or the refusal. Separate because it
//! is the wall of `IOTA_WORKER_PER=rule`: whatever a batch goes through, its requests pass here before a worker is chosen.

/// Whose rules a worker runs, for all of its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tenant {
    /// Any of the pack's.
    Pack,
    /// This one and no other.
    Rule(u32),
    /// None: it says what the engine says.
    Nobody,
}

impl Tenant {
    /// The tenant of a request that names these rules; `None` where they would have to share.
    pub(super) fn alone(sets: &[Option<Vec<u32>>]) -> Option<Self> {
        let mut found = Self::Nobody;
        for set in sets {
            for &rule in set.as_ref()? {
                match found {
                    Self::Nobody => found = Self::Rule(rule),
                    Self::Rule(other) if other == rule => {}
                    _ => return None,
                }
            }
        }
        Some(found)
    }

    /// What the engine is told: the rules that it may load, `None` for all.
    pub(super) fn only(self) -> Option<Vec<u32>> {
        match self {
            Self::Pack => None,
            Self::Rule(rule) => Some(vec![rule]),
            Self::Nobody => Some(Vec::new()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_rules_never_share() {
        let alone = |sets: &[&[u32]]| Tenant::alone(&sets.iter().map(|set| Some(set.to_vec())).collect::<Vec<_>>());
        assert_eq!(alone(&[]), Some(Tenant::Nobody));
        assert_eq!(alone(&[&[]]), Some(Tenant::Nobody));
        assert_eq!(alone(&[&[3], &[], &[3]]), Some(Tenant::Rule(3)));
        assert_eq!(alone(&[&[3, 4]]), None);
        assert_eq!(alone(&[&[3], &[4]]), None);
        assert_eq!(Tenant::alone(&[None]), None, "all of them");
    }
}
