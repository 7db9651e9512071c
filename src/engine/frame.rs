//! Frames as bytes: a length, a header, a body. It knows nothing of what they say.

use std::io::{self, Read};

/// A reply is never longer.
pub(super) const MAX_REPLY: usize = 1024 * 1024;

const LENGTHS: usize = 8;
/// At most so much is read at once.
const READ: usize = 64 * 1024;

/// One frame to be written: both lengths and the header; the body follows it.
pub(super) fn head(header: &[u8], body_len: usize) -> Vec<u8> {
    let length = |len: usize| u32::try_from(len).unwrap_or(u32::MAX).to_be_bytes();
    [&length(4 + header.len() + body_len)[..], &length(header.len()), header].concat()
}

/// Takes what was read and gives back whole frames.
#[derive(Default)]
pub(super) struct Frames {
    /// What is no frame yet lies between `at` and `end`.
    buf: Vec<u8>,
    at: usize,
    end: usize,
    /// What every frame ends with.
    seal: Vec<u8>,
}

/// Bytes that can't be a frame of ours.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct NotAFrame(pub(super) u32);

impl Frames {
    /// From now on only frames that end with `seal` are frames.
    pub(super) fn require(&mut self, seal: &str) {
        self.seal = seal.as_bytes().to_vec();
    }

    /// Reads once from the other side; tells how much.
    pub(super) fn read_from(&mut self, source: &mut impl Read) -> io::Result<usize> {
        if self.at == self.end {
            (self.at, self.end) = (0, 0);
        } else if self.at > MAX_REPLY {
            self.buf.copy_within(self.at..self.end, 0);
            (self.at, self.end) = (0, self.end - self.at);
        }
        if self.buf.len() < self.end + READ {
            self.buf.resize(self.end + READ, 0);
        }
        let read = source.read(&mut self.buf[self.end..])?;
        self.end += read;
        Ok(read)
    }

    /// The header of the next whole frame, `None` until there is one. Replies have no body but the seal.
    pub(super) fn next(&mut self) -> Result<Option<&[u8]>, NotAFrame> {
        let unread = &self.buf[self.at..self.end];
        let length = |at: usize| Some(u32::from_be_bytes(unread.get(at..at + 4)?.try_into().ok()?));
        let Some(total) = length(0) else { return Ok(None) };
        if total < 4 || total as usize > MAX_REPLY {
            return Err(NotAFrame(total));
        }
        let end = 4 + total as usize;
        let (Some(header), true) = (length(4), unread.len() >= end) else { return Ok(None) };
        if header as usize + self.seal.len() != end - LENGTHS || !unread[..end].ends_with(&self.seal) {
            return Err(NotAFrame(header));
        }
        let start = self.at + LENGTHS;
        self.at += end;
        Ok(Some(&self.buf[start..self.at - self.seal.len()]))
    }

    /// Bytes of memory.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.buf.capacity()
    }

    /// True if nothing is left over.
    pub(super) fn is_empty(&self) -> bool {
        self.at == self.end
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn feed(frames: &mut Frames, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            frames.read_from(&mut bytes).expect("a slice");
        }
    }

    #[test]
    fn frames_come_back_whole_however_they_arrive() {
        let stream = [head(b"{\"a\":1}", 0), head(b"{}", 0)].concat();
        for step in 1..stream.len() {
            let mut frames = Frames::default();
            let mut got = Vec::new();
            for piece in stream.chunks(step) {
                feed(&mut frames, piece);
                while let Some(header) = frames.next().expect("well formed") {
                    got.push(String::from_utf8_lossy(header).into_owned());
                }
            }
            assert_eq!(got, ["{\"a\":1}", "{}"], "step {step}");
            assert!(frames.is_empty());
        }
    }

    #[test]
    fn what_is_no_frame_is_refused() {
        let check = |bytes: &[u8], expected| {
            let mut frames = Frames::default();
            feed(&mut frames, bytes);
            assert_eq!(frames.next().map(|header| header.map(<[u8]>::to_vec)), expected, "{bytes:?}");
        };
        check(b"Traceback (most recent", Err(NotAFrame(u32::from_be_bytes(*b"Trac"))));
        check(&[0, 0, 0, 3, 0, 0, 0, 0], Err(NotAFrame(3)));
        check(&[0, 0, 0, 6, 0, 0, 0, 9, 1, 2], Err(NotAFrame(9)));
        check(&[0, 0, 0, 6, 0, 0, 0, 2, 1], Ok(None));
    }

    #[test]
    fn a_frame_without_the_seal_is_none() {
        let sealed = |seal: &str| [&[0, 0, 0, 9, 0, 0, 0, 2][..], b"{}", seal.as_bytes()].concat();
        let mut frames = Frames::default();
        frames.require("abc");
        feed(&mut frames, &sealed("abc"));
        assert_eq!(frames.next(), Ok(Some(&b"{}"[..])));
        feed(&mut frames, &sealed("abd"));
        assert_eq!(frames.next(), Err(NotAFrame(2)));
        let mut frames = Frames::default();
        frames.require("abc");
        feed(&mut frames, &head(b"{}", 0));
        assert_eq!(frames.next(), Err(NotAFrame(2)));
    }
}
