//! Frames and replies under any bytes: a model of the protocol says what must come out.

use crate::fuzz::{Bytes, Dice, Input, damaged, run, shrunk_bytes};

use super::frame::{Frames, MAX_REPLY, NotAFrame, head};
use super::message::{Reply, Verdict, check_skipped, check_verdicts};

/// What the reader may hold: a frame that is over, one that is not, and a read.
const MAX_HELD: usize = 3 * MAX_REPLY;

/// A stream of a worker, and what comes out of it.
#[derive(Debug, Clone)]
struct Stream {
    bytes: Bytes,
    seal: String,
    reads: u64,
}

impl Input for Stream {
    fn shrunk(self, fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        let with = |bytes: &[u8]| Self { bytes: Bytes(bytes.to_vec()), ..self.clone() };
        let bytes = shrunk_bytes(self.bytes.0.clone(), &mut |bytes| fails(&with(bytes)));
        with(&bytes)
    }
}

fn header(dice: &mut Dice) -> Vec<u8> {
    let most = if dice.once_in(2_000) { MAX_REPLY - 100 } else { dice.of(&[1, 3, 40, 400]) };
    let len = dice.roll(most);
    match dice.roll(3) {
        0 => vec![b'x'; len],
        1 => (0..len.min(400)).map(|_| dice.roll(256) as u8).collect(),
        _ => br#"{"type":"item","seq":1,"i":0,"verdicts":[]}"#.to_vec(),
    }
}

fn stream(dice: &mut Dice) -> Stream {
    let seal = dice.of(&["", "", "s", "0123456789abcdef"]);
    let mut bytes = Vec::new();
    for _ in 0..dice.roll(5) {
        let header = header(dice);
        let seal = if dice.once_in(30) { "another" } else { seal };
        bytes.extend_from_slice(&head(&header, seal.len()));
        bytes.extend_from_slice(seal.as_bytes());
    }
    match dice.roll(6) {
        0 => bytes = damaged(dice, &bytes),
        1 => bytes.extend((0..dice.roll(40)).map(|_| dice.roll(256) as u8)),
        2 => bytes.extend_from_slice(
            &dice.of(&[0_u32, 3, 4, 8, MAX_REPLY as u32, MAX_REPLY as u32 + 1, u32::MAX]).to_be_bytes(),
        ),
        3 => bytes.truncate(dice.roll(bytes.len() + 1)),
        _ => {}
    }
    Stream { bytes: Bytes(bytes), seal: seal.to_owned(), reads: dice.seed() }
}

/// All frames of the bytes, and how it ends: with an error, or with so many bytes left over.
type Taken = (Vec<Vec<u8>>, Result<usize, NotAFrame>);

/// `docs/engine-protocol.md`, read plainly.
fn model(mut bytes: &[u8], seal: &[u8]) -> Taken {
    let mut frames = Vec::new();
    let number = |bytes: &[u8]| u32::from_be_bytes(bytes.try_into().expect("four bytes"));
    while bytes.len() >= 4 {
        let total = number(&bytes[..4]);
        if total < 4 || total as usize > MAX_REPLY {
            return (frames, Err(NotAFrame(total)));
        }
        let Some((frame, rest)) = bytes[4..].split_at_checked(total as usize) else { break };
        let (len, frame) = (number(&frame[..4]), &frame[4..]);
        if frame.len() != len as usize + seal.len() || !frame.ends_with(seal) {
            return (frames, Err(NotAFrame(len)));
        }
        frames.push(frame[..len as usize].to_vec());
        bytes = rest;
    }
    (frames, Ok(bytes.len()))
}

fn taken(stream: &Stream) -> Result<Taken, String> {
    let mut dice = Dice::new(stream.reads, 0);
    let mut frames = Frames::default();
    frames.require(&stream.seal);
    let (mut got, mut rest) = (Vec::new(), &stream.bytes.0[..]);
    while !rest.is_empty() {
        let len = dice.of(&[1, 3, 8, 100, 70_000]).min(rest.len());
        let (mut piece, after) = rest.split_at(len);
        while !piece.is_empty() {
            frames.read_from(&mut piece).map_err(|e| e.to_string())?;
        }
        rest = after;
        loop {
            match frames.next() {
                Ok(None) => break,
                Ok(Some(header)) => got.push(header.to_vec()),
                Err(error) => return Ok((got, Err(error))),
            }
        }
        if frames.held() > MAX_HELD {
            return Err(format!("it holds {} bytes", frames.held()));
        }
    }
    let left = stream.bytes.0.len() - got.iter().map(|header| 8 + header.len() + stream.seal.len()).sum::<usize>();
    if frames.is_empty() != (left == 0) {
        return Err(format!("{left} bytes are left over, and it says otherwise"));
    }
    Ok((got, Ok(left)))
}

