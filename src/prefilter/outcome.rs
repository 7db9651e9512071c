//! What an expression of a rule may do in Python on one record: a set of outcomes.
//!
//! In: nothing. Out: [`Outcomes`]. Separate because the promise lives here: a set may be too large, and never lacks
//! the outcome that Python would see. See `docs/conditions.md`.

/// A set of outcomes: true, false, raises.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Outcomes(u8);

impl Outcomes {
    pub(crate) const T: Self = Self(1);
    pub(crate) const F: Self = Self(2);
    pub(crate) const R: Self = Self(4);
    /// Where both truths are possible, but no exception.
    pub(crate) const TF: Self = Self(3);
    /// What is not known.
    pub(crate) const ALL: Self = Self(7);
    const NONE: Self = Self(0);

    /// The set with just the truth of `value`.
    pub(crate) fn of(value: bool) -> Self {
        if value { Self::T } else { Self::F }
    }

    /// From three bits.
    pub(super) fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    pub(super) fn bits(self) -> u8 {
        self.0
    }

    /// True if the rule behind it is asked: it may match, or is sure to raise, which its author should hear of.
    pub(crate) fn is_asked(self) -> bool {
        self.may(Self::T) || self == Self::R
    }

    /// True if any outcome of `other` is possible.
    pub(crate) fn may(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(super) fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    pub(super) fn not(self) -> Self {
        Self((self.0 & 1) << 1 | (self.0 & 2) >> 1 | self.0 & 4)
    }

    /// Left to right until one is not `on`, as Python's `and` (`on` is true) and `or` (`on` is false) go on.
    pub(super) fn chain(on: Self, parts: impl Iterator<Item = Self>) -> Self {
        let mut seen = Self::NONE;
        for part in parts {
            seen = seen.with(part.without(on));
            if !part.may(on) {
                return seen;
            }
        }
        seen.with(on)
    }
}

impl std::fmt::Display for Outcomes {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (outcome, letter) in [(Self::T, "T"), (Self::F, "F"), (Self::R, "R")] {
            if self.may(outcome) {
                f.write_str(letter)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sets_combine_as_python_goes_on() {
        let (t, f, r, all) = (Outcomes::T, Outcomes::F, Outcomes::R, Outcomes::ALL);
        let and = |parts: &[Outcomes]| Outcomes::chain(t, parts.iter().copied()).to_string();
        let or = |parts: &[Outcomes]| Outcomes::chain(f, parts.iter().copied()).to_string();
        assert_eq!([and(&[]), and(&[t, t]), and(&[t, f, r]), and(&[r, f])], ["T", "T", "F", "R"]);
        assert_eq!([and(&[all, f]), and(&[all, t]), and(&[Outcomes::TF, r])], ["FR", "TFR", "FR"]);
        assert_eq!([or(&[]), or(&[f, f]), or(&[f, t, r]), or(&[r, t])], ["F", "F", "T", "R"]);
        assert_eq!([or(&[all, t]), or(&[all, f]), or(&[Outcomes::TF, r])], ["TR", "TFR", "TR"]);
        assert_eq!([t.not(), f.not(), r.not(), all.not()], [f, t, r, all]);
    }
}
