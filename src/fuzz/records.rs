//! The splitter: on whole documents it finds what `serde_json` finds; on damaged ones all that was whole before.

use std::io::{self, Read};

use serde::Deserialize;
use serde::de::{MapAccess, Visitor};
use serde_json::value::RawValue;

use super::documents::{self, Words};
use super::{Bytes, Dice, Input, damaged, run, shrunk_bytes};
use crate::error::ObjectFault;
use crate::records::{Limits, Piece, Splitter};

const WORDS: Words = Words {
    keys: &["a", "Records", "eventName", "eventSource", "records", "digestS3Object", "userIdentity", "", "Recordſ"],
    texts: &["", "x", "}", "{", "]", "[", ",", ":", "arn:aws:iam::1:root", "é", "\u{1f600}", "{\\\"Records\\\":[1]}"],
    odd: &["\\u0052ecords", "\\\\", "\\\"", "\\\\\\\"}", "\\ud83d\\ude00", "\\n", "\u{7f}", "eventNam\\u0065"],
    numbers: &["0", "1", "-0", "1.5", "2e0", "-1"],
    odd_numbers: &["1e400", "123456789012345678901234567890", "1E-2"],
};

/// Some bytes, and how they come in.
#[derive(Debug, Clone)]
struct Document {
    bytes: Bytes,
    limits: (usize, u64),
    /// The dice of the sizes of reads; always all for none.
    reads: Option<u64>,
}

impl Document {
    fn random(dice: &mut Dice) -> Self {
        let bytes = Bytes(document(dice));
        let limits = (dice.of(&[30, 100, 1_000, 40_000]), dice.of(&[32, 33, 40, 128]));
        let reads = if dice.once_in(4) { None } else { Some(dice.seed()) };
        Self { bytes, limits, reads }
    }

    fn with(&self, bytes: &[u8]) -> Self {
        Self { bytes: Bytes(bytes.to_vec()), ..self.clone() }
    }
}

impl Input for Document {
    fn shrunk(self, fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        let bytes = shrunk_bytes(self.bytes.0.clone(), &mut |bytes| fails(&self.with(bytes)));
        self.with(&bytes)
    }
}

fn element(dice: &mut Dice, out: &mut String) {
    match dice.roll(60) {
        0..4 => documents::value(dice, &WORDS, 2, out),
        4 => {
            let depth = dice.of(&[30, 31, 32, 33, 39, 40, 41, 127, 128, 129, 300]);
            out.push_str(&format!("{}{}", "{\"a\":[".repeat(depth / 2), "]}".repeat(depth / 2)));
        }
        5 => out.push_str(&format!("{{\"a\":\"{}\"}}", dice.of(&["x", "\\\\", "{"]).repeat(dice.roll(3_000)))),
        6 if dice.once_in(20) => out.push_str(&format!("{{\"a\":\"{}\"}}", "x".repeat(dice.roll(200_000)))),
        _ => documents::object(dice, &WORDS, 3, out),
    }
}

fn list(dice: &mut Dice, out: &mut String) {
    out.push('[');
    for number in 0..dice.roll(6) {
        out.push_str(if number > 0 { "," } else { "" });
        documents::space(dice, out);
        element(dice, out);
        documents::space(dice, out);
    }
    out.push(']');
}

fn member(dice: &mut Dice, keys: &[&str], out: &mut String) {
    out.push_str(&format!("\"{}\"", dice.of(keys)));
    documents::space(dice, out);
    out.push(':');
    documents::space(dice, out);
}

fn top(dice: &mut Dice, out: &mut String) {
    match dice.roll(24) {
        0..8 => {
            // A file: other members, and `Records` among them, once or twice.
            out.push('{');
            let members = 1 + dice.roll(3);
            let records = dice.roll(members);
            for number in 0..members {
                out.push_str(if number > 0 { "," } else { "" });
                if number == records || dice.once_in(8) {
                    member(dice, &["Records", "Records", "\\u0052ecords"], out);
                    list(dice, out);
                } else {
                    member(dice, WORDS.keys, out);
                    documents::value(dice, &WORDS, 2, out);
                }
            }
            out.push('}');
        }
        8..18 => {
            out.push('{');
            member(dice, &["eventName", "eventSource"], out);
            documents::value(dice, &WORDS, 1, out);
            out.push_str(",\"rest\":");
            element(dice, out);
            out.push('}');
        }
        18..21 => list(dice, out),
        21 => out.push_str("{\"digestS3Object\":\"x\",\"logFiles\":[{}]}"),
        _ => documents::value(dice, &WORDS, 2, out),
    }
}

