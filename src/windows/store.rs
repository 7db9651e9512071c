//! The open window of each group. This store forgets at the end of its run; one that functions share can take its
//! place, since it is asked about one match at a time.

use std::collections::{HashMap, HashSet};

use super::order::Entry;
use crate::rulepack::Rule;

/// Where a match went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Joined {
    /// Windows are numbered as they are opened.
    pub(super) window: usize,
    /// It opened it.
    pub(super) opened: bool,
    /// What the window's threshold compares with, this match included.
    pub(super) counted: u64,
}

/// Remembers windows.
pub(super) trait Store {
    /// Puts a match into the open window of its group, or opens the next one. Matches come in the order of time.
    fn join(&mut self, rule: &Rule, found: &Entry) -> Joined;
}

/// Groups with fewer than this are not worth tidying up.
const MIN_TIDY: usize = 4096;

/// A store in memory.
#[derive(Default)]
pub(super) struct Memory {
    open: HashMap<(u32, u128), Window>,
    /// How many groups there may be before the windows that are over are forgotten.
    tidy_at: usize,
    opened: usize,
}

struct Window {
    number: usize,
    /// First second that is no longer in it.
    end: i64,
    matches: u64,
    values: HashSet<u64>,
}

impl Store for Memory {
    fn join(&mut self, rule: &Rule, found: &Entry) -> Joined {
        let timed = found.time != i64::MIN;
        if !timed && rule.threshold <= 1 {
            self.opened += 1;
            return Joined { window: self.opened - 1, opened: true, counted: 1 };
        }
        self.tidy(found.time);
        let next = self.opened;
        let end = found.time.saturating_add(i64::from(rule.dedup_period_minutes) * 60);
        let fresh = || Window { number: next, end, matches: 0, values: HashSet::new() };
        let window = self.open.entry((found.rule, found.dedup)).or_insert_with(fresh);
        if found.time >= window.end {
            *window = fresh();
        }
        window.matches += 1;
        // A rule without `unique()` counts matches; one whose `unique()` says nothing of a match does not count it.
        let counted = if rule.counts_values() {
            // More values than the threshold decide nothing.
            if let Some(value) = found.unique
                && window.values.len() < rule.threshold as usize
            {
                window.values.insert(value);
            }
            window.values.len() as u64
        } else {
            window.matches
        };
        let opened = window.number == next && window.matches == 1;
        self.opened += usize::from(opened);
        Joined { window: window.number, opened, counted }
    }
}

impl Memory {
    /// Forgets windows that are over by `now`, so that many short-lived groups do not fill the memory.
    fn tidy(&mut self, now: i64) {
        if self.open.len() >= self.tidy_at.max(MIN_TIDY) {
            self.open.retain(|_, window| window.end > now);
            self.tidy_at = self.open.len() * 2;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::windows::order::prefix;

    fn rule(period: u32, threshold: u32, unique: bool) -> Rule {
        Rule::for_tests(period, threshold, unique)
    }

    fn entry(time: i64, dedup: u128, unique: Option<u64>) -> Entry {
        let severity = crate::model::Severity::Low;
        Entry { time, event_id: prefix(b""), rule: 0, match_id: [0; 16], severity, dedup, unique, body: (0, 0) }
    }

    #[track_caller]
    fn check(rule: &Rule, matches: &[(i64, u128, Option<u64>)], want: &[(usize, bool, u64)]) {
        let mut store = Memory::default();
        let got: Vec<_> = matches
            .iter()
            .map(|&(time, dedup, unique)| store.join(rule, &entry(time, dedup, unique)))
            .map(|joined| (joined.window, joined.opened, joined.counted))
            .collect();
        assert_eq!(got, want);
    }

    #[test]
    fn a_window_is_anchored_at_its_first_match_and_half_open() {
        let minutes = |n: i64| n * 60;
        check(
            &rule(60, 1, false),
            &[(minutes(7), 1, None), (minutes(36), 1, None), (minutes(67) - 1, 1, None), (minutes(67), 1, None)],
            &[(0, true, 1), (0, false, 2), (0, false, 3), (1, true, 1)],
        );
    }

    #[test]
    fn groups_do_not_share_windows() {
        check(
            &rule(60, 1, false),
            &[(0, 1, None), (1, 2, None), (2, 1, None)],
            &[(0, true, 1), (1, true, 1), (0, false, 2)],
        );
    }

    #[test]
    fn without_a_time_a_match_stands_alone() {
        check(&rule(60, 1, false), &[(i64::MIN, 1, None), (i64::MIN, 1, None)], &[(0, true, 1), (1, true, 1)]);
        check(&rule(60, 2, false), &[(i64::MIN, 1, None), (i64::MIN, 1, None)], &[(0, true, 1), (0, false, 2)]);
    }

    #[test]
    fn unique_counts_values_and_leaves_none_out() {
        check(
            &rule(60, 3, true),
            &[(0, 1, Some(7)), (1, 1, Some(7)), (2, 1, None), (3, 1, Some(8)), (4, 1, Some(9))],
            &[(0, true, 1), (0, false, 1), (0, false, 1), (0, false, 2), (0, false, 3)],
        );
    }

    #[test]
    fn windows_that_are_over_are_forgotten() {
        let rule = rule(60, 1, false);
        let mut store = Memory::default();
        for time in 0..20_000_i64 {
            store.join(&rule, &entry(time * 60, u128::from(time.unsigned_abs()), None));
        }
        assert!(store.open.len() <= 2 * MIN_TIDY, "{} windows are remembered", store.open.len());
    }
}
