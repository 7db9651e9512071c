//! Finding one's way in raw JSON without parsing it: where a value ends, what the members of an object are.
//!
//! Everything that looks at a record's bytes in Rust goes through here. 64 bytes are looked at together: four bit
//! masks tell where the quotes, backslashes, opening and closing brackets are; quotes that are escaped are taken
//! out, and a running XOR over the rest says which bytes lie inside strings. Brackets outside strings are all that is
//! needed to find the end of an object, and there is about one of them in 64 bytes of CloudTrail.
//!
//! This validates nothing: whether a delimited record *is* JSON is for a real parser to say.

use wide::u8x16;

/// How many bytes are looked at together.
const BLOCK: usize = 64;

/// Up to this many levels are not told apart: no limit on depth may be lower.
pub(crate) const SHALLOW: u64 = 32;

/// Bit masks of one block, lowest bit first, of what lies outside strings.
struct Brackets {
    open: u64,
    close: u64,
}

/// What one block tells the next.
#[derive(Default, Clone, Copy)]
struct Carry {
    /// All ones inside a string, else zero.
    in_string: u64,
    /// One if the first byte of the next block is escaped.
    escaped: u64,
}

impl Carry {
    fn brackets(&mut self, block: &[u8; BLOCK]) -> Brackets {
        let (mut quote, mut backslash, mut open, mut close) = (0, 0, 0, 0);
        for (lane, bytes) in block.as_chunks::<16>().0.iter().enumerate() {
            let bytes = u8x16::from(*bytes);
            // `[` and `{`, and `]` and `}`, differ in one bit.
            let folded = bytes | u8x16::splat(0x20);
            let mask = |hits: u8x16| u64::from(hits.to_bitmask()) << (lane * 16);
            quote |= mask(bytes.simd_eq(u8x16::splat(b'"')));
            backslash |= mask(bytes.simd_eq(u8x16::splat(b'\\')));
            open |= mask(folded.simd_eq(u8x16::splat(b'{')));
            close |= mask(folded.simd_eq(u8x16::splat(b'}')));
        }
        let quote = quote & !self.escapes(backslash);
        let strings = prefix_xor(quote) ^ self.in_string;
        // An arithmetic shift spreads the last bit: inside or outside for the block that follows.
        self.in_string = ((strings as i64) >> 63) as u64;
        Brackets { open: open & !strings, close: close & !strings }
    }

    /// Which bytes a backslash before them escapes. In a run of backslashes every second one is itself escaped; the
    /// addition carries through each run and so tells the runs of odd length from the others.
    fn escapes(&mut self, backslash: u64) -> u64 {
        const EVEN: u64 = 0x5555_5555_5555_5555;
        let backslash = backslash & !self.escaped;
        let follows = backslash << 1 | self.escaped;
        let odd_starts = backslash & !EVEN & !follows;
        let (even_runs, overflow) = odd_starts.overflowing_add(backslash);
        self.escaped = u64::from(overflow);
        (EVEN ^ (even_runs << 1)) & follows
    }
}

/// Bit `i` of the result is the XOR of bits `0..=i`.
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Walks from an opening bracket to its closing one, over as many pieces of input as it takes.
#[derive(Default, Clone)]
pub(crate) struct Nesting {
    carry: Carry,
    depth: u64,
    deepest: u64,
}

impl Nesting {
    /// Feeds one block. Returns how many of its bytes belong to the value once its last bracket is found.
    fn feed(&mut self, block: &[u8; BLOCK]) -> Option<usize> {
        let Brackets { open, close } = self.carry.brackets(block);
        let (opening, closing) = (u64::from(open.count_ones()), u64::from(close.count_ones()));
        if self.depth > closing && self.depth + opening <= SHALLOW {
            // The end can't lie in this block, nor anything too deep: the order of its brackets does not matter.
            self.depth = self.depth + opening - closing;
            return None;
        }
        let mut left = open | close;
        while left != 0 {
            let at = left.trailing_zeros();
            left &= left - 1;
            if open >> at & 1 == 1 {
                self.depth += 1;
                self.deepest = self.deepest.max(self.depth);
            } else {
                self.depth -= 1;
                if self.depth == 0 {
                    return Some(at as usize + 1);
                }
            }
        }
        None
    }