fn document(dice: &mut Dice) -> Vec<u8> {
    let mut out = String::from(if dice.once_in(20) { "\u{feff}" } else { "" });
    for _ in 0..dice.of(&[0, 1, 1, 1, 2, 5]) {
        top(dice, &mut out);
        out.push_str(dice.of(&["\n", "", " ", "\r\n"]));
    }
    out.into_bytes()
}

/// What comes out: pieces as texts, each with where it ends if that is known, and the word of the fault at the end.
#[derive(Debug, Default, PartialEq)]
struct Split {
    pieces: Vec<String>,
    fault: Option<&'static str>,
}

/// Hands out the bytes in pieces, with interruptions.
struct Slow<'a> {
    bytes: &'a [u8],
    dice: Option<Dice>,
}

impl Read for Slow<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let len = match &mut self.dice {
            None => buf.len(),
            Some(dice) => match dice.roll(30) {
                0 => return Err(io::ErrorKind::Interrupted.into()),
                _ => 1 + dice.of(&[1, 5, 63, 64, 65, 1_000, 40_000]).min(self.bytes.len() / 2),
            },
        };
        let len = len.min(self.bytes.len()).min(buf.len());
        buf[..len].copy_from_slice(&self.bytes[..len]);
        self.bytes = &self.bytes[len..];
        Ok(len)
    }
}

fn split(document: &Document) -> Split {
    let (record_bytes, depth) = document.limits;
    let reader = Slow { bytes: &document.bytes.0, dice: document.reads.map(|seed| Dice::new(seed, 0)) };
    let mut splitter = Splitter::new(reader, Limits { record_bytes, depth });
    let mut got = Split::default();
    loop {
        let piece = match splitter.next() {
            Ok(None) => return got,
            Ok(Some(Piece::Record(bytes))) => String::from_utf8_lossy(bytes).into_owned(),
            Ok(Some(Piece::Malformed(why))) => format!("malformed: {why}"),
            Ok(Some(Piece::Oversize(size))) => format!("oversize: {size}"),
            Ok(Some(Piece::Digest(bytes))) => format!("digest: {}", String::from_utf8_lossy(bytes)),
            Err(fault) => {
                got.fault = Some(fault.word());
                return got;
            }
        };
        got.pieces.push(piece);
    }
}

// The reference.

/// The members of an object in order, twins included.
struct Members<'a>(Vec<(String, &'a RawValue)>);

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Walk;
        impl<'de> Visitor<'de> for Walk {
            type Value = Members<'de>;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Walk)
    }
}

/// Levels of brackets, outside strings.
fn depth(raw: &str) -> u64 {
    let (mut depth, mut deepest, mut in_string, mut escaped) = (0_u64, 0, false, false);
    for byte in raw.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth -= 1,
            _ => {}
        }
    }
    deepest
}

fn judged(raw: &str, limits: (usize, u64)) -> String {
    match raw {
        _ if !raw.starts_with('{') => "malformed: not an object".into(),
        _ if raw.len() > limits.0 => format!("oversize: {}", raw.len()),
        _ if depth(raw) > limits.1 => "malformed: nested too deep".into(),
        _ => raw.to_owned(),
    }
}

/// The pieces of valid documents, with the offset at which each ends; `None` if a strict parser refuses the bytes.
fn reference(bytes: &[u8], limits: (usize, u64)) -> Option<(Split, Vec<usize>)> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (mut split, mut ends) = (Split::default(), Vec::new());
    let start = text.strip_prefix('\u{feff}').unwrap_or(text);
    let end_of = |raw: &RawValue| raw.get().as_ptr() as usize + raw.get().len() - bytes.as_ptr() as usize;
    let mut push = |piece: String, raw: &RawValue, split: &mut Split| {
        split.pieces.push(piece);
        ends.push(end_of(raw));
    };
    let mut tops = serde_json::Deserializer::from_str(start).into_iter::<&RawValue>();
    let all: Vec<&RawValue> = tops.by_ref().collect::<Result<_, _>>().ok()?;
    if all.is_empty() {
        split.fault = Some("empty");
    }
    for raw in all {
        // Borrowed from `raw`, so that the offsets are those of `bytes`.
        match raw.get().as_bytes()[0] {
            b'[' => {
                for one in elements_of(raw.get())? {
                    push(judged(one.get(), limits), one, &mut split);
                }
            }
            b'{' => {
                let Members(members) = serde_json::from_str(raw.get()).ok()?;
                let lists: Vec<&&RawValue> = members
                    .iter()
                    .filter(|(key, value)| key == "Records" && value.get().starts_with('['))
                    .map(|(_, value)| value)
                    .collect();
                let has = |names: &[&str]| members.iter().any(|(key, _)| names.contains(&key.as_str()));
                if !lists.is_empty() {
                    for list in lists {
                        for one in elements_of(list.get())? {
                            push(judged(one.get(), limits), one, &mut split);
                        }
                    }
                } else if has(&["digestS3Object"]) && raw.get().len() <= limits.0 {
                    push(format!("digest: {}", raw.get()), raw, &mut split);
                } else if has(&["eventName", "eventSource"]) && !has(&["digestS3Object"]) {
                    push(judged(raw.get(), limits), raw, &mut split);
                } else {
                    split.fault = Some("not_cloudtrail");
                }
            }
            _ => split.fault = Some("not_cloudtrail"),
        }
        if split.fault.is_some() {
            break;
        }
    }
    Some((split, ends))
}

