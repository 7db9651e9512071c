//! One walk over a record: is it JSON as Python reads it, and where are the members that conditions test?
//!
//! In: the text of a record and the [`Paths`] that conditions ask for. Out: [`Slots`], one for each path. Members that
//! nobody asks for are checked and passed by. Separate because Python's word is final: whatever its `json` would
//! refuse, or is too odd to be sure of, is not understood here, and such a record goes to Python whole.

use std::collections::HashMap;

use foldhash::fast::FixedState;
use wide::u8x16;

use super::value::ascii_text;
use crate::json;

/// A record nested deeper goes to Python whole. This is the default limit of the splitter too.
const DEPTH: usize = 128;
/// Python refuses longer integers; well below its limit, so that nobody has to count to the digit.
const NUMBER_BYTES: usize = 4_000;
/// Bytes that hold most keys, and most values: one lane, and two.
const KEY: usize = 16;
const VALUE: usize = 32;

/// The paths of all terms, as a tree: which keys are asked of which object.
pub(super) struct Paths {
    /// By node, its part of `table`: the start, and its length less one, a power of two; `None` if nothing is asked.
    nodes: Vec<Option<(u32, u32)>>,
    table: Vec<Entry>,
    names: Vec<u8>,
}

/// A key that is asked of an object.
#[derive(Clone, Copy)]
struct Entry {
    /// Of the key; none is so long as [`NOTHING`].
    len: u32,
    /// Of the key, in `names`.
    start: u32,
    node: u32,
}

const NOTHING: Entry = Entry { len: u32::MAX, start: 0, node: 0 };

/// Collects paths.
#[derive(Default)]
pub(super) struct PathsBuilder {
    /// By node, its keys as they are written first, each with its node.
    children: Vec<Vec<(Box<[u8]>, u32)>>,
    known: HashMap<(u32, Box<[u8]>), u32, FixedState>,
}

/// A mix of what is quickly seen of a key, blind to case.
#[inline]
fn mix(key: &[u8]) -> u32 {
    let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
    let letters = u32::from(first | 0x20) | u32::from(last | 0x20) << 8;
    (letters << 8 | key.len() as u32).wrapping_mul(0x9e37_79b1) >> 16
}

impl PathsBuilder {
    /// With nothing but the event itself.
    pub(super) fn new() -> Self {
        Self { children: vec![Vec::new()], known: HashMap::default() }
    }

    /// The node of member `key` of `parent`, made if need be.
    pub(super) fn child(&mut self, parent: u32, key: &[u8]) -> u32 {
        let next = self.children.len() as u32;
        let node = *self.known.entry((parent, key.to_ascii_lowercase().into())).or_insert(next);
        if node == next {
            self.children[parent as usize].push((key.into(), node));
            self.children.push(Vec::new());
        }
        node
    }

    pub(super) fn build(self) -> Paths {
        let mut paths = Paths { nodes: Vec::new(), table: Vec::new(), names: Vec::new() };
        for children in &self.children {
            if children.is_empty() {
                paths.nodes.push(None);
                continue;
            }
            // Thin, so that most keys that nobody asks for meet nothing.
            let (start, len) = (paths.table.len(), (children.len() * 6).next_power_of_two());
            paths.table.resize(start + len, NOTHING);
            paths.nodes.push(Some((start as u32, len as u32 - 1)));
            for (key, node) in children {
                let mut slot = mix(key) as usize % len;
                while paths.table[start + slot].len != NOTHING.len {
                    slot = (slot + 1) % len;
                }
                let entry = Entry { len: key.len() as u32, start: paths.names.len() as u32, node: *node };
                paths.table[start + slot] = entry;
                paths.names.extend_from_slice(key);
            }
        }
        paths
    }
}

