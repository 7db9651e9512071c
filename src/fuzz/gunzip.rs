//! The gzip wrapper: beside `flate2`'s own decoder of all members, with reads of the same sizes.

use std::io::{self, BufReader, Read, Write as _};

use flate2::bufread::MultiGzDecoder;
use flate2::{Compression, GzBuilder};

use super::{Bytes, Dice, Input, run, shrunk_bytes};
use crate::error::ObjectFault;
use crate::gunzip::Gunzip;

/// Enough for all that is packed here.
const PLENTY: u64 = 1 << 20;

#[derive(Debug)]
struct Stream {
    bytes: Bytes,
    limit: u64,
    /// Of the reader below, in bytes.
    buffer: usize,
    /// The dice of the sizes of reads.
    reads: u64,
}

impl Input for Stream {
    fn shrunk(self, fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        let bytes =
            shrunk_bytes(self.bytes.0.clone(), &mut |bytes| fails(&Self { bytes: Bytes(bytes.to_vec()), ..self }));
        Self { bytes: Bytes(bytes), ..self }
    }
}

fn content(dice: &mut Dice) -> Vec<u8> {
    match dice.roll(5) {
        0 => Vec::new(),
        1 => (0..dice.roll(3_000)).map(|_| dice.roll(256) as u8).collect(),
        2 => vec![dice.of(b"a\0"); if dice.once_in(10) { 60_000 } else { dice.roll(2_000) }],
        _ => "{\"Records\":[{\"eventName\":\"X\"}]}".repeat(dice.roll(40)).into_bytes(),
    }
}

fn member(dice: &mut Dice) -> Vec<u8> {
    let mut builder = GzBuilder::new();
    if dice.once_in(4) {
        builder = builder.filename("a name").comment("said").extra(vec![1, 2, 3]).mtime(7);
    }
    let level = Compression::new(dice.of(&[0, 1, 6, 9]));
    let mut encoder = builder.write(Vec::new(), level);
    encoder.write_all(&content(dice)).expect("a vector");
    encoder.finish().expect("a vector")
}

/// Packing is slow: streams are put together from these.
fn members() -> Vec<Vec<u8>> {
    let mut dice = Dice::new(super::seed(), u64::MAX);
    (0..300).map(|_| member(&mut dice)).collect()
}

fn stream(dice: &mut Dice, members: &[Vec<u8>]) -> Stream {
    let mut bytes = Vec::new();
    for _ in 0..dice.of(&[0, 1, 1, 1, 1, 2, 3]) {
        bytes.extend_from_slice(&members[dice.roll(members.len())]);
    }
    match dice.roll(9) {
        0 => bytes.truncate(dice.roll(bytes.len() + 1)),
        1 => bytes.extend_from_slice(dice.of::<&[u8]>(&[
            b"junk of a length",
            b"\0",
            b"\x1f",
            b"\x1f\x8b",
            b"\x1f\x8b\x07",
            b"{}",
        ])),
        2 | 3 if !bytes.is_empty() => {
            let within = dice.of(&[12, 60, usize::MAX]);
            let at = dice.roll(bytes.len().min(within));
            bytes[at] ^= 1 << dice.roll(8);
        }
        4 => bytes = content(dice),
        _ => {}
    }
    let limit = if dice.once_in(2) { PLENTY } else { dice.of(&[0, 1, 31, 62, 100, 1_000, 40_000]) };
    Stream { bytes: Bytes(bytes), limit, buffer: dice.of(&[1, 2, 3, 64, 32_768]), reads: dice.seed() }
}

/// Reads to the end with sizes by dice; what came, and what ended it.
fn drained(mut reader: impl Read, reads: u64) -> (Vec<u8>, Option<io::Error>) {
    let mut dice = Dice::new(reads, 0);
    let sizes = dice.of::<&[usize]>(&[&[32_768], &[32_768, 1, 0, 700], &[1_000, 7]]);
    let (mut out, mut buf) = (Vec::new(), vec![0; 32_768]);
    loop {
        let size = dice.of(sizes);
        match reader.read(&mut buf[..size]) {
            Ok(0) if size > 0 => return (out, None),
            Ok(read) => out.extend_from_slice(&buf[..read]),
            Err(error) => return (out, Some(error)),
        }
    }
}

/// What our words must be, by what the decoder says, and whether the first header was one.
fn expected_word(error: &io::Error, headed: bool) -> &'static str {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => "gzip_truncated",
        _ if headed && error.to_string().contains("header") => "gzip_trailing",
        _ => "gzip_corrupt",
    }
}

fn check(stream: &Stream) -> Result<&'static str, String> {
    let bytes = &stream.bytes.0;
    let source = || BufReader::with_capacity(stream.buffer, &bytes[..]);
    let (expected, error) = if bytes.starts_with(&[0x1f, 0x8b]) {
        let decoder = MultiGzDecoder::new(source());
        let headed = decoder.header().is_some();
        let (out, error) = drained(decoder, stream.reads);
        (out, error.map(|error| expected_word(&error, headed)))
    } else {
        (bytes.clone(), if bytes.is_empty() { Some("empty") } else { None })
    };
    let mut bytes_out = 0;
    let (got, word) = match Gunzip::new(source(), stream.limit) {
        Err(fault) => (Vec::new(), Some(fault.word())),
        Ok(mut reader) => {
            let (out, error) = drained(&mut reader, stream.reads);
            bytes_out = reader.bytes_out();
            (out, error.map(|error| ObjectFault::from_io(error).word()))
        }
    };
    let told = format!("{} bytes and {word:?}, expected {} and {error:?}", got.len(), expected.len());
    if bytes_out != got.len() as u64 || bytes_out > stream.limit {
        return Err(format!("it counts {bytes_out} of at most {}: {told}", stream.limit));
    }
    if expected.len() as u64 <= stream.limit && word != Some("too_large") {
        return if (&got, word) == (&expected, error) { Ok(word.unwrap_or("whole")) } else { Err(told) };
    }
    // Over the limit, in the last read of the decoder at the latest: what came is how it begins.
    let over = word == Some("too_large") && (expected.len() as u64 > stream.limit || error.is_some());
    if over && expected.starts_with(&got) { Ok("too_large") } else { Err(told) }
}

#[test]
fn fuzz_gunzip() {
    let members = members();
    let kinds = ["whole", "empty", "too_large", "gzip_truncated", "gzip_trailing", "gzip_corrupt"];
    run("gunzip", 3_000, &kinds, |dice| stream(dice, &members), check);
}