fn check_stream(stream: &Stream) -> Result<&'static str, String> {
    let (expected, got) = (model(&stream.bytes.0, stream.seal.as_bytes()), taken(stream)?);
    if got != expected {
        return Err(format!("expected {expected:?}, got {got:?}"));
    }
    Ok(match got.1 {
        Ok(0) => "whole",
        Ok(_) => "cut off",
        Err(_) => "no frame",
    })
}

#[test]
fn fuzz_frames() {
    run("frames", 3_000, &["whole", "cut off", "no frame"], stream, check_stream);
}

/// The replies to one item, and what was asked.
#[derive(Debug)]
struct Answers {
    replies: Vec<Bytes>,
    asked: Option<Vec<u32>>,
    rules: usize,
}

impl Input for Answers {}

fn answers(dice: &mut Dice) -> Answers {
    let rules = 1 + dice.roll(9);
    let asked = dice.once_in(2).then(|| (0..rules as u32 + 2).filter(|_| dice.once_in(2)).collect::<Vec<u32>>());
    let all: Vec<u32> = asked.clone().unwrap_or_else(|| (0..rules as u32).collect());
    let mut given: Vec<u32> = all.into_iter().filter(|_| !dice.once_in(3)).collect();
    match dice.roll(8) {
        0 => given.push(dice.roll(rules + 2) as u32),
        1 => given.insert(0, dice.of(&[0, 1, u32::MAX])),
        2 if given.len() > 1 => given.swap(0, 1),
        _ => {}
    }
    let skipped: Vec<u32> = given.iter().copied().filter(|_| dice.once_in(8)).collect();
    let said = |dice: &mut Dice, rule: &u32| {
        let context = dice.of(&["null", "{}", "{\"a\":[1]}", "\"x\""]);
        let error = r#"[{"phase":"rule","failure":"raise","exception":"E"}]"#;
        let errors = dice.of(&["[]", error]);
        format!(r#"{{"rule":{rule},"match":true,"title":"t","severity":"HIGH","context":{context},"errors":{errors}}}"#)
    };
    let parts = given.split_at(dice.roll(given.len() + 1));
    let reply = |verdicts: &[u32], dice: &mut Dice| {
        let verdicts: Vec<String> = verdicts.iter().map(|rule| said(dice, rule)).collect();
        let text = format!(
            r#"{{"type":"item","seq":1,"i":0,"more":false,"skipped":{skipped:?},"verdicts":[{}]}}"#,
            verdicts.join(",")
        );
        Bytes(if dice.once_in(4) { damaged(dice, text.as_bytes()) } else { text.into_bytes() })
    };
    Answers { replies: vec![reply(parts.0, dice), reply(parts.1, dice)], asked, rules }
}

fn check_answers(answers: &Answers) -> Result<&'static str, String> {
    let (mut last, mut before): (Option<u32>, Vec<u32>) = (None, Vec::new());
    let asked = answers.asked.as_deref();
    let may = |rule: u32| match asked {
        Some(asked) => asked.contains(&rule),
        None => (rule as usize) < answers.rules,
    };
    let mut kind = "accepted";
    for bytes in &answers.replies {
        let reply = match Reply::parse(&bytes.0) {
            Ok(Reply::Item(reply)) => reply,
            Ok(_) => return Ok("another reply"),
            // Nothing is refused that another parser takes for such a reply, but for its types.
            Err(_) => return Ok("no reply"),
        };
        let rules: Vec<u32> = reply.verdicts.iter().map(|verdict: &Verdict| verdict.rule).collect();
        let expected = rules.iter().all(|&rule| may(rule)) && [&before[..], &rules].concat().is_sorted_by(|a, b| a < b);
        let got = check_verdicts(&reply.verdicts, asked, answers.rules, &mut last);
        if got.is_ok() != expected {
            return Err(format!("verdicts {rules:?} after {before:?}: {got:?}, expected {expected}"));
        }
        let skipped = reply.skipped.iter().all(|&rule| may(rule)) && reply.skipped.is_sorted_by(|a, b| a < b);
        let got = check_skipped(&reply.skipped, asked, answers.rules);
        if got.is_ok() != skipped {
            return Err(format!("skipped {:?}: {got:?}, expected {skipped}", reply.skipped));
        }
        if !expected {
            return Ok("refused");
        }
        if !skipped {
            kind = "skips refused";
        }
        before.extend(rules);
    }
    Ok(kind)
}

#[test]
fn fuzz_replies() {
    run("replies", 5_000, &["accepted", "refused", "no reply"], answers, check_answers);
}