impl Paths {
    /// The node of the event itself.
    pub(super) const ROOT: u32 = 0;

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    fn find(&self, node: u32, key: &[u8]) -> Option<u32> {
        let (start, mask) = self.nodes[node as usize]?;
        let mut slot = mix(key) & mask;
        loop {
            let entry = self.table.get((start + slot) as usize)?;
            if entry.len == NOTHING.len {
                return None;
            }
            if entry.len as usize == key.len() {
                let name = &self.names[entry.start as usize..][..key.len()];
                if name == key || name.eq_ignore_ascii_case(key) {
                    return Some(entry.node);
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    fn is_leaf(&self, node: u32) -> bool {
        self.nodes[node as usize].is_none()
    }
}

/// What a record holds under one path, as the place of the raw value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Missing,
    /// The key is there twice, but for case.
    Twice,
    At(u32, u32),
}

#[derive(Default, Clone, Copy)]
struct Slot {
    start: u32,
    end: u32,
    /// The record in which the member was last seen.
    round: u32,
    twice: bool,
    /// The record in which the value was last an object with a key that is not ASCII.
    odd_round: u32,
}

/// What one record holds under each path.
#[derive(Default)]
pub(super) struct Slots {
    slots: Vec<Slot>,
    /// Counts records, so that nothing has to be cleared between them.
    round: u32,
    plain: bool,
}

impl Slots {
    /// Forgets the record before.
    fn next_round(&mut self, len: usize) {
        self.slots.resize(len, Slot::default());
        self.round = self.round.wrapping_add(1);
        if self.round == 0 {
            self.slots.fill(Slot::default());
            self.round = 1;
        }
    }

    #[inline]
    fn put(&mut self, node: u32, start: usize, end: usize) {
        let round = self.round;
        let slot = &mut self.slots[node as usize];
        slot.twice = slot.round == round;
        (slot.start, slot.end, slot.round) = (start as u32, end as u32, round);
    }

    /// Notes that the object under this path has a key that is not ASCII.
    #[cold]
    fn odd_key(&mut self, node: u32) {
        self.slots[node as usize].odd_round = self.round;
    }

    pub(super) fn get(&self, node: u32) -> Member {
        match self.slots.get(node as usize) {
            Some(slot) if slot.round != self.round => Member::Missing,
            Some(slot) if !slot.twice => Member::At(slot.start, slot.end),
            _ => Member::Twice,
        }
    }

    /// True if the object under this path has a key that is not ASCII.
    pub(super) fn has_odd_keys(&self, node: u32) -> bool {
        self.slots.get(node as usize).is_none_or(|slot| slot.odd_round == self.round)
    }

    /// True if the record is ASCII without a backslash: every string can be taken as it stands.
    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }
}

/// Fills `slots` from `text`; `None` if the record is not understood.
pub(super) fn project(paths: &Paths, slots: &mut Slots, text: &[u8]) -> Option<()> {
    // Places are kept in 32 bits.
    u32::try_from(text.len()).ok()?;
    slots.next_round(paths.len());
    let mut walk = Walk { paths, slots, text, at: 0, high: 0, escapes: false };
    let start = walk.space();
    walk.take(b'{')?;
    walk.asked_object(Paths::ROOT, 1)?;
    let end = walk.at;
    (walk.space() == text.len()).then_some(())?;
    let plain = walk.high == 0 && !walk.escapes;
    slots.plain = plain;
    slots.put(Paths::ROOT, start, end);
    Some(())
}

/// The grammar. Every step leaves `at` behind what it walked over.
struct Walk<'a> {
    paths: &'a Paths,
    slots: &'a mut Slots,
    text: &'a [u8],
    at: usize,
    /// Not zero once a byte above 0x7f was met.
    high: u32,
    /// True once a backslash was met.
    escapes: bool,
}

impl Walk<'_> {
    #[inline]
    fn peek(&self) -> u8 {
        // No token begins with a zero byte.
        self.text.get(self.at).copied().unwrap_or_default()
    }

    /// Passes by white space; there is hardly ever any. Gives the place of what follows.
    #[inline]
    fn space(&mut self) -> usize {
        while json::is_space(self.peek()) {
            self.at += 1;
        }
        self.at
    }

    #[inline]
    fn take(&mut self, byte: u8) -> Option<()> {
        if self.peek() != byte {
            self.space();
            (self.peek() == byte).then_some(())?;
        }
        self.at += 1;
        Some(())
    }

    /// True at the byte that closes a list or object, which is passed by; false at a comma, which is too.
    #[inline]
    fn closes(&mut self, bracket: u8) -> Option<bool> {
        if self.peek() != b',' {
            self.space();
        }
        let byte = self.peek();
        self.at += 1;
        (byte == b',' || byte == bracket).then_some(byte == bracket)
    }

    /// An object of which something is asked, behind its opening bracket.
    fn asked_object(&mut self, node: u32, depth: usize) -> Option<()> {
        if self.is_empty(b'}', depth)? {
            return Some(());
        }
        loop {
            self.take(b'"')?;
            let start = self.at;
            let escaped = self.string::<KEY>()?;
            let key = self.text.get(start..self.at - 1)?;
            let child = self.asked(node, key, escaped);
            self.take(b':')?;
            match child {
                None => self.value(depth)?,
                Some(child) => self.asked_value(child, depth)?,
            }
            if self.closes(b'}')? {
                return Some(());
            }
        }
    }

    /// The node of the member `key` of an object, if anyone asks for it.
    #[inline]
    fn asked(&mut self, node: u32, key: &[u8], escaped: bool) -> Option<u32> {
        if !escaped && self.high == 0 {
            return self.paths.find(node, key);
        }
        match ascii_text(key) {
            Some(key) => self.paths.find(node, &key),
            None => {
                self.slots.odd_key(node);
                None
            }
        }
    }

    fn asked_value(&mut self, node: u32, depth: usize) -> Option<()> {
        let start = self.space();
        if self.peek() == b'{' && !self.paths.is_leaf(node) {
            self.at += 1;
            self.asked_object(node, depth + 1)?;
        } else {
            self.value(depth)?;
        }
        self.slots.put(node, start, self.at);
        Some(())
    }

