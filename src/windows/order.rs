//! Entries in the order of event time and event id, however many there are: sorted in memory, and beyond that in
//! sorted stretches of a temporary file that are merged as they are read.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::FileExt as _;

use crate::model::Severity;

/// So many entries stay in memory: about 8 MB.
const IN_MEMORY: usize = 64 * 1024;
/// So many entries of a stretch are read at once.
const READ_AHEAD: usize = 256;
/// An event id's beginning decides the order; CloudTrail's have 36 bytes.
const ID_BYTES: usize = 40;
const ENTRY_BYTES: usize = 8 + ID_BYTES + 4 + 16 + 16 + 1 + 16 + 9 + 16;

/// One match, without its text. The order of the fields is the order of entries.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Entry {
    /// Seconds since 1970, `i64::MIN` without an event time.
    pub(super) time: i64,
    pub(super) event_id: [u8; ID_BYTES],
    pub(super) rule: u32,
    pub(super) match_id: [u8; 16],
    pub(super) severity: Severity,
    /// Hash of the dedup key.
    pub(super) dedup: u128,
    /// Hash of what `unique()` said.
    pub(super) unique: Option<u64>,
    /// Offset and length of its alert.
    pub(super) body: (u64, u64),
}

/// The beginning of an event id.
pub(super) fn prefix(id: &[u8]) -> [u8; ID_BYTES] {
    let mut prefix = [0; ID_BYTES];
    let length = id.len().min(ID_BYTES);
    prefix[..length].copy_from_slice(&id[..length]);
    prefix
}

impl Entry {
    fn encode(&self) -> [u8; ENTRY_BYTES] {
        let mut out = [0; ENTRY_BYTES];
        let mut rest = &mut out[..];
        let mut put = |bytes: &[u8]| {
            let (head, tail) = std::mem::take(&mut rest).split_at_mut(bytes.len());
            head.copy_from_slice(bytes);
            rest = tail;
        };
        put(&self.time.to_le_bytes());
        put(&self.event_id);
        put(&self.rule.to_le_bytes());
        put(&self.match_id);
        put(&[self.severity as u8]);
        put(&self.dedup.to_le_bytes());
        put(&[u8::from(self.unique.is_some())]);
        put(&self.unique.unwrap_or_default().to_le_bytes());
        put(&self.body.0.to_le_bytes());
        put(&self.body.1.to_le_bytes());
        out
    }

    fn decode(bytes: &[u8; ENTRY_BYTES]) -> Self {
        fn take<const N: usize>(rest: &mut &[u8]) -> [u8; N] {
            let mut taken = [0; N];
            let (head, tail) = rest.split_at(N);
            taken.copy_from_slice(head);
            *rest = tail;
            taken
        }
        let rest = &mut &bytes[..];
        Self {
            time: i64::from_le_bytes(take(rest)),
            event_id: take(rest),
            rule: u32::from_le_bytes(take(rest)),
            match_id: take(rest),
            severity: Severity::ALL[usize::from(take::<1>(rest)[0]).min(4)],
            dedup: u128::from_le_bytes(take(rest)),
            unique: {
                let [is_some] = take(rest);
                let value = u64::from_le_bytes(take(rest));
                (is_some == 1).then_some(value)
            },
            body: (u64::from_le_bytes(take(rest)), u64::from_le_bytes(take(rest))),
        }
    }
}

/// Takes entries in any order and gives them back sorted.
#[derive(Default)]
pub(super) struct Sorter {
    fresh: Vec<Entry>,
    spilt: Option<Spilt>,
}

/// Sorted stretches, one behind the other.
struct Spilt {
    file: File,
    /// Where each stretch ends, in entries.
    ends: Vec<u64>,
}

impl Sorter {
    pub(super) fn add(&mut self, entry: Entry) -> io::Result<()> {
        self.fresh.push(entry);
        if self.fresh.len() >= IN_MEMORY { self.spill() } else { Ok(()) }
    }

    fn spill(&mut self) -> io::Result<()> {
        self.fresh.sort_unstable();
        if self.spilt.is_none() {
            self.spilt = Some(Spilt { file: tempfile::tempfile()?, ends: Vec::new() });
        }
        let Some(spilt) = &mut self.spilt else { return Ok(()) };
        let mut out = BufWriter::new(&spilt.file);
        for entry in &self.fresh {
            out.write_all(&entry.encode())?;
        }
        out.flush()?;
        drop(out);
        let begin = spilt.ends.last().copied().unwrap_or_default();
        spilt.ends.push(begin + self.fresh.len() as u64);
        self.fresh.clear();
        Ok(())
    }

