//! Matches in, groups out: which matches make one alert.
//!
//! A group is a rule and a dedup key. Its first match opens a window of `DedupPeriodMinutes` over event time; the
//! matches inside make one alert if they reach the rule's threshold, and the first of them is what is told. Matches
//! are kept, compact and on disk beyond a few megabytes, until all of them are there, and are then grouped in the
//! order of event time and event id: what comes out depends on the records alone, never on the order of files.
//!
//! `order` sorts what does not fit into memory, `store` remembers the open windows.

mod order;
mod store;

use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};

use tempfile::SpooledTempFile;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

use crate::error::ObjectFault;
use crate::model::Severity;
use crate::rulepack::Rule;
use order::{Entry, Sorter};
use store::{Memory, Store};

/// Alerts that wait take so much memory before they go to a temporary file that has no name.
const BODIES_IN_MEMORY: usize = 4 * 1024 * 1024;

/// One match.
pub(crate) struct Found<'a> {
    /// Index of its rule.
    pub(crate) rule: u32,
    /// Seconds since 1970. Without an event time a match stands alone, unless its rule has a threshold.
    pub(crate) time: Option<i64>,
    pub(crate) event_id: &'a [u8],
    pub(crate) match_id: [u8; 16],
    pub(crate) dedup: &'a str,
    /// What the rule's `unique()` said: then different values count, not matches.
    pub(crate) unique: Option<&'a str>,
    pub(crate) severity: Severity,
    /// The alert it would make alone.
    pub(crate) body: &'a [u8],
}

/// A match whose group is known.
pub(crate) struct Settled {
    pub(crate) time: Option<i64>,
    pub(crate) match_id: [u8; 16],
    pub(crate) severity: Severity,
    pub(crate) body: Vec<u8>,
}

/// What became of a match.
pub(crate) enum Told {
    /// The first of a window that reached its threshold, and how many matches the window holds.
    Alert(u64),
    /// In a window that did not.
    Below,
}

/// The matches that wait.
pub(crate) struct Windows {
    entries: Sorter,
    bodies: SpooledTempFile,
    end: u64,
    /// A match that came twice counts once.
    once: bool,
}

/// What is known of a window when all its matches have been counted.
struct Tally {
    matches: u64,
    reached: bool,
}

impl Windows {
    pub(crate) fn new(once: bool) -> Self {
        Self { entries: Sorter::default(), bodies: SpooledTempFile::new(BODIES_IN_MEMORY), end: 0, once }
    }

    /// How many bytes of alerts wait.
    pub(crate) fn bytes(&self) -> u64 {
        self.end
    }

    pub(crate) fn add(&mut self, found: &Found<'_>) -> Result<(), ObjectFault> {
        self.keep(found).map_err(waiting)
    }

    fn keep(&mut self, found: &Found<'_>) -> io::Result<()> {
        self.bodies.write_all(found.body)?;
        self.entries.add(Entry {
            time: found.time.unwrap_or(i64::MIN),
            event_id: order::prefix(found.event_id),
            rule: found.rule,
            match_id: found.match_id,
            severity: found.severity,
            dedup: xxh3_128(found.dedup.as_bytes()),
            unique: found.unique.map(|value| xxh3_64(value.as_bytes())),
            body: (self.end, found.body.len() as u64),
        })?;
        self.end += found.body.len() as u64;
        Ok(())
    }

    /// Groups all matches and tells of each group's first, or of each match of a group below its threshold, in the
    /// order of event time.
    pub(crate) fn settle(
        mut self,
        rules: &[Rule],
        mut tell: impl FnMut(Told, Settled) -> Result<(), ObjectFault>,
    ) -> Result<(), ObjectFault> {
        self.entries.finish().map_err(waiting)?;
        // Which window a match is in follows from the order alone: the second pass numbers them as the first did.
        let mut tallies: Vec<Tally> = Vec::new();
        self.each(rules, |_, rule, _, joined| {
            if joined.opened {
                tallies.push(Tally { matches: 0, reached: false });
            }
            let tally = &mut tallies[joined.window];
            tally.matches += 1;
            tally.reached |= joined.counted >= u64::from(rule.threshold);
            Ok(())
        })?;
        self.each(rules, |bodies, _, entry, joined| {
            let tally = &tallies[joined.window];
            let told = match (tally.reached, joined.opened) {
                (true, true) => Told::Alert(tally.matches),
                (true, false) => return Ok(()),
                (false, _) => Told::Below,
            };
            let body = read(bodies, entry.body).map_err(waiting)?;
            let time = Some(entry.time).filter(|&time| time != i64::MIN);
            tell(told, Settled { time, match_id: entry.match_id, severity: entry.severity, body })
        })
    }

