//! Which records were already seen in this run.
//!
//! Real trails deliver the same event twice, in two files. A record is a repeat only if an object that is already
//! *done* carried the same event id with the same bytes. What an object in progress has seen is kept apart and counts
//! only once it is done, so objects in progress never hide each other's records, and a failed object hides nothing.
//! In doubt a record is evaluated: a repeat is cheap, a loss is not.
//!
//! Memory is bounded: records are remembered by the hour of their event time, and hours older than the window (against
//! the newest hour met), or more entries than the cap, are forgotten.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::{BuildHasher as _, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use time::Date;
use xxhash_rust::xxh3::xxh3_128_with_seed;

use crate::json;

/// Hours of event time that are remembered.
const WINDOW_HOURS: i64 = 24;
/// About 64 bytes each.
const MAX_ENTRIES: usize = 400_000;

/// What makes two records the same: the event id, and all bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fingerprint {
    hour: i64,
    id: u128,
    bytes: u128,
}

/// The memory of one run.
pub(crate) struct Repeats {
    /// Chosen anew for every run, so that nobody can prepare two records that look the same to us.
    seed: u64,
    done: Mutex<Done>,
}

#[derive(Default)]
struct Done {
    hours: BTreeMap<i64, Hour>,
    entries: usize,
}

#[derive(Default)]
struct Hour {
    records: HashMap<u128, u128>,
    matches: HashSet<[u8; 16]>,
}

/// What one object in progress has seen.
#[derive(Default)]
pub(crate) struct Seen {
    records: Vec<Fingerprint>,
    matches: Vec<Match>,
}

/// A match that an object has printed or is about to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Match {
    /// Of the event time; without one it is soon forgotten.
    hour: i64,
    /// First half of the SHA-256 that names the match.
    pub(crate) id: [u8; 16],
}

impl Match {
    /// A match by its id and the time of its event, in seconds since 1970.
    pub(crate) fn new(id: [u8; 16], time: Option<i64>) -> Self {
        Self { hour: time.map_or(i64::MIN, |seconds| seconds.div_euclid(3600)), id }
    }
}

impl Repeats {
    pub(crate) fn new() -> Self {
        Self { seed: RandomState::new().hash_one("iota"), done: Mutex::default() }
    }

    /// The fingerprint of a record that has an event id and an event time of the usual forms; others are never repeats.
    pub(crate) fn fingerprint(&self, record: &[u8]) -> Option<Fingerprint> {
        let (mut id, mut time) = (None, None);
        for (key, value) in json::Members::of(record) {
            match key {
                b"eventID" => id = Some(value),
                b"eventTime" => time = Some(value),
                _ => {}
            }
        }
        let id = id.filter(|raw| raw.len() > 2 && raw[0] == b'"')?;
        Some(Fingerprint {
            hour: hour_of(time?)?,
            id: xxh3_128_with_seed(id, self.seed),
            bytes: xxh3_128_with_seed(record, self.seed),
        })
    }

    /// True if a done object carried this very record. Otherwise the object in progress now has it.
    pub(crate) fn is_repeat(&self, seen: &mut Seen, fingerprint: Fingerprint) -> bool {
        let done = lock(&self.done);
        let known = done.hours.get(&fingerprint.hour).and_then(|hour| hour.records.get(&fingerprint.id));
        if known == Some(&fingerprint.bytes) {
            return true;
        }
        drop(done);
        seen.records.push(fingerprint);
        false
    }

