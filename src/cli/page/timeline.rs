//! The time line of a page: how many alerts of which severity in which stretch of time.
//!
//! In: times, one by one. Out: bars that all have one width in time, never more than fit. Separate because it is
//! arithmetic, not markup.

use std::collections::BTreeMap;

use crate::model::Severity;

/// No more bars than fit beside each other.
const BARS: i64 = 96;
const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
/// Widths of a bar in seconds, each a multiple of the one before; after the last each is twice that.
const WIDTHS: [i64; 12] = [
    MINUTE,
    5 * MINUTE,
    15 * MINUTE,
    30 * MINUTE,
    HOUR,
    3 * HOUR,
    6 * HOUR,
    12 * HOUR,
    DAY,
    7 * DAY,
    28 * DAY,
    364 * DAY,
];

/// Bars beside each other, by their number since 1970.
pub(super) struct Timeline {
    /// Of one bar, in seconds.
    width: i64,
    counts: BTreeMap<i64, Bar>,
}

/// Alerts by severity, mildest first.
pub(super) type Bar = [u64; 5];

impl Default for Timeline {
    fn default() -> Self {
        Self { width: WIDTHS[0], counts: BTreeMap::new() }
    }
}

impl Timeline {
    /// Counts an alert; bars become wider when there would be too many.
    pub(super) fn add(&mut self, seconds: i64, severity: Severity) {
        self.counts.entry(seconds.div_euclid(self.width)).or_default()[severity as usize] += 1;
        while self.bars() > BARS {
            let wider = WIDTHS.into_iter().find(|&width| width > self.width).unwrap_or(self.width * 2);
            let times = wider / self.width;
            for (at, bar) in std::mem::take(&mut self.counts) {
                let sum = self.counts.entry(at.div_euclid(times)).or_default();
                sum.iter_mut().zip(bar).for_each(|(sum, count)| *sum += count);
            }
            self.width = wider;
        }
    }

    fn first(&self) -> i64 {
        self.counts.keys().next().copied().unwrap_or_default()
    }

    /// How many bars there are, empty ones included.
    pub(super) fn bars(&self) -> i64 {
        self.counts.keys().next_back().map_or(0, |last| last - self.first() + 1)
    }

    /// Bars that are not empty, each with its place from the left and its begin in seconds since 1970.
    pub(super) fn filled(&self) -> impl Iterator<Item = (i64, i64, &Bar)> {
        let first = self.first();
        self.counts.iter().map(move |(at, bar)| (at - first, at * self.width, bar))
    }

    /// Where the first bar begins and the last one ends.
    pub(super) fn ends(&self) -> (i64, i64) {
        (self.first() * self.width, (self.first() + self.bars()) * self.width)
    }

    /// Alerts of the fullest bar.
    pub(super) fn most(&self) -> u64 {
        self.counts.values().map(|bar| bar.iter().sum()).max().unwrap_or_default()
    }

    /// The width in words.
    pub(super) fn unit(&self) -> String {
        let (number, unit) = match self.width {
            width if width < HOUR => (width / MINUTE, "minute"),
            width if width < DAY => (width / HOUR, "hour"),
            width => (width / DAY, "day"),
        };
        if number == 1 { unit.to_owned() } else { format!("{number} {unit}s") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_hold_every_alert_and_fit() {
        let year = 365 * DAY;
        for (times, unit) in [
            (vec![5], "minute"),
            (vec![0, 95 * MINUTE + 59], "minute"),
            (vec![96 * MINUTE, 0], "5 minutes"),
            (vec![-3, 90 * DAY, 17], "day"),
            (vec![-1970 * year, 8029 * year, 0, 0], "46592 days"),
        ] {
            let mut line = Timeline::default();
            times.iter().for_each(|&time| line.add(time, Severity::High));
            let sum: u64 = line.filled().flat_map(|(_, _, bar)| bar).sum();
            assert_eq!((line.unit().as_str(), sum), (unit, times.len() as u64), "{times:?}");
            let (from, to) = line.ends();
            assert!(
                line.bars() <= BARS && times.iter().all(|time| (from..to).contains(time)),
                "{times:?}: {from} to {to}"
            );
        }
    }
}