    /// Continues at the start of `bytes`. `last` says that nothing will follow them.
    /// Returns how many bytes were used, and whether the value ended there.
    pub(crate) fn scan(&mut self, bytes: &[u8], last: bool) -> (usize, bool) {
        let (blocks, rest) = bytes.as_chunks::<BLOCK>();
        for (number, block) in blocks.iter().enumerate() {
            if let Some(end) = self.feed(block) {
                return (number * BLOCK + end, true);
            }
        }
        let used = blocks.len() * BLOCK;
        if last && !rest.is_empty() {
            let mut block = [b' '; BLOCK];
            block[..rest.len()].copy_from_slice(rest);
            return match self.feed(&block) {
                Some(end) => (used + end, true),
                None => (bytes.len(), false),
            };
        }
        (used, false)
    }

    /// The deepest level of brackets met so far; exact above [`SHALLOW`].
    pub(crate) fn deepest(&self) -> u64 {
        self.deepest
    }
}

/// White space as JSON has it.
pub(crate) fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\n' | b'\r' | b'\t')
}

/// How many bytes of white space `bytes` starts with.
pub(crate) fn spaces(bytes: &[u8]) -> usize {
    bytes.iter().position(|&byte| !is_space(byte)).unwrap_or(bytes.len())
}

/// The length of the string at the start of `bytes`, both quotes included; `None` if it does not end.
pub(crate) fn string_len(bytes: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[at] == b'"' {
            return Some(at + 1);
        }
        at += 2;
    }
}

/// The length of the number or word at the start of `bytes`: up to white space, a comma, a colon or a bracket.
pub(crate) fn scalar_len(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|&byte| is_space(byte) || matches!(byte, b',' | b']' | b'}' | b':' | b'"' | b'{' | b'['))
}

/// The length of the value at the start of `bytes`, `None` if it does not end in them.
fn value_len(bytes: &[u8]) -> Option<usize> {
    match bytes.first()? {
        b'"' => string_len(bytes),
        b'{' | b'[' => match Nesting::default().scan(bytes, true) {
            (used, true) => Some(used),
            _ => None,
        },
        _ => scalar_len(bytes).filter(|&len| len > 0),
    }
}

/// The members of one JSON object, in order, as raw text: keys without their quotes, escapes not undone.
///
/// It stops at the first thing that is not a member; a caller who must know asks a real parser.
pub(crate) struct Members<'a> {
    rest: &'a [u8],
}

impl<'a> Members<'a> {
    /// Of the object that `bytes` starts with.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let bytes = &bytes[spaces(bytes)..];
        Self { rest: bytes.strip_prefix(b"{").unwrap_or_default() }
    }

    fn skip(&mut self, len: usize) -> Option<()> {
        let rest = self.rest.get(len..)?;
        self.rest = &rest[spaces(rest)..];
        Some(())
    }
}

impl<'a> Iterator for Members<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        self.skip(0)?;
        if self.rest.first() == Some(&b',') {
            self.skip(1)?;
        }
        if self.rest.first() != Some(&b'"') {
            return None;
        }
        let key = &self.rest[..string_len(self.rest)?];
        self.skip(key.len())?;
        if self.rest.first() != Some(&b':') {
            return None;
        }
        self.skip(1)?;
        let value = &self.rest[..value_len(self.rest)?];
        self.skip(value.len())?;
        Some((&key[1..key.len() - 1], value))
    }
}

/// The elements of one JSON list, in order, as raw text. It stops at the first thing that is not one.
pub(crate) struct Elements<'a> {
    rest: &'a [u8],
}

impl<'a> Elements<'a> {
    /// Of the list that `bytes` starts with.
    pub(crate) fn of(bytes: &'a [u8]) -> Self {
        let bytes = &bytes[spaces(bytes)..];
        Self { rest: bytes.strip_prefix(b"[").unwrap_or_default() }
    }
}

impl<'a> Iterator for Elements<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<Self::Item> {
        let rest = &self.rest[spaces(self.rest)..];
        let rest = rest.strip_prefix(b",").unwrap_or(rest);
        let rest = &rest[spaces(rest)..];
        let element;
        (element, self.rest) = rest.split_at_checked(value_len(rest)?)?;
        Some(element)
    }
}

/// The text of a raw JSON string, its escapes undone; `None` for anything else, and for text that is not Unicode.
pub(crate) fn text(raw: &[u8]) -> Option<std::borrow::Cow<'_, str>> {
    let inner = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    if memchr::memchr(b'\\', inner).is_none() {
        return std::str::from_utf8(inner).ok().map(Into::into);
    }
    serde_json::from_slice::<String>(raw).ok().map(Into::into)
}