    /// Prints those of an object's lines whose match no done object has printed. Returns how many.
    pub(crate) fn print_new<E>(
        &self,
        seen: &mut Seen,
        matches: impl IntoIterator<Item = Match>,
        print: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<u64, E> {
        lock(&self.done).print_new(seen, matches, print)
    }

    /// Prints the last lines of an object; if it is `done`, what it has seen and printed counts from now on. Both
    /// under one lock, so that of two objects that end together only one prints a match.
    pub(crate) fn settle<E>(
        &self,
        mut seen: Seen,
        done: bool,
        matches: impl IntoIterator<Item = Match>,
        print: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut memory = lock(&self.done);
        let printed = memory.print_new(&mut seen, matches, print)?;
        if done {
            for known in seen.matches {
                memory.remember(known.hour, |hour| hour.matches.insert(known.id));
            }
            for record in seen.records {
                memory.remember(record.hour, |hour| hour.records.insert(record.id, record.bytes).is_none());
            }
            memory.forget();
        }
        Ok(printed)
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Done {
    /// Calls `print` with the position of each match that is not known.
    fn print_new<E>(
        &self,
        seen: &mut Seen,
        matches: impl IntoIterator<Item = Match>,
        mut print: impl FnMut(usize) -> Result<(), E>,
    ) -> Result<u64, E> {
        let mut printed = 0;
        for (position, found) in matches.into_iter().enumerate() {
            if !self.hours.get(&found.hour).is_some_and(|hour| hour.matches.contains(&found.id)) {
                print(position)?;
                printed += 1;
                seen.matches.push(found);
            }
        }
        Ok(printed)
    }

    fn remember(&mut self, hour: i64, insert: impl FnOnce(&mut Hour) -> bool) {
        self.entries += usize::from(insert(self.hours.entry(hour).or_default()));
    }

    fn forget(&mut self) {
        let Some(newest) = self.hours.keys().next_back().copied() else { return };
        while let Some((&oldest, hour)) = self.hours.first_key_value() {
            if self.entries <= MAX_ENTRIES && oldest.saturating_add(WINDOW_HOURS) >= newest {
                break;
            }
            self.entries -= hour.records.len() + hour.matches.len();
            self.hours.pop_first();
        }
    }
}

/// Hours since 1970 of a raw JSON string like `"2026-03-14T09:05:00Z"`.
fn hour_of(raw: &[u8]) -> Option<i64> {
    let raw = raw.strip_prefix(b"\"")?;
    let number = |from: usize, to: usize| std::str::from_utf8(raw.get(from..to)?).ok()?.parse::<u16>().ok();
    let date = Date::from_calendar_date(
        i32::from(number(0, 4)?),
        u8::try_from(number(5, 7)?).ok()?.try_into().ok()?,
        u8::try_from(number(8, 10)?).ok()?,
    )
    .ok()?;
    let hour = number(11, 13).filter(|&hour| hour < 24)?;
    let days = date.to_julian_day() - 2_440_588;
    Some(i64::from(days) * 24 + i64::from(hour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, hour: u32, rest: &str) -> Vec<u8> {
        format!(
            r#"{{"eventTime":"2026-03-{:02}T{:02}:00:00Z","eventID":"{id}","x":"{rest}"}}"#,
            1 + hour / 24,
            hour % 24
        )
        .into_bytes()
    }

    fn is_repeat(repeats: &Repeats, seen: &mut Seen, record: &[u8]) -> bool {
        repeats.is_repeat(seen, repeats.fingerprint(record).expect("a usual record"))
    }

    fn settle(repeats: &Repeats, seen: Seen, done: bool, matches: &[u8]) -> u64 {
        let matches = matches.iter().map(|&id| Match { hour: 0, id: [id; 16] });
        repeats.settle(seen, done, matches, |_| Ok::<(), ()>(())).expect("printing can't fail")
    }

    #[test]
    fn only_done_objects_hide_a_record() {
        let repeats = Repeats::new();
        let (mut a, mut b) = (Seen::default(), Seen::default());
        assert!(!is_repeat(&repeats, &mut a, &record("1", 0, "")));
        assert!(!is_repeat(&repeats, &mut a, &record("1", 0, "")), "within one object");
        assert!(!is_repeat(&repeats, &mut b, &record("1", 0, "")), "a is in progress");
        settle(&repeats, a, false, &[]);
        assert!(!is_repeat(&repeats, &mut b, &record("1", 0, "")), "a has failed");
        settle(&repeats, b, true, &[]);
        let mut c = Seen::default();
        assert!(is_repeat(&repeats, &mut c, &record("1", 0, "")), "b is done");
        assert!(!is_repeat(&repeats, &mut c, &record("1", 0, "other")), "the same id with other bytes");
    }

    #[test]
    fn a_match_is_printed_once_by_done_objects() {
        let repeats = Repeats::new();
        assert_eq!(settle(&repeats, Seen::default(), false, &[1]), 1, "a failed object prints");
        assert_eq!(settle(&repeats, Seen::default(), true, &[1, 2]), 2, "and hides nothing");
        assert_eq!(settle(&repeats, Seen::default(), true, &[1, 2, 3]), 1);
    }

    #[test]
    fn old_hours_are_forgotten() {
        let repeats = Repeats::new();
        let mut seen = Seen::default();
        for hour in [0, 20, 30] {
            is_repeat(&repeats, &mut seen, &record("1", hour, ""));
        }
        settle(&repeats, seen, true, &[]);
        let mut seen = Seen::default();
        let got: Vec<_> = [0, 20, 30].map(|hour| is_repeat(&repeats, &mut seen, &record("1", hour, ""))).into();
        assert_eq!(got, [false, true, true]);
    }

    #[test]
    fn records_without_id_or_time_are_never_repeats() {
        let repeats = Repeats::new();
        for record in [
            r#"{"eventID":"1"}"#,
            r#"{"eventTime":"2026-03-14T09:05:00Z"}"#,
            r#"{"eventID":1,"eventTime":"2026-03-14T09:05:00Z"}"#,
            r#"{"eventID":"1","eventTime":"yesterday"}"#,
            r#"{"eventID":"","eventTime":"2026-03-14T09:05:00Z"}"#,
        ] {
            assert_eq!(repeats.fingerprint(record.as_bytes()), None, "{record}");
        }
        assert_eq!(hour_of(br#""1970-01-02T03:00:00Z""#), Some(27));
    }
}
