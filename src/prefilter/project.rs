//! One walk over a record: is it JSON as Python reads it, and where are the members that conditions test?
//!
//! In: the text of a record and the [`Paths`] that conditions ask for. Out: [`Slots`], one for each path. Members that
//! nobody asks for are checked and passed by. Separate because Python's word is final: whatever its `json` would
//! refuse, or is too odd to be sure of, is not understood here, and such a record goes to Python whole.

use std::collections::BTreeMap;

use super::tokens::Tokens;
use super::value::ascii_text;
use crate::json;

/// A record nested deeper goes to Python whole. This is the default limit of the splitter too.
const DEPTH: usize = 128;
/// Python refuses longer integers; well below its limit, so that nobody has to count to the digit.
const NUMBER_BYTES: usize = 4_000;
const BUCKETS: usize = 64;

/// The paths of all terms, as a tree: which keys are asked of which object.
pub(super) struct Paths {
    nodes: Vec<PathNode>,
}

#[derive(Default)]
struct PathNode {
    /// Keys in lower case, each with its node.
    children: Vec<(Box<[u8]>, u32)>,
    by_key: BTreeMap<Box<[u8]>, u32>,
    /// By [`bucket`] of their keys, indices into `children`, the first of them.
    buckets: Vec<u16>,
    /// To the next child of the same bucket.
    next: Vec<u16>,
}

const NO_CHILD: u16 = u16::MAX;

/// A mix of what is quickly seen of a key, blind to case.
#[inline]
fn bucket(key: &[u8]) -> usize {
    let (Some(first), Some(last)) = (key.first(), key.last()) else { return 0 };
    (key.len() + 7 * usize::from(first | 0x20) + 13 * usize::from(last | 0x20)) % BUCKETS
}

impl Paths {
    /// The root: the event itself.
    pub(super) fn new() -> Self {
        Self { nodes: vec![PathNode::default()] }
    }

    pub(super) const ROOT: u32 = 0;