/// The record on one line, as strict JSON: no white space outside strings, no control characters within, `null` for the `NaN`, `Infinity` and
/// `1e999` that Python's parser accepts, U+FFFD for halves of surrogate pairs. `None` if what comes out is not JSON all the same.
pub(crate) fn one_line(record: &[u8]) -> Option<Box<serde_json::value::RawValue>> {
    let mut out = Vec::with_capacity(record.len());
    let mut at = 0;
    while let Some(&byte) = record.get(at) {
        match byte {
            b'"' => {
                let len = string_len(&record[at..])?;
                copy_string(&record[at..at + len], &mut out);
                at += len;
            }
            b'N' | b'I' => {
                out.extend_from_slice(b"null");
                at += scalar_len(&record[at..]).unwrap_or(record.len() - at);
            }
            b'-' if record.get(at + 1) == Some(&b'I') => at += 1,
            b'-' | b'0'..=b'9' => {
                let number = &record[at..at + scalar_len(&record[at..]).unwrap_or(record.len() - at)];
                out.extend_from_slice(if overflows(number) { b"null" } else { number });
                at += number.len();
            }
            _ if is_space(byte) => {
                // What only space keeps apart is no JSON, and must not become one number.
                if out.last().copied().is_some_and(is_word) && record.get(at + 1).copied().is_some_and(is_word) {
                    return None;
                }
                at += 1;
            }
            _ => {
                out.push(byte);
                at += 1;
            }
        }
    }
    serde_json::value::RawValue::from_string(String::from_utf8(controls_escaped(out)).ok()?).ok()
}

/// JSON with the control characters that it lets stand in strings, and that terminals obey, as escapes: DEL and C1.
pub(crate) fn controls_escaped(json: Vec<u8>) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = &json[..];
    while let Some(at) = memchr::memchr2(0x7f, 0xc2, rest) {
        let (code, len) = match (rest[at], rest.get(at + 1)) {
            (0x7f, _) => (0x7f, 1),
            (_, Some(&second @ 0x80..=0x9f)) => (second, 2),
            _ => {
                out.extend_from_slice(&rest[..=at]);
                rest = &rest[at + 1..];
                continue;
            }
        };
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(format!("\\u{code:04x}").as_bytes());
        rest = &rest[at + len..];
    }
    if rest.len() == json.len() {
        return json;
    }
    out.extend_from_slice(rest);
    out
}

/// True for what numbers and words consist of.
fn is_word(byte: u8) -> bool {
    !is_space(byte) && !matches!(byte, b'{' | b'}' | b'[' | b']' | b',' | b':' | b'"')
}

/// True for numbers beyond a double, which Python reads as infinite and strict readers refuse.
fn overflows(number: &[u8]) -> bool {
    let suspicious = number.len() > 300 || number.iter().any(|byte| matches!(byte, b'e' | b'E'));
    suspicious && std::str::from_utf8(number).ok().and_then(|text| text.parse().ok()).is_some_and(f64::is_infinite)
}

/// Copies a raw string; an escape that is half a surrogate pair, which no strict reader takes, becomes `\\ufffd`.
fn copy_string(raw: &[u8], out: &mut Vec<u8>) {
    let mut rest = raw;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(&rest[..at]);
        let escape = &rest[at..];
        let len = match (surrogate(escape), escape.get(6..).and_then(surrogate)) {
            (Some(0xd800..=0xdbff), Some(0xdc00..=0xdfff)) => 12,
            (Some(_), _) => {
                out.extend_from_slice(b"\\ufffd");
                rest = &escape[6..];
                continue;
            }
            (None, _) => 2,
        };
        let len = len.min(escape.len());
        out.extend_from_slice(&escape[..len]);
        rest = &escape[len..];
    }
    out.extend_from_slice(rest);
}