    /// A value of which nothing is asked.
    #[inline]
    fn value(&mut self, depth: usize) -> Option<()> {
        let byte = match self.peek() {
            b' ' | b'\n' | b'\r' | b'\t' => {
                self.space();
                self.peek()
            }
            byte => byte,
        };
        match byte {
            b'"' => {
                self.at += 1;
                self.string::<VALUE>().map(drop)
            }
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            _ => self.word(),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.is_empty(b'}', depth)? {
            return Some(());
        }
        loop {
            self.take(b'"')?;
            self.string::<KEY>()?;
            self.take(b':')?;
            self.value(depth)?;
            if self.closes(b'}')? {
                return Some(());
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        self.at += 1;
        if self.is_empty(b']', depth)? {
            return Some(());
        }
        loop {
            self.value(depth)?;
            if self.closes(b']')? {
                return Some(());
            }
        }
    }

    /// Behind an opening bracket: true if the closing one follows, which is passed by. `None` if this is too deep.
    #[inline]
    fn is_empty(&mut self, bracket: u8, depth: usize) -> Option<bool> {
        (depth <= DEPTH).then_some(())?;
        self.space();
        let empty = self.peek() == bracket;
        self.at += usize::from(empty);
        Some(empty)
    }

    /// The rest of a string behind its opening quote; says whether it has escapes. So many bytes, `N`, are looked at
    /// together that most strings end within them: what is hard to foresee is how often a loop goes round.
    #[inline]
    fn string<const N: usize>(&mut self) -> Option<bool> {
        let mut escaped = false;
        let mut at = self.at;
        loop {
            let Some(block) = self.text.get(at..)?.first_chunk::<N>() else { return self.string_end(at, escaped) };
            let (mut hits, mut high) = (0_u32, 0);
            for (lane, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
                let bytes = u8x16::from(*bytes);
                let quote = bytes.simd_eq(u8x16::splat(b'"'));
                let backslash = bytes.simd_eq(u8x16::splat(b'\\'));
                let control = bytes.min(u8x16::splat(0x1f)).simd_eq(bytes);
                hits |= (quote | backslash | control).to_bitmask() << (lane * 16);
                high |= bytes.to_bitmask();
            }
            self.high |= high;
            if hits == 0 {
                at += N;
                continue;
            }
            at += hits.trailing_zeros() as usize;
            match self.text[at] {
                b'"' => {
                    self.at = at + 1;
                    return Some(escaped);
                }
                b'\\' => at += self.escape(at)?,
                _ => return None,
            }
            escaped = true;
        }
    }

    /// The same for the last bytes of a record.
    #[cold]
    fn string_end(&mut self, mut at: usize, mut escaped: bool) -> Option<bool> {
        loop {
            match *self.text.get(at)? {
                b'"' => {
                    self.at = at + 1;
                    return Some(escaped);
                }
                b'\\' => {
                    at += self.escape(at)?;
                    escaped = true;
                }
                0..0x20 => return None,
                byte => {
                    self.high |= u32::from(byte & 0x80);
                    at += 1;
                }
            }
        }
    }

    /// The length of the escape at `at`, if Python knows it.
    #[inline]
    fn escape(&mut self, at: usize) -> Option<usize> {
        self.escapes = true;
        match self.text.get(at + 1)? {
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't' => Some(2),
            b'u' => self.text.get(at + 2..at + 6)?.iter().all(u8::is_ascii_hexdigit).then_some(6),
            _ => None,
        }
    }

    /// A number, or one of the words that Python's `json` knows. Nothing but a mark can follow: what reads on sees to
    /// that.
    fn word(&mut self) -> Option<()> {
        let text = &self.text[self.at..];
        self.at += match text.first()? {
            b't' => literal(text, b"true"),
            b'f' => literal(text, b"false"),
            b'n' => literal(text, b"null"),
            b'N' => literal(text, b"NaN"),
            b'I' => literal(text, b"Infinity"),
            b'-' if text.get(1) == Some(&b'I') => literal(text, b"-Infinity"),
            _ => number(text),
        }?;
        Some(())
    }
}

fn literal(text: &[u8], word: &[u8]) -> Option<usize> {
    text.starts_with(word).then_some(word.len())
}

/// The length of the number that `text` begins with.
fn number(text: &[u8]) -> Option<usize> {
    let digits = |from: usize| text[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut len = usize::from(text.first() == Some(&b'-'));
    len += match digits(len) {
        0 => return None,
        more if more > 1 && text[len] == b'0' => return None,
        more => more,
    };
    if text.get(len) == Some(&b'.') {
        len += 1 + Some(digits(len + 1)).filter(|&more| more > 0)?;
    }
    if matches!(text.get(len), Some(b'e' | b'E')) {
        len += 1;
        len += usize::from(matches!(text.get(len), Some(b'+' | b'-')));
        len += Some(digits(len)).filter(|&more| more > 0)?;
    }
    (len <= NUMBER_BYTES).then_some(len)
}
