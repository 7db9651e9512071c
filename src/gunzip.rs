//! Bytes of an object in, decompressed bytes out, with an end.
//!
//! Gzip is recognised by its magic bytes, never by a header or a suffix: copies and exports of CloudTrail files lose
//! both. All members are read. A plain stream passes through. The output is capped, so a decompression bomb costs
//! its limit and no more.

use std::io::{self, BufRead, Read};

use flate2::bufread::MultiGzDecoder;

use crate::error::ObjectFault;

const MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A bounded reader of the decompressed bytes of one object.
pub(crate) struct Gunzip<R: BufRead> {
    inner: Inner<R>,
    /// The first header, of which the magic bytes are only the beginning, was one.
    headed: bool,
    left: u64,
    limit: u64,
}

type Rewound<R> = io::Chain<io::Cursor<Vec<u8>>, R>;

enum Inner<R: BufRead> {
    Plain(Rewound<R>),
    Gzip(Box<MultiGzDecoder<Rewound<R>>>),
}

impl<R: BufRead> Gunzip<R> {
    /// Looks at the first two bytes of `reader` and chooses. An object without a byte is an [`ObjectFault::Empty`].
    pub(crate) fn new(mut reader: R, limit: u64) -> Result<Self, ObjectFault> {
        let mut head = Vec::with_capacity(MAGIC.len());
        reader.by_ref().take(MAGIC.len() as u64).read_to_end(&mut head).map_err(ObjectFault::from_io)?;
        if head.is_empty() {
            return Err(ObjectFault::Empty);
        }
        let gzip = head == MAGIC;
        let rewound = io::Cursor::new(head).chain(reader);
        let inner = if gzip { Inner::Gzip(Box::new(MultiGzDecoder::new(rewound))) } else { Inner::Plain(rewound) };
        let headed = matches!(&inner, Inner::Gzip(decoder) if decoder.header().is_some());
        Ok(Self { inner, headed, left: limit, limit })
    }

    /// The reader of the compressed bytes.
    pub(crate) fn source(&self) -> &R {
        match &self.inner {
            Inner::Plain(rewound) => rewound.get_ref().1,
            Inner::Gzip(decoder) => decoder.get_ref().get_ref().1,
        }
    }

    /// Decompressed bytes so far.
    pub(crate) fn bytes_out(&self) -> u64 {
        self.limit - self.left
    }
}

impl<R: BufRead> Read for Gunzip<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        if buf.is_empty() {
            return Ok(0);
        }
        // One byte more than is allowed tells "exactly the limit" from "over it".
        let room = buf.len().min(usize::try_from(self.left.saturating_add(1)).unwrap_or(usize::MAX));
        let read = match &mut self.inner {
            Inner::Plain(reader) => reader.read(&mut buf[..room])?,
            Inner::Gzip(reader) => reader.read(&mut buf[..room]).map_err(|e| gzip_fault(e, self.headed))?,
        };
        match self.left.checked_sub(read as u64) {
            Some(left) => self.left = left,
            None => return Err(ObjectFault::TooLarge(self.limit).into()),
        }
        Ok(read)
    }
}

/// A fault of the source passes as it is; what the decoder itself says becomes one of ours. `headed`: a bad header can
/// only follow a whole member.
fn gzip_fault(error: io::Error, headed: bool) -> io::Error {
    if error.get_ref().is_some_and(|inner| inner.is::<ObjectFault>()) {
        return error;
    }
    match error.kind() {
        io::ErrorKind::UnexpectedEof => ObjectFault::GzipTruncated.into(),
        io::ErrorKind::InvalidInput if headed && error.to_string().contains("header") => {
            ObjectFault::GzipTrailing.into()
        }
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => ObjectFault::GzipCorrupt(error.to_string()).into(),
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(bytes).expect("write to a vector");
        encoder.finish().expect("finish a vector")
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut state = 1_u64;
        let mut byte = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 56) as u8
        };
        (0..len).map(|_| byte()).collect()
    }

    /// What came out, and the word of the fault that ended it.
    #[track_caller]
    fn check(input: &[u8], limit: u64, expected: &[u8], fault: Option<&str>) {
        let mut out = Vec::new();
        let got = match Gunzip::new(input, limit) {
            Err(fault) => Some(fault.word()),
            Ok(mut reader) => reader.read_to_end(&mut out).err().map(|e| ObjectFault::from_io(e).word()),
        };
        assert_eq!((out.len(), got), (expected.len(), fault));
        assert_eq!(out, expected);
    }

    #[test]
    fn members_and_plain_input() {
        check(b"", 10, b"", Some("empty"));
        check(b"{", 10, b"{", None);
        check(b"plain text", 10, b"plain text", None);
        check(&gzip(b"one"), 10, b"one", None);
        check(&[gzip(b"one"), gzip(b""), gzip(b"two")].concat(), 10, b"onetwo", None);
    }

    #[test]
    fn damage_is_told_apart() {
        let whole = gzip(b"some text that is long enough to be cut");
        check(
            &[whole.clone(), b"junk after the end".to_vec()].concat(),
            100,
            b"some text that is long enough to be cut",
            Some("gzip_trailing"),
        );
        check(&whole[..10], 100, b"", Some("gzip_truncated"));
        // A method that nobody knows, behind the magic bytes.
        check(b"\x1f\x8b\x07 and so on, for long enough", 100, b"", Some("gzip_corrupt"));
        let text = noise(5_000);
        let mut damaged = gzip(&text);
        let last = damaged.len() - 6;
        damaged[last] ^= 0xff; // the stored checksum
        check(&damaged, 10_000, &text, Some("gzip_corrupt"));
    }

    #[test]
    fn the_limit_is_exact() {
        check(b"12345", 5, b"12345", None);
        check(&gzip(b"12345"), 5, b"12345", None);
        check(&gzip(&vec![0; 1 << 20]), 0, b"", Some("too_large"));
    }
}