    /// The node of member `key` of `parent`, made if need be; `None` if there are too many.
    pub(super) fn child(&mut self, parent: u32, key: &[u8]) -> Option<u32> {
        let key = key.to_ascii_lowercase().into_boxed_slice();
        let (new, node) = (self.nodes.len() as u32, &mut self.nodes[parent as usize]);
        if let Some(found) = node.by_key.get(&key) {
            return Some(*found);
        }
        if node.children.len() >= usize::from(NO_CHILD) {
            return None;
        }
        if node.buckets.is_empty() {
            node.buckets = vec![NO_CHILD; BUCKETS];
        }
        let index = node.children.len() as u16;
        node.next.push(std::mem::replace(&mut node.buckets[bucket(&key)], index));
        node.by_key.insert(key.clone(), new);
        node.children.push((key, new));
        self.nodes.push(PathNode::default());
        Some(new)
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    #[inline]
    fn find(&self, node: u32, key: &[u8]) -> Option<u32> {
        let node = &self.nodes[node as usize];
        let mut index = *node.buckets.get(bucket(key))?;
        while let Some((name, child)) = node.children.get(usize::from(index)) {
            if name.eq_ignore_ascii_case(key) {
                return Some(*child);
            }
            index = node.next[usize::from(index)];
        }
        None
    }

    fn is_leaf(&self, node: u32) -> bool {
        self.nodes[node as usize].children.is_empty()
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
pub(super) fn project(paths: &Paths, tokens: &mut Tokens, slots: &mut Slots, text: &[u8]) -> Option<()> {
    if u32::try_from(text.len()).is_err() || !tokens.read(text) {
        return None;
    }
    slots.next_round(paths.len());
    slots.plain = tokens.is_plain();
    let mut walk = Walk { paths, slots, text, at: tokens.at(), kind: tokens.kinds(), next: 0 };
    let start = walk.position();
    walk.expect(b'{')?;
    walk.asked_object(Paths::ROOT, 1)?;
    (walk.next == tokens.len()).then_some(())?;
    slots.put(Paths::ROOT, start, text.len());
    Some(())
}

/// The grammar, over tokens.
struct Walk<'a> {
    paths: &'a Paths,
    slots: &'a mut Slots,
    text: &'a [u8],
    at: &'a [u32],
    kind: &'a [u8],
    /// The token to look at.
    next: usize,
}

impl Walk<'_> {
    /// Where the next token begins; the end of the text if there is none.
    #[inline]
    fn position(&self) -> usize {
        self.at.get(self.next).map_or(self.text.len(), |&at| at as usize)
    }

    #[inline]
    fn peek(&self) -> u8 {
        self.kind.get(self.next).copied().unwrap_or_default()
    }

    #[inline]
    fn expect(&mut self, byte: u8) -> Option<()> {
        let found = self.peek() == byte;
        self.next += 1;
        found.then_some(())
    }

    /// The end of the string or bracket that was walked over last.
    #[inline]
    fn end(&self) -> usize {
        let mut end = self.position();
        while end > 0 && json::is_space(self.text[end - 1]) {
            end -= 1;
        }
        end
    }

    /// Behind the opening bracket of an object of which something is asked.
    fn asked_object(&mut self, node: u32, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        if self.peek() == b'}' {
            self.next += 1;
            return Some(());
        }
        loop {
            let quote = self.position();
            self.expect(b'"')?;
            let end = self.end();
            self.expect(b':')?;
            // The key without its quotes.
            match self.asked(node, self.text.get(quote + 1..end - 1)?) {
                None => self.value(depth)?,
                Some(child) => self.asked_value(child, depth)?,
            }
            match self.peek() {
                b',' => self.next += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.next += 1;
        Some(())
    }

    /// The node of the member `key` of an object, if anyone asks for it.
    #[inline]
    fn asked(&mut self, node: u32, key: &[u8]) -> Option<u32> {
        if self.slots.plain {
            return self.paths.find(node, key);
        }
        let Some(key) = ascii_text(key) else {
            let round = self.slots.round;
            self.slots.slots[node as usize].odd_round = round;
            return None;
        };
        self.paths.find(node, &key)
    }

    fn asked_value(&mut self, node: u32, depth: usize) -> Option<()> {
        let start = self.position();
        if self.peek() == b'{' && !self.paths.is_leaf(node) {
            self.next += 1;
            self.asked_object(node, depth + 1)?;
        } else {
            self.value(depth)?;
        }
        let end = self.end();
        self.slots.put(node, start, end);
        Some(())
    }

    /// A value of which nothing is asked.
    #[inline]
    fn value(&mut self, depth: usize) -> Option<()> {
        self.next += 1;
        match self.kind[self.next - 1] {
            b'"' => Some(()),
            b'{' => self.object(depth + 1),
            b'[' => self.list(depth + 1),
            _ => self.word(self.at[self.next - 1] as usize),
        }
    }

    fn object(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        if self.peek() == b'}' {
            self.next += 1;
            return Some(());
        }
        loop {
            // Most members are strings, and not the last.
            while self.kind.get(self.next..self.next + 4) == Some(b"\":\",") {
                self.next += 4;
            }
            self.expect(b'"')?;
            self.expect(b':')?;
            self.value(depth)?;
            match self.peek() {
                b',' => self.next += 1,
                b'}' => break,
                _ => return None,
            }
        }
        self.next += 1;
        Some(())
    }

    fn list(&mut self, depth: usize) -> Option<()> {
        if depth > DEPTH {
            return None;
        }
        if self.peek() == b']' {
            self.next += 1;
            return Some(());
        }
        loop {
            self.value(depth)?;
            match self.peek() {
                b',' => self.next += 1,
                b']' => break,
                _ => return None,
            }
        }
        self.next += 1;
        Some(())
    }

    /// A number, or one of the words that Python's `json` knows, and nothing right behind it.
    fn word(&self, start: usize) -> Option<()> {
        let text = &self.text[start..];
        let len = match text.first()? {
            b't' => literal(text, b"true"),
            b'f' => literal(text, b"false"),
            b'n' => literal(text, b"null"),
            b'N' => literal(text, b"NaN"),
            b'I' => literal(text, b"Infinity"),
            b'-' if text.get(1) == Some(&b'I') => literal(text, b"-Infinity"),
            _ => number(text),
        }?;
        let ends = match text.get(len)? {
            b',' | b'}' | b']' => true,
            &byte => json::is_space(byte),
        };
        ends.then_some(())
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