    fn each(
        &mut self,
        rules: &[Rule],
        mut visit: impl FnMut(&mut SpooledTempFile, &Rule, &Entry, store::Joined) -> Result<(), ObjectFault>,
    ) -> Result<(), ObjectFault> {
        let mut store = Memory::default();
        let mut last = None;
        let Self { entries, bodies, once, .. } = self;
        for entry in entries.sorted().map_err(waiting)? {
            let entry = entry.map_err(waiting)?;
            let Some(rule) = rules.get(entry.rule as usize) else { continue };
            // Equal ids are neighbours: they share the event time and the event id.
            let this = Some((entry.rule, entry.match_id));
            if *once && std::mem::replace(&mut last, this) == this {
                continue;
            }
            let joined = store.join(rule, &entry);
            visit(bodies, rule, &entry, joined)?;
        }
        Ok(())
    }
}

fn read(bodies: &mut SpooledTempFile, (offset, length): (u64, u64)) -> io::Result<Vec<u8>> {
    let mut body = vec![0; usize::try_from(length).map_err(io::Error::other)?];
    bodies.seek(SeekFrom::Start(offset))?;
    bodies.read_exact(&mut body)?;
    Ok(body)
}

fn waiting(error: io::Error) -> ObjectFault {
    ObjectFault::Waiting(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Matches as (time, event id, dedup); what is told as `id xCOUNT` or `id below`.
    #[track_caller]
    fn check(rule: Rule, once: bool, matches: &[(i64, &str, &str)], want: &[&str]) {
        let rules = [rule];
        for reversed in [false, true] {
            let mut windows = Windows::new(once);
            let mut order: Vec<_> = matches.iter().collect();
            if reversed {
                order.reverse();
            }
            for &&(time, id, dedup) in &order {
                let mut match_id = [0; 16];
                match_id[..id.len()].copy_from_slice(id.as_bytes());
                let severity = Severity::Low;
                let found = Found {
                    rule: 0,
                    time: Some(time),
                    event_id: id.as_bytes(),
                    match_id,
                    dedup,
                    unique: None,
                    severity,
                    body: id.as_bytes(),
                };
                windows.add(&found).expect("room");
            }
            let mut got = Vec::new();
            let told = windows.settle(&rules, |told, settled| {
                let id = String::from_utf8_lossy(&settled.body).into_owned();
                got.push(match told {
                    Told::Alert(count) => format!("{id} x{count}"),
                    Told::Below => format!("{id} below"),
                });
                Ok(())
            });
            told.expect("told");
            assert_eq!(got, want, "reversed: {reversed}");
        }
    }

    #[test]
    fn the_first_match_of_a_window_speaks_for_it_in_any_order_of_files() {
        let matches = [(0, "a", "k"), (60, "b", "k"), (3599, "c", "k"), (3600, "d", "k"), (10, "e", "other")];
        check(Rule::for_tests(60, 1, false), true, &matches, &["a x3", "e x1", "d x1"]);
    }

    #[test]
    fn a_threshold_that_is_not_reached_leaves_signals() {
        let matches = [(0, "a", "k"), (1, "b", "k"), (4000, "c", "k"), (4001, "d", "k"), (4002, "e", "k")];
        check(Rule::for_tests(60, 3, false), true, &matches, &["a below", "b below", "c x3"]);
    }

    #[test]
    fn a_match_that_came_twice_counts_once_where_repeats_do() {
        let matches = [(0, "a", "k"), (0, "a", "k"), (1, "b", "k")];
        check(Rule::for_tests(60, 1, false), true, &matches, &["a x2"]);
        check(Rule::for_tests(60, 1, false), false, &matches, &["a x3"]);
    }
}