    /// No more entries come.
    pub(super) fn finish(&mut self) -> io::Result<()> {
        if self.spilt.is_some() && !self.fresh.is_empty() {
            return self.spill();
        }
        self.fresh.sort_unstable();
        Ok(())
    }

    /// All entries in order, as often as it is called; after [`Self::finish`].
    pub(super) fn sorted(&self) -> io::Result<Box<dyn Iterator<Item = io::Result<Entry>> + '_>> {
        Ok(match &self.spilt {
            None => Box::new(self.fresh.iter().cloned().map(Ok)),
            Some(spilt) => Box::new(Merge::new(spilt)?),
        })
    }
}

/// Reads all stretches at once and always gives the least.
struct Merge<'a> {
    stretches: Vec<Stretch<'a>>,
    heads: BinaryHeap<Reverse<(Entry, usize)>>,
}

impl<'a> Merge<'a> {
    fn new(spilt: &'a Spilt) -> io::Result<Self> {
        let mut begin = 0;
        let mut merge = Self { stretches: Vec::new(), heads: BinaryHeap::new() };
        for (number, &end) in spilt.ends.iter().enumerate() {
            let mut stretch = Stretch { file: &spilt.file, next: begin, end, ahead: Vec::new() };
            if let Some(head) = stretch.next()? {
                merge.heads.push(Reverse((head, number)));
            }
            merge.stretches.push(stretch);
            begin = end;
        }
        Ok(merge)
    }
}

impl Iterator for Merge<'_> {
    type Item = io::Result<Entry>;

    fn next(&mut self) -> Option<Self::Item> {
        let Reverse((entry, number)) = self.heads.pop()?;
        match self.stretches[number].next() {
            Ok(Some(head)) => self.heads.push(Reverse((head, number))),
            Ok(None) => {}
            Err(error) => return Some(Err(error)),
        }
        Some(Ok(entry))
    }
}

struct Stretch<'a> {
    file: &'a File,
    next: u64,
    end: u64,
    /// Entries that were read already, the next one last.
    ahead: Vec<Entry>,
}

impl Stretch<'_> {
    fn next(&mut self) -> io::Result<Option<Entry>> {
        if self.ahead.is_empty() {
            let left = usize::try_from(self.end - self.next).unwrap_or(READ_AHEAD).min(READ_AHEAD);
            let mut bytes = vec![0; left * ENTRY_BYTES];
            self.file.read_exact_at(&mut bytes, self.next * ENTRY_BYTES as u64)?;
            self.next += left as u64;
            let (entries, _) = bytes.as_chunks::<ENTRY_BYTES>();
            self.ahead = entries.iter().rev().map(Entry::decode).collect();
        }
        Ok(self.ahead.pop())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back_in_order_from_memory_and_from_disk() {
        for count in [0, 1, 1000, 3 * IN_MEMORY as u64 + 17] {
            let mut sorter = Sorter::default();
            for n in 0..count {
                // Every number below `count` once, shuffled: 7919 is a prime that divides none of them.
                let n = n * 7919 % count;
                let time = i64::try_from(n / 3).expect("small");
                sorter
                    .add(Entry {
                        time,
                        event_id: prefix(format!("{:09}", n % 3).as_bytes()),
                        rule: 1,
                        match_id: [3; 16],
                        severity: Severity::High,
                        dedup: u128::from(n) << 64,
                        unique: (n % 2 == 0).then_some(n),
                        body: (n, n + 1),
                    })
                    .expect("room on disk");
            }
            sorter.finish().expect("room on disk");
            for _ in 0..2 {
                let got: Vec<u64> =
                    sorter.sorted().expect("sorted").map(|entry| entry.expect("read back").body.0).collect();
                assert!(got.iter().copied().eq(0..count), "{count} entries: {} came, or out of order", got.len());
            }
            let odd = sorter.sorted().expect("sorted").nth(1).map(|entry| entry.expect("read back"));
            if let Some(odd) = odd {
                assert_eq!((odd.unique, odd.dedup, odd.body), (None, 1 << 64, (1, 2)));
            }
        }
    }
}