/// The surrogate that `bytes` begins with, as an escape.
fn surrogate(bytes: &[u8]) -> Option<u16> {
    let digits = std::str::from_utf8(bytes.strip_prefix(b"\\u")?.get(..4)?).ok()?;
    u16::from_str_radix(digits, 16).ok().filter(|unit| (0xd800..=0xdfff).contains(unit))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The obvious way, byte by byte.
    fn reference(bytes: &[u8]) -> (Option<usize>, u64) {
        let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u64, 0, false, false);
        for (at, &byte) in bytes.iter().enumerate() {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if in_string => escaped = true,
                b'"' => in_string = !in_string,
                b'{' | b'[' if !in_string => {
                    depth += 1;
                    deepest = deepest.max(depth);
                }
                b'}' | b']' if !in_string => {
                    depth -= 1;
                    if depth == 0 {
                        return (Some(at + 1), deepest);
                    }
                }
                _ => {}
            }
        }
        (None, deepest)
    }

    /// Feeds `bytes` in pieces that end at every multiple of `step` blocks.
    fn scanned(bytes: &[u8], step: usize) -> (Option<usize>, u64) {
        let mut nesting = Nesting::default();
        let mut at = 0;
        loop {
            let end = (at + step * BLOCK).min(bytes.len());
            let last = end == bytes.len();
            let (used, done) = nesting.scan(&bytes[at..end], last);
            at += used;
            if done || last {
                return (done.then_some(at), nesting.deepest());
            }
        }
    }

    #[track_caller]
    fn check(bytes: &[u8]) {
        let (end, deepest) = reference(bytes);
        for step in [1, 2, 1000] {
            let (got, got_deepest) = scanned(bytes, step);
            assert_eq!(got, end, "step {step}, input {}", String::from_utf8_lossy(bytes));
            if deepest > SHALLOW {
                assert_eq!(got_deepest, deepest, "depth, step {step}");
            } else {
                assert!(got_deepest <= SHALLOW, "depth {got_deepest} for {deepest}");
            }
        }
    }

    #[test]
    fn ends_are_found_like_byte_by_byte() {
        check(b"{}");
        check(b"{} trailing }");
        check(br#"{"a":"}\"}\\"}"#);
        check(&[b"{".repeat(200), b"}".repeat(200)].concat());
        check(&[b"[".repeat(31), b"[]".repeat(500), b"]".repeat(31)].concat());
        check(&[&b"{\"k\":\""[..], &b"\\".repeat(130), b"\"}"].concat());
    }

    #[test]
    fn ends_are_found_in_noise() {
        let alphabet = br#"{}[]"\\\,: a"#;
        let mut state = 7_u64;
        for _ in 0..20_000 {
            let mut bytes = vec![b'{'];
            for _ in 0..state % 300 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let byte = alphabet[(state >> 33) as usize % alphabet.len()];
                // Outside strings a backslash is no JSON, and the two ways differ on it.
                bytes.push(byte);
            }
            state = state.wrapping_add(1);
            if !backslash_outside_string(&bytes) {
                check(&bytes);
            }
        }
    }

    fn backslash_outside_string(bytes: &[u8]) -> bool {
        let (mut in_string, mut escaped) = (false, false);
        for &byte in bytes {
            match byte {
                _ if escaped => escaped = false,
                b'\\' if !in_string => return true,
                b'\\' => escaped = true,
                b'"' => in_string = !in_string,
                _ => {}
            }
        }
        false
    }

    #[test]
    fn members_are_listed() {
        let object = br#" { "a" : 1 , "b\"c":{"x":[1,2]},"d":"e" , "f":null} rest"#;
        let got: Vec<_> =
            Members::of(object).map(|(k, v)| (String::from_utf8_lossy(k), String::from_utf8_lossy(v))).collect();
        let want = [("a", "1"), (r#"b\"c"#, r#"{"x":[1,2]}"#), ("d", r#""e""#), ("f", "null")];
        assert_eq!(got, want.map(|(k, v)| (k.into(), v.into())));
        for broken in ["", "{", "{\"", "{\"a\"", "{\"a\":", "{\"a\":\"", "{1:2}", "[1]", "{\"a\\"] {
            assert_eq!(Members::of(broken.as_bytes()).count(), 0, "{broken}");
        }
    }

    #[test]
    fn one_line_is_strict_json() {
        let check = |input: &str, want: Option<&str>| {
            assert_eq!(one_line(input.as_bytes()).as_deref().map(|raw| raw.get()), want, "{input}");
        };
        check("{ \"a b\" :\n [ 1 , -2.5e3 ] }", Some("{\"a b\":[1,-2.5e3]}"));
        check(r#"{"x":NaN,"y":-Infinity,"z":[Infinity]}"#, Some(r#"{"x":null,"y":null,"z":[null]}"#));
        check(r#"{"x":1e999,"y":-1E+400,"z":1e300}"#, Some(r#"{"x":null,"y":null,"z":1e300}"#));
        check(r#"{"s":"\ud800 NaN"}"#, Some(r#"{"s":"\ufffd NaN"}"#));
        check(r#"{"s":"\ud83d\ude00 \\ud800 \udc00\uD83D"}"#, Some(r#"{"s":"\ud83d\ude00 \\ud800 \ufffd\ufffd"}"#));
        check("{\"\u{7f}\":\"é\u{9b}2J\u{a0}\"}", Some("{\"\\u007f\":\"é\\u009b2J\u{a0}\"}"));
        check("{\"x\":1e99 9}", None);
        check("{\"x\":- 9}", None);
        check("{\"a\":", None);
    }
}
