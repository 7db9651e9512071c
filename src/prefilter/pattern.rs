//! Regular expressions of rules, where they mean the same here as to Python.
//!
//! In: a pattern as the compiler wrote it. Out: a [`Regex`], compiled when it is first needed. Separate because the two
//! languages share most of their syntax and not all: `\<` is the start of a word here and a `<` there, `[a[b]` nests
//! here. Whatever is not surely the same is not understood.

use std::sync::OnceLock;

use regex::bytes::{Regex, RegexBuilder};

/// A pattern that needs more is not understood.
const BYTES: usize = 1 << 20;
const NESTING: u32 = 64;

/// One pattern. To be matched on printable ASCII only.
pub(super) struct Pattern {
    pub(super) text: Box<str>,
    compiled: OnceLock<Option<Regex>>,
}

impl Pattern {
    pub(super) fn new(text: Box<str>) -> Self {
        Self { text, compiled: OnceLock::new() }
    }

    /// `None` if it is not understood.
    pub(super) fn regex(&self) -> Option<&Regex> {
        let compile = || {
            means_the_same(self.text.as_bytes()).then_some(())?;
            let mut builder = RegexBuilder::new(&self.text);
            builder.unicode(false).size_limit(BYTES).dfa_size_limit(BYTES).nest_limit(NESTING).build().ok()
        };
        self.compiled.get_or_init(compile).as_ref()
    }
}

/// True if the pattern has only what both languages write alike.
fn means_the_same(pattern: &[u8]) -> bool {
    let mut rest = pattern;
    while let Some((&byte, behind)) = rest.split_first() {
        let len = match byte {
            b'\\' => escape(behind, b"dDwWsSbB"),
            b'[' => class(behind),
            b'(' if behind.first() == Some(&b'?') => {
                ["?:", "?i:"].iter().find(|start| behind.starts_with(start.as_bytes())).map(|start| start.len())
            }
            b'*' | b'+' | b'?' => once(behind, 0),
            b'{' => counts(behind).and_then(|len| once(behind, len)),
            b' '..=b'~' => Some(0),
            _ => None,
        };
        let Some(len) = len else { return false };
        rest = &behind[len..];
    }
    true
}

/// The length of what stands behind a backslash: one of `letters`, two hex digits, or a mark that stands for itself.
fn escape(behind: &[u8], letters: &[u8]) -> Option<usize> {
    match behind.first()? {
        b'x' => behind.get(1..3)?.iter().all(u8::is_ascii_hexdigit).then_some(3),
        // Both ends of a word here.
        b'<' | b'>' => None,
        // `\b{start}` here.
        b'b' if behind.get(1) == Some(&b'{') => None,
        letter if letters.contains(letter) => Some(1),
        mark => (mark.is_ascii_punctuation()).then_some(1),
    }
}

/// The length of a class behind its opening bracket.
fn class(behind: &[u8]) -> Option<usize> {
    let mut at = usize::from(behind.first() == Some(&b'^'));
    // In the first place the closing bracket stands for itself.
    at += usize::from(behind.get(at) == Some(&b']'));
    loop {
        at += match behind.get(at)? {
            b']' => return Some(at + 1),
            b'\\' => 1 + escape(&behind[at + 1..], b"dDwWsS")?,
            // A class within a class, and what two classes have in common, here.
            b'[' => return None,
            twice @ (b'&' | b'-' | b'~') if behind.get(at + 1) == Some(twice) => return None,
            b' '..=b'~' => 1,
            _ => return None,
        };
    }
}

/// The length of `3}`, `3,}` or `3,4}`.
fn counts(behind: &[u8]) -> Option<usize> {
    let end = memchr::memchr(b'}', behind)?;
    let text = &behind[..end];
    let digits = |part: &[u8]| part.iter().all(u8::is_ascii_digit);
    let fine = match memchr::memchr(b',', text) {
        Some(comma) => comma > 0 && digits(&text[..comma]) && digits(&text[comma + 1..]),
        None => !text.is_empty() && digits(text),
    };
    fine.then_some(end + 1)
}

/// The length up to `len` and what makes a repetition lazy. One more behind it, as `a*+`, means two things.
fn once(behind: &[u8], len: usize) -> Option<usize> {
    let len = len + usize::from(behind.get(len) == Some(&b'?'));
    (!matches!(behind.get(len), Some(b'*' | b'+' | b'?' | b'{'))).then_some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_write_alike_is_taken() {
        for same in [
            "",
            "^(?:a|b)$",
            "(?i:kali)",
            r"\d{12}",
            r"a{2,}b{2,3}?",
            "[a-z]+",
            "[^]x]",
            r"[\]\\\-\[]",
            r"\.\*\(\{",
            r"\x3c",
            r"\bx\B",
            "[.&-]",
            "a-b--c",
            "a*?b+?c??",
        ] {
            assert!(Pattern::new(same.into()).regex().is_some(), "{same}");
        }
        for other in [
            r"\<a",
            r"a\>",
            "[[a]b]",
            "[a[]",
            "[a&&b]",
            "[a--b]",
            "[a~~b]",
            r"\b{start}",
            "(?P<x>a)",
            "(?x: a)",
            "(?=a)",
            "(?s:.)",
            r"\Aa",
            r"a\z",
            r"\1",
            "a{",
            "a{,3}",
            "a{ 3}",
            "a{x}",
            "é",
            "a\n",
            r"\pL",
            r"[\b]",
            r"\x{41}",
            "[a",
            "a\\",
            "(a",
            "a**",
            "a*+",
            "a++",
            "a?+",
            "a{2}+",
            "a*??",
            "((a{1000}){1000}){1000}",
        ] {
            assert!(Pattern::new(other.into()).regex().is_none(), "{other}");
        }
    }
}
