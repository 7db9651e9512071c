//! Random JSON texts, and damage. Shared by every target that reads JSON.

use super::Dice;

/// What texts are made of.
pub(crate) struct Words {
    pub(crate) keys: &'static [&'static str],
    pub(crate) texts: &'static [&'static str],
    /// Raw, now and then instead of a text: escapes, say.
    pub(crate) odd: &'static [&'static str],
    pub(crate) numbers: &'static [&'static str],
    /// Rarer than the others.
    pub(crate) odd_numbers: &'static [&'static str],
}

/// White space, seldom some.
pub(crate) fn space(dice: &mut Dice, out: &mut String) {
    for _ in 0..dice.of(&[0, 0, 0, 0, 0, 0, 1, 2]) {
        out.push(dice.of(&[' ', '\n', '\t', '\r']));
    }
}

fn text(dice: &mut Dice, words: &Words, pool: &[&str], out: &mut String) {
    out.push('"');
    match dice.roll(40) {
        0 => out.push_str(dice.of(words.odd)),
        1 => out.push_str(&"long ".repeat(dice.roll(30))),
        _ => out.push_str(dice.of(pool)),
    }
    out.push('"');
}

/// Any value.
pub(crate) fn value(dice: &mut Dice, words: &Words, depth: usize, out: &mut String) {
    space(dice, out);
    match dice.roll(if depth > 0 { 14 } else { 10 }) {
        0..6 => text(dice, words, words.texts, out),
        6 => out.push_str(dice.of(&["null", "true", "false"])),
        7 => out.push_str(dice.of(words.numbers)),
        8 => out.push_str(dice.of(words.odd_numbers)),
        9 => out.push_str("null"),
        10 | 11 => {
            out.push('[');
            for number in 0..dice.roll(4) {
                out.push_str(if number > 0 { "," } else { "" });
                value(dice, words, depth - 1, out);
            }
            out.push(']');
        }
        _ => object(dice, words, depth - 1, out),
    }
    space(dice, out);
}

/// Any object; members may be twins.
pub(crate) fn object(dice: &mut Dice, words: &Words, depth: usize, out: &mut String) {
    out.push('{');
    for number in 0..dice.roll(6) {
        out.push_str(if number > 0 { "," } else { "" });
        space(dice, out);
        text(dice, words, words.keys, out);
        space(dice, out);
        out.push(':');
        value(dice, words, depth, out);
    }
    space(dice, out);
    out.push('}');
}

/// The same with a place or two broken: what JSON is sensitive to is put in, taken out, or written over, and pieces repeat.
pub(crate) fn damaged(dice: &mut Dice, bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=dice.roll(2) {
        if bytes.is_empty() {
            bytes.push(b'{');
        }
        let at = dice.roll(bytes.len());
        match dice.roll(6) {
            0 => drop(bytes.remove(at)),
            1 => bytes[at] = dice.of(b"\"\\{}[]:,0e.-+nutN\x00\x1f \n\x7f\xc3/I"),
            2 => bytes.insert(at, dice.of(b"\"\\{}[]:,0e.-+nutNab\x00\x0c\x1a \n/I")),
            3 => bytes[at] ^= 1 << dice.roll(8),
            4 => bytes.truncate(if dice.once_in(4) { at } else { bytes.len() }),
            _ => {
                let from = at.saturating_sub(dice.roll(200));
                let piece = bytes[from..at].to_vec();
                bytes.splice(at..at, piece);
            }
        }
    }
    bytes
}
