//! Keeps a rule that hangs or crashes at bay, for a while and never for good: an attacker who can make a rule slow
//! must not be able to switch it off.

use std::collections::HashMap;
use std::time::{Duration, Instant};

/// So many failures by timeout or crash without a good answer between them raise the fence.
pub(super) const STRIKES: u32 = 3;
/// How long it stands the first time; doubled each time after.
const FIRST: Duration = Duration::from_secs(60);
const LONGEST: Duration = Duration::from_secs(15 * 60);

/// The fences of all rules.
#[derive(Default)]
pub(super) struct Fences {
    rules: HashMap<u32, Fence>,
}

#[derive(Default)]
struct Fence {
    strikes: u32,
    raised: u32,
    until: Option<Instant>,
}

impl Fences {
    /// Notes a timeout or a crash. Returns for how long the rule is fenced, if this raised the fence.
    pub(super) fn strike(&mut self, rule: u32, now: Instant) -> Option<Duration> {
        let fence = self.rules.entry(rule).or_default();
        fence.strikes += 1;
        if fence.strikes < STRIKES {
            return None;
        }
        // After a cool-down one more failure is enough.
        fence.strikes = STRIKES - 1;
        let cool_down = LONGEST.min(FIRST * 2_u32.pow(fence.raised.min(8)));
        fence.raised += 1;
        fence.until = Some(now + cool_down);
        Some(cool_down)
    }

    /// Rules behind a fence now, ascending.
    pub(super) fn fenced(&self, now: Instant) -> Vec<u32> {
        let up = |fence: &Fence| fence.until.is_some_and(|until| now < until);
        let mut rules: Vec<u32> = self.rules.iter().filter(|(_, fence)| up(fence)).map(|(&rule, _)| rule).collect();
        rules.sort_unstable();
        rules
    }

    /// A batch went through in which no rule but `struck` failed so: the others that were let in again are forgiven.
    pub(super) fn forgive_except(&mut self, struck: &[u32], now: Instant) {
        self.rules.retain(|rule, fence| struck.contains(rule) || fence.until.is_some_and(|until| now < until));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fence_rises_doubles_and_cools_down() {
        let (mut fences, start) = (Fences::default(), Instant::now());
        assert_eq!((fences.strike(7, start), fences.strike(7, start)), (None, None));
        assert_eq!(fences.strike(7, start), Some(FIRST));
        assert_eq!(fences.fenced(start), [7]);
        let later = start + FIRST;
        assert!(fences.fenced(later).is_empty());
        assert_eq!(fences.strike(7, later), Some(2 * FIRST), "one failure after the cool-down is enough");
        for _ in 0..20 {
            fences.strike(7, later);
        }
        assert_eq!(fences.strike(7, later), Some(LONGEST));
    }

    #[test]
    fn a_good_batch_forgives() {
        let (mut fences, now) = (Fences::default(), Instant::now());
        fences.strike(1, now);
        fences.strike(1, now);
        fences.forgive_except(&[], now);
        assert_eq!(fences.strike(1, now), None);
    }
}
