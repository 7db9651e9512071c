//! What exceptions have hidden: how much in all, how much of each day, and what somebody has been told already.
//!
//! Lives as long as the process: in the function that is one environment, which sees its share of a day's records.
//! Separate from the run's counters because a day is longer than a run.

use std::collections::{BTreeMap, BTreeSet};

/// So many days and exceptions are counted apart; the oldest days are forgotten first.
const MAX_DAYS: usize = 4_096;

/// Counts by exception and day of the event.
#[derive(Debug, Default)]
pub(crate) struct Hidden {
    days: BTreeMap<(i64, u32), u64>,
    expired: BTreeSet<u32>,
}

impl Hidden {
    /// Counts one more; true if it is the first beyond `most` of its day.
    pub(crate) fn count(&mut self, exception: u32, seconds: Option<i64>, most: u64) -> bool {
        let day = seconds.unwrap_or(i64::MIN).div_euclid(86_400);
        let counted = self.days.entry((day, exception)).or_default();
        *counted += 1;
        let reached = *counted == most + 1;
        if self.days.len() > MAX_DAYS {
            self.days.pop_first();
        }
        reached
    }

    /// True the first time that an exception is found expired.
    pub(crate) fn is_news(&mut self, exception: u32) -> bool {
        self.expired.insert(exception)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_beyond_the_limit_of_a_day_is_told_once() {
        let mut hidden = Hidden::default();
        let day = |n: i64| Some(n * 86_400 + 5);
        let got: Vec<_> = [day(1), day(1), day(2), day(1), day(1), None].map(|time| hidden.count(0, time, 2)).into();
        assert_eq!(got, [false, false, false, true, false, false]);
        assert!(!hidden.count(1, day(1), 2), "another exception is counted apart");
        assert_eq!([hidden.is_news(3), hidden.is_news(3)], [true, false]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut hidden = Hidden::default();
        for day in 0..3 * i64::try_from(MAX_DAYS).expect("small") {
            hidden.count(0, Some(day * 86_400), 1);
        }
        assert!(hidden.days.len() <= MAX_DAYS, "{}", hidden.days.len());
    }
}
