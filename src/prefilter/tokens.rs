//! A record's tokens: where its brackets, colons, commas, strings and other values begin.
//!
//! In: the text of a record. Out: [`Tokens`], and the news that the text is not JSON where the bytes alone tell: a
//! control character, a backslash outside strings or one that escapes nothing, a string without an end. Everything
//! else is for the grammar (`project`) to find. Separate because this is the one loop over all bytes: 64 of them are
//! looked at together, as in [`crate::json`].

use wide::u8x16;

use crate::json::{BLOCK, Escapes, prefix_xor};

/// So many tokens are written at a time, wanted or not: cheaper than to ask each time whether there is one more.
const BURST: usize = 8;

/// The tokens of one record.
#[derive(Default)]
pub(super) struct Tokens {
    /// Where each begins, and what follows the last: the length of the text.
    at: Vec<u32>,
    /// The byte there; behind the last one zeros.
    kind: Vec<u8>,
    len: usize,
    /// True if no byte is above 0x7f and none is a backslash.
    plain: bool,
}

/// Bit masks of one block, lowest bit first.
#[derive(Default)]
struct Masks {
    quote: u64,
    backslash: u64,
    control: u64,
    space: u64,
    bracket_or_mark: u64,
}

/// What one block tells the next.
#[derive(Default)]
struct Carry {
    /// All ones inside a string, else zero.
    in_string: u64,
    escapes: Escapes,
    /// One if the last byte belongs to a number or word.
    word: u64,
}

impl Tokens {
    /// Reads `text`; false if it is not JSON for sure.
    pub(super) fn read(&mut self, text: &[u8]) -> bool {
        let room = text.len() + 2 * BLOCK;
        if self.at.len() < room {
            self.at.resize(room, 0);
            self.kind.resize(room, 0);
        }
        (self.len, self.plain) = (0, true);
        let mut carry = Carry::default();
        let (blocks, rest) = text.as_chunks::<BLOCK>();
        for (number, block) in blocks.iter().enumerate() {
            if !self.block(&mut carry, text, block, number * BLOCK) {
                return false;
            }
        }
        if !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            if !self.block(&mut carry, text, &block, blocks.len() * BLOCK) {
                return false;
            }
        }
        self.kind[self.len..self.len + BURST].fill(0);
        self.at[self.len] = text.len() as u32;
        carry.in_string == 0
    }

    pub(super) fn at(&self) -> &[u32] {
        &self.at[..=self.len]
    }

    /// With [`BURST`] zeros at the end.
    pub(super) fn kinds(&self) -> &[u8] {
        &self.kind[..self.len + BURST]
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    #[inline]
    fn block(&mut self, carry: &mut Carry, text: &[u8], block: &[u8; BLOCK], base: usize) -> bool {
        let mut masks = Masks::default();
        let ascii = masks.of(block);
        let escaped = carry.escapes.of(masks.backslash);
        let quote = masks.quote & !escaped;
        // From each opening quote to the byte before the closing one.
        let strings = prefix_xor(quote) ^ carry.in_string;
        carry.in_string = ((strings as i64) >> 63) as u64;
        if (masks.control | masks.backslash) != 0 {
            let starts = masks.backslash & !escaped;
            if masks.backslash & !strings != 0 || masks.control & strings != 0 || !spaces_only(masks.control, block) {
                return false;
            }
            if !escapes_mean_something(starts, text, base) {
                return false;
            }
        }
        self.plain &= ascii && masks.backslash == 0;
        let space = masks.space | masks.control;
        let word = !(masks.bracket_or_mark | space | quote);
        // What follows a byte of a number or word and is neither space nor mark belongs to it; who reads the word
        // looks whether it does.
        let follows = word << 1 | carry.word;
        carry.word = word >> 63;
        let inside = strings ^ quote;
        let starts = (masks.bracket_or_mark | !space & !follows) & !inside;
        self.note(starts, block, base);
        true
    }

    #[inline]
    fn note(&mut self, mut starts: u64, block: &[u8; BLOCK], base: usize) {
        let from = self.len;
        self.len += starts.count_ones() as usize;
        let at = self.at[from..].first_chunk_mut::<BLOCK>();
        let (Some(at), Some(kind)) = (at, self.kind[from..].first_chunk_mut::<BLOCK>()) else { return };
        let mut burst = 0;
        while burst < BLOCK {
            for i in burst..burst + BURST {
                let bit = starts.trailing_zeros();
                at[i] = base as u32 + bit;
                kind[i] = block[bit as usize % BLOCK];
                starts &= starts.wrapping_sub(1);
            }
            if starts == 0 {
                return;
            }
            burst += BURST;
        }
    }
}

impl Masks {
    /// Looks at the block; true if it is ASCII.
    #[inline]
    fn of(&mut self, block: &[u8; BLOCK]) -> bool {
        let mut all = u8x16::splat(0);
        for (lane, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::from(*bytes);
            all |= bytes;
            // `[` and `{`, and `]` and `}`, differ in one bit, which `:` and `,` have. The control characters that
            // this takes for `:` and `,` are errors or spaces.
            let folded = bytes | u8x16::splat(0x20);
            let mask = |hits: u8x16| u64::from(hits.to_bitmask()) << (lane * 16);
            let is = |byte: u8| folded.simd_eq(u8x16::splat(byte));
            self.quote |= mask(bytes.simd_eq(u8x16::splat(b'"')));
            self.backslash |= mask(bytes.simd_eq(u8x16::splat(b'\\')));
            self.control |= mask(bytes.min(u8x16::splat(0x1f)).simd_eq(bytes));
            self.space |= mask(bytes.simd_eq(u8x16::splat(b' ')));
            self.bracket_or_mark |= mask(is(b'{') | is(b'}') | is(b':') | is(b','));
        }
        self.bracket_or_mark &= !self.control;
        all.to_bitmask() == 0
    }
}

/// True if every control character is white space as JSON has it.
#[cold]
fn spaces_only(mut control: u64, block: &[u8; BLOCK]) -> bool {
    while control != 0 {
        if !crate::json::is_space(block[control.trailing_zeros() as usize]) {
            return false;
        }
        control &= control - 1;
    }
    true
}

/// True if every backslash at `starts` begins an escape that Python knows.
fn escapes_mean_something(mut starts: u64, text: &[u8], base: usize) -> bool {
    while starts != 0 {
        let escape = &text[base + starts.trailing_zeros() as usize + 1..];
        let fine = match escape.first() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => true,
            Some(b'u') => escape.get(1..5).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)),
            _ => false,
        };
        if !fine {
            return false;
        }
        starts &= starts - 1;
    }
    true
}