fn elements_of(list: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(list).ok()
}

fn check_whole(document: &Document) -> Result<&'static str, String> {
    let Some((expected, _)) = reference(&document.bytes.0, document.limits) else { return Ok("not JSON") };
    let got = split(document);
    if got != expected {
        return Err(format!("expected {expected:?}, got {got:?}"));
    }
    Ok(match expected.fault {
        None if expected.pieces.iter().any(|piece| piece.starts_with("oversize")) => "oversize",
        None if expected.pieces.iter().any(|piece| piece.ends_with("too deep")) => "too deep",
        None => "records",
        Some(fault) => fault,
    })
}

#[test]
fn fuzz_splitter_whole() {
    let kinds = ["records", "oversize", "too deep", "empty", "not_cloudtrail"];
    run("splitter_whole", 3_000, &kinds, Document::random, check_whole);
}

/// A document, and the same damaged.
#[derive(Debug)]
struct Damaged {
    whole: Document,
    bytes: Bytes,
}

impl Input for Damaged {}

fn check_damaged(input: &Damaged) -> Result<&'static str, String> {
    let whole = &input.whole;
    let broken = whole.with(&input.bytes.0);
    let got = split(&broken);
    let at_once = split(&Document { reads: None, ..broken.clone() });
    if got != at_once {
        return Err(format!("read in pieces {got:?}, at once {at_once:?}"));
    }
    let Some((expected, ends)) = reference(&whole.bytes.0, whole.limits) else { return Ok("not JSON") };
    let (before, after) = (&whole.bytes.0, &input.bytes.0);
    let same = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let complete = ends.iter().filter(|&&end| end < same).count();
    if got.pieces.get(..complete) != Some(&expected.pieces[..complete]) {
        return Err(format!("expected first {:?}, got {got:?}", &expected.pieces[..complete]));
    }
    if let Some((valid, _)) = reference(after, whole.limits) {
        if got != valid {
            return Err(format!("it is valid all the same: expected {valid:?}, got {got:?}"));
        }
        return Ok("still valid");
    }
    Ok(got.fault.unwrap_or("without a fault"))
}

#[test]
fn fuzz_splitter_damaged() {
    let make = |dice: &mut Dice| {
        let whole = Document::random(dice);
        let bytes = Bytes(damaged(dice, &whole.bytes.0));
        Damaged { whole, bytes }
    };
    run("splitter_damaged", 3_000, &["still valid", "structure", "without a fault"], make, check_damaged);
}

/// What a source that breaks off says is told, after all that came before.
#[test]
fn fuzz_splitter_broken_off() {
    struct Breaks<'a>(&'a [u8]);
    impl Read for Breaks<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            match self.0.read(buf) {
                Ok(0) => Err(ObjectFault::GzipTruncated.into()),
                read => read,
            }
        }
    }
    let make = |dice: &mut Dice| {
        let mut document = Document::random(dice);
        let len = dice.roll(document.bytes.0.len() + 1);
        document.reads = Some(len as u64);
        document
    };
    let check = |document: &Document| {
        let Some((expected, ends)) = reference(&document.bytes.0, document.limits) else { return Ok("not JSON") };
        let len = document.reads.unwrap_or_default() as usize;
        let (record_bytes, depth) = document.limits;
        let bytes = &document.bytes.0[..len.min(document.bytes.0.len())];
        let mut splitter = Splitter::new(Breaks(bytes), Limits { record_bytes, depth });
        let mut got = 0;
        let fault = loop {
            match splitter.next() {
                Ok(Some(_)) => got += 1,
                Ok(None) => return Err("it ended as if it were whole".into()),
                Err(fault) => break fault.word(),
            }
        };
        let complete = ends.iter().filter(|&&end| end < len).count();
        let wrong = expected.fault.is_some() && fault == "not_cloudtrail";
        if got < complete || (fault != "gzip_truncated" && !wrong) {
            return Err(format!("expected {complete} pieces and the source's fault, got {got} and {fault}"));
        }
        Ok("broken off")
    };
    run("splitter_broken_off", 2_000, &["broken off"], make, check);
}
