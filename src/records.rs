//! Decompressed bytes in, records out, over one bounded buffer.
//!
//! Input is a sequence of top-level JSON values. An object with a `Records` array is a log file, and each element of
//! the array a record; an object with `eventSource` or `eventName` is itself a record (JSON lines); so is each element
//! of a top-level array; an object with `digestS3Object` is a digest. Records are delimited here, not parsed: a record
//! is whatever stands between a bracket and the one that closes it.
//!
//! Invariant: every element is yielded exactly once, as a record or as what it is instead, or the object fails after
//! all complete elements before the damage were yielded. The buffer holds at most one record and one read.

use std::io::{self, Read};

use crate::error::ObjectFault;
use crate::json::{self, Nesting};

/// How much is asked of the reader at a time.
const READ: usize = 32 * 1024;

/// What delimits a record.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// A longer record is passed by and counted.
    pub(crate) record_bytes: usize,
    /// A record nested deeper is malformed.
    pub(crate) depth: u64,
}

/// One element of the input.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Piece<'a> {
    /// A record: from its opening bracket to the one that closes it.
    Record(&'a [u8]),
    /// An element that can't be a record, and why.
    Malformed(&'static str),
    /// A record longer than the limit, passed by without being held.
    Oversize(u64),
    /// One of CloudTrail's digest files, whole.
    Digest(&'a [u8]),
}

/// Cuts a byte stream into [`Piece`]s.
pub(crate) struct Splitter<R> {
    window: Window<R>,
    limits: Limits,
    place: Place,
    started: bool,
}

/// Where the next byte stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Between top-level values.
    Top,
    /// In a list of records; `in_file` if it is the `Records` of an object.
    List { in_file: bool, after_element: bool },
    /// In a top-level object, behind its `Records`.
    FileRest,
}

/// What the members of a top-level object have said so far.
#[derive(Default)]
struct Kind {
    event: bool,
    digest: bool,
    records: bool,
    deepest: u64,
    first_keys: Vec<String>,
}

impl<R: Read> Splitter<R> {
    /// Over the decompressed bytes of one object.
    pub(crate) fn new(reader: R, limits: Limits) -> Self {
        Self::with_buffer(reader, limits, Vec::new())
    }

    /// The same with a buffer that another one has left.
    pub(crate) fn with_buffer(reader: R, limits: Limits, buffer: Vec<u8>) -> Self {
        Self { window: Window::new(reader, limits.record_bytes, buffer), limits, place: Place::Top, started: false }
    }

    /// Its buffer, for the next.
    pub(crate) fn into_buffer(self) -> Vec<u8> {
        self.window.buf
    }

    /// The reader, to ask it what it has read.
    pub(crate) fn reader(&self) -> &R {
        &self.window.reader
    }

    /// The next element, `None` at a proper end.
    pub(crate) fn next(&mut self) -> Result<Option<Piece<'_>>, ObjectFault> {
        loop {
            let found = match self.place {
                Place::Top => match self.top()? {
                    None => return Ok(None),
                    Some(found) => found,
                },
                Place::List { in_file, after_element } => self.element(in_file, after_element)?,
                Place::FileRest => self.members(Kind { records: true, ..Kind::default() })?,
            };
            if let Some(found) = found {
                return Ok(Some(found.piece(&self.window, &self.limits)));
            }
        }
    }

    fn top(&mut self) -> Result<Option<Option<Found>>, ObjectFault> {
        if !self.started && self.window.starts_with(b"\xef\xbb\xbf")? {
            self.window.advance(3);
        }
        let Some(byte) = self.window.peek_token()? else {
            return if self.started { Ok(None) } else { Err(ObjectFault::Empty) };
        };
        self.started = true;
        match byte {
            b'{' => {
                self.window.hold();
                self.window.advance(1);
                self.members(Kind::default()).map(Some)
            }
            b'[' => {
                self.window.advance(1);
                self.place = Place::List { in_file: false, after_element: false };
                Ok(Some(None))
            }
            _ => Err(ObjectFault::NotCloudTrail(format!(
                "expected `{{` or `[`, found {} at byte {}",
                shown(byte),
                self.window.offset()
            ))),
        }
    }

    /// The members of a top-level object, up to its `Records` or its end.
    fn members(&mut self, mut kind: Kind) -> Result<Option<Found>, ObjectFault> {
        self.place = Place::FileRest;
        loop {
            match self.token("a member or `}`")? {
                b',' => self.window.advance(1),
                b'}' => {
                    self.window.advance(1);
                    self.place = Place::Top;
                    return self.whole(kind);
                }
                b'"' => {
                    let key = self.key()?;
                    if self.token("`:`")? != b':' {
                        return Err(self.lost("expected `:` after a key"));
                    }
                    self.window.advance(1);
                    let value = self.token("a value")?;
                    match key.as_str() {
                        "Records" if value == b'[' => {
                            self.window.advance(1);
                            self.window.release();
                            self.place = Place::List { in_file: true, after_element: false };
                            return Ok(None);
                        }
                        "eventSource" | "eventName" => kind.event = true,
                        "digestS3Object" => kind.digest = true,
                        _ if kind.first_keys.len() < 8 => kind.first_keys.push(key),
                        _ => {}
                    }
                    // The object itself is a level.
                    kind.deepest = kind.deepest.max(self.skip_value(value)? + 1);
                }
                other => {
                    return Err(self.lost(&format!("expected a member or `}}`, found {}", shown(other))));
                }
            }
        }
    }

    /// A top-level object has ended: what was it?
    fn whole(&mut self, kind: Kind) -> Result<Option<Found>, ObjectFault> {
        let found = if kind.records {
            self.window.release();
            return Ok(None);
        } else if kind.digest || kind.event {
            self.window.take()
        } else {
            return Err(ObjectFault::NotCloudTrail(format!(
                "an object with neither `Records` nor `eventName`; its keys begin with {}",
                if kind.first_keys.is_empty() { "none".into() } else { kind.first_keys.join(", ") }
            )));
        };
        let size = found.dropped + (found.end - found.start) as u64;
        if kind.digest && size > self.limits.record_bytes as u64 {
            return Err(ObjectFault::NotCloudTrail(
                "a digest file longer than one record may be; raise `IOTA_MAX_RECORD_BYTES`".into(),
            ));
        }
        Ok(Some(Found { digest: kind.digest, deepest: kind.deepest, ..found }))
    }

    /// One element of a list of records, or the list's end.
    fn element(&mut self, in_file: bool, after_element: bool) -> Result<Option<Found>, ObjectFault> {
        let byte = self.token("a record or `]`")?;
        match byte {
            b']' => {
                self.window.advance(1);
                self.place = if in_file { Place::FileRest } else { Place::Top };
                return Ok(None);
            }
            b',' if after_element => {
                self.window.advance(1);
                self.place = Place::List { in_file, after_element: false };
                return Ok(None);
            }
            _ if after_element => {
                return Err(self.lost(&format!("expected `,` or `]` after a record, found {}", shown(byte))));
            }
            b',' | b'}' | b':' => {
                return Err(self.lost(&format!("expected a record, found {}", shown(byte))));
            }
            _ => {}
        }
        self.place = Place::List { in_file, after_element: true };
        self.window.hold();
        let deepest = self.skip_value(byte)?;
        let found = self.window.take();
        Ok(Some(Found { deepest, object: byte == b'{', ..found }))
    }

    fn skip_value(&mut self, first: u8) -> Result<u64, ObjectFault> {
        match first {
            b'{' | b'[' => {
                let mut nesting = Nesting::default();
                loop {
                    let (used, done) = nesting.scan(self.window.unread(), self.window.ended);
                    self.window.advance(used);
                    if done {
                        return Ok(nesting.deepest());
                    }
                    if !self.window.fill()? {
                        return Err(self.lost("the object ends inside a record"));
                    }
                }
            }
            b'"' => self.window.skip_string(),
            b',' | b']' | b'}' | b':' => Err(self.lost(&format!("expected a value, found {}", shown(first)))),
            _ => loop {
                if let Some(len) = json::scalar_len(self.window.unread()) {
                    self.window.advance(len);
                    return Ok(0);
                }
                let len = self.window.unread().len();
                self.window.advance(len);
                if !self.window.fill()? {
                    return Err(self.lost("the object ends inside a value"));
                }
            },
        }
    }

    /// A key of a top-level object. One too long to be of interest comes back cut.
    fn key(&mut self) -> Result<String, ObjectFault> {
        loop {
            let unread = self.window.unread();
            if let Some(len) = json::string_len(unread).filter(|&len| len <= unread.len()) {
                let key = json::text(&unread[..len]).map(|key| key.chars().take(64).collect()).unwrap_or_default();
                self.window.advance(len);
                return Ok(key);
            }
            if unread.len() > READ {
                self.window.skip_string()?;
                return Ok("(a very long key)".into());
            }
            if !self.window.fill()? {
                return Err(self.lost("the object ends inside a key"));
            }
        }
    }

    fn token(&mut self, expected: &str) -> Result<u8, ObjectFault> {
        match self.window.peek_token()? {
            Some(byte) => Ok(byte),
            None => Err(self.lost(&format!("the object ends where {expected} should follow"))),
        }
    }

    fn lost(&self, what: &str) -> ObjectFault {
        ObjectFault::Structure { offset: self.window.offset(), what: what.into() }
    }
}

/// A byte as an error message shows it.
fn shown(byte: u8) -> String {
    if byte.is_ascii_graphic() { format!("`{}`", byte as char) } else { format!("byte 0x{byte:02x}") }
}

/// An element that was just walked over, as a range of the buffer.
struct Found {
    start: usize,
    end: usize,
    /// Bytes of it that were let go because it grew over the limit.
    dropped: u64,
    deepest: u64,
    digest: bool,
    object: bool,
}

impl Found {
    fn piece<'a, R>(&self, window: &'a Window<R>, limits: &Limits) -> Piece<'a> {
        let bytes = &window.buf[self.start..self.end];
        let size = self.dropped + bytes.len() as u64;
        if self.digest {
            Piece::Digest(bytes)
        } else if !self.object {
            Piece::Malformed("not an object")
        } else if size > limits.record_bytes as u64 {
            Piece::Oversize(size)
        } else if self.deepest > limits.depth {
            Piece::Malformed("nested too deep")
        } else {
            Piece::Record(bytes)
        }
    }
}

/// The one buffer: what was read and not yet walked over, and before it the element being held.
struct Window<R> {
    reader: R,
    buf: Vec<u8>,
    /// First byte not walked over.
    at: usize,
    /// End of what was read.
    end: usize,
    /// Start of the element being held.
    held: Option<usize>,
    dropped: u64,
    /// Offset of `buf[0]` in the stream.
    base: u64,
    limit: usize,
    ended: bool,
    /// What ended the stream, if it was no proper end. It is told once all that came before it is walked over.
    fault: Option<ObjectFault>,
}

impl<R: Read> Window<R> {
    fn new(reader: R, limit: usize, mut buf: Vec<u8>) -> Self {
        // A record that was large does not cost its memory for ever.
        buf.truncate(2 * READ);
        buf.shrink_to(2 * READ);
        buf.resize(2 * READ, 0);
        Self { reader, buf, at: 0, end: 0, held: None, dropped: 0, base: 0, limit, ended: false, fault: None }
    }

    fn unread(&self) -> &[u8] {
        &self.buf[self.at..self.end]
    }

    fn advance(&mut self, len: usize) {
        self.at += len;
    }

    /// Keep what follows until [`Window::take`] or [`Window::release`].
    fn hold(&mut self) {
        self.held = Some(self.at);
        self.dropped = 0;
    }

    fn release(&mut self) {
        self.held = None;
        self.dropped = 0;
    }

    fn take(&mut self) -> Found {
        let start = self.held.take().unwrap_or(self.at);
        let dropped = std::mem::take(&mut self.dropped);
        Found { start, end: self.at, dropped, deepest: 0, digest: false, object: true }
    }

    /// The next byte that is not white space, without walking over it.
    fn peek_token(&mut self) -> Result<Option<u8>, ObjectFault> {
        loop {
            let spaces = json::spaces(self.unread());
            self.advance(spaces);
            if let Some(&byte) = self.unread().first() {
                return Ok(Some(byte));
            }
            if !self.fill()? {
                return Ok(None);
            }
        }
    }

    fn starts_with(&mut self, prefix: &[u8]) -> Result<bool, ObjectFault> {
        while self.unread().len() < prefix.len() && self.fill()? {}
        Ok(self.unread().starts_with(prefix))
    }

    fn skip_string(&mut self) -> Result<u64, ObjectFault> {
        self.advance(1);
        let mut escaped = false;
        loop {
            let mut used = 0;
            for &byte in self.unread() {
                used += 1;
                match byte {
                    _ if escaped => escaped = false,
                    b'\\' => escaped = true,
                    b'"' => {
                        self.advance(used);
                        return Ok(0);
                    }
                    _ => {}
                }
            }
            self.advance(used);
            if !self.fill()? {
                let what = "the object ends inside a string".into();
                return Err(ObjectFault::Structure { offset: self.offset(), what });
            }
        }
    }

    /// Reads more; false at the end of the stream.
    fn fill(&mut self) -> Result<bool, ObjectFault> {
        if self.ended {
            return self.fault.take().map_or(Ok(false), Err);
        }
        if self.buf.len() - self.end < READ {
            self.make_room();
        }
        loop {
            match self.reader.read(&mut self.buf[self.end..]) {
                Ok(0) => {
                    self.ended = true;
                    // There may be less than a block left over, which now can be looked at.
                    return Ok(self.at < self.end);
                }
                Ok(read) => {
                    self.end += read;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.fault = Some(ObjectFault::from_io(error));
                    return if self.at < self.end { Ok(true) } else { self.fill() };
                }
            }
        }
    }

    /// Moves what is needed to the front; lets go of a held element that is over the limit already.
    fn make_room(&mut self) {
        if let Some(held) = self.held.filter(|&held| self.at - held > self.limit) {
            self.dropped += (self.at - held) as u64;
            self.held = Some(self.at);
        }
        let from = self.held.unwrap_or(self.at);
        self.buf.copy_within(from..self.end, 0);
        self.base += from as u64;
        self.at -= from;
        self.end -= from;
        self.held = self.held.map(|_| 0);
        if self.buf.len() - self.end < READ {
            self.buf.resize((self.buf.len() * 2).min(self.limit + 4 * READ), 0);
        }
    }
}

impl<R> Window<R> {
    fn offset(&self) -> u64 {
        self.base + self.at as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { record_bytes: 1000, depth: 40 };

    /// Hands out at most `step` bytes at a time, like a slow network.
    struct Slow<'a> {
        bytes: &'a [u8],
        step: usize,
    }

    impl Read for Slow<'_> {
        fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
            let len = self.step.min(self.bytes.len()).min(buf.len());
            buf[..len].copy_from_slice(&self.bytes[..len]);
            self.bytes = &self.bytes[len..];
            Ok(len)
        }
    }

    /// The pieces as short texts, the last one the word of the fault if there was one.
    fn split(input: &[u8], step: usize) -> Vec<String> {
        let mut splitter = Splitter::new(Slow { bytes: input, step }, LIMITS);
        let mut pieces = Vec::new();
        loop {
            match splitter.next() {
                Ok(None) => return pieces,
                Ok(Some(Piece::Record(bytes))) => pieces.push(String::from_utf8_lossy(bytes).into_owned()),
                Ok(Some(Piece::Malformed(why))) => pieces.push(format!("malformed: {why}")),
                Ok(Some(Piece::Oversize(size))) => pieces.push(format!("oversize: {size}")),
                Ok(Some(Piece::Digest(_))) => pieces.push("digest".into()),
                Err(fault) => {
                    pieces.push(format!("fault: {}", fault.word()));
                    return pieces;
                }
            }
        }
    }

    #[track_caller]
    fn check(input: &[u8], expected: &[&str]) {
        for step in [1, 63, 100_000] {
            assert_eq!(split(input, step), expected, "step {step}, input {}", String::from_utf8_lossy(input));
        }
    }

    #[test]
    fn forms_of_input() {
        check(br#"{"Records":[{"a":1},{"b":2}]}"#, &[r#"{"a":1}"#, r#"{"b":2}"#]);
        check(br#"{"x":{"Records":[1]},"Records":[{"a":1}],"y":[2]}"#, &[r#"{"a":1}"#]);
        check(br#"{"\u0052ecords":[{"a":1}]}"#, &[r#"{"a":1}"#]);
        check(br#"[{"a":1}, {"b":2} ]"#, &[r#"{"a":1}"#, r#"{"b":2}"#]);
        check(b"{\"eventName\":1}\n{\"eventSource\":2}\n", &[r#"{"eventName":1}"#, r#"{"eventSource":2}"#]);
        check(b"\xef\xbb\xbf{\"Records\":[]}", &[]);
        check(br#"{"Records":[]}{"Records":[{}]} {"eventName":3}"#, &["{}", r#"{"eventName":3}"#]);
        check(br#"{"digestS3Object":"x","logFiles":[]}"#, &["digest"]);
        let long = format!(r#"{{"digestS3Object":"{}"}}"#, "x".repeat(1_000));
        check(long.as_bytes(), &["fault: not_cloudtrail"]);
        check(br#"{"Records":[{"a":1}],"Records":[{"b":1}]}"#, &[r#"{"a":1}"#, r#"{"b":1}"#]);
    }

    #[test]
    fn what_is_not_cloudtrail() {
        check(b"", &["fault: empty"]);
        check(b" \n ", &["fault: empty"]);
        check(b"hello", &["fault: not_cloudtrail"]);
        check(b"{}", &["fault: not_cloudtrail"]);
        check(br#"{"Records":null}"#, &["fault: not_cloudtrail"]);
        check(br#"{"foo":[{"eventName":1}]}"#, &["fault: not_cloudtrail"]);
        check(b"{\"eventName\":1}\nrubbish", &[r#"{"eventName":1}"#, "fault: not_cloudtrail"]);
    }

    #[test]
    fn elements_that_are_no_records() {
        let not = "malformed: not an object";
        check(br#"[1,"x",null,[{}],{"a":1}]"#, &[not, not, not, not, r#"{"a":1}"#]);
        let deep = [&b"[{\"a\":"[..], &b"[".repeat(40), &b"]".repeat(40), b"},{}]"].concat();
        check(&deep, &["malformed: nested too deep", "{}"]);
        let deep_line = [&b"{\"eventName\":"[..], &b"[".repeat(40), &b"]".repeat(40), b"}{\"eventName\":1}"].concat();
        check(&deep_line, &["malformed: nested too deep", r#"{"eventName":1}"#]);
        let long = [&b"[{\"a\":\""[..], &b"x".repeat(300_000), b"\"},{}]"].concat();
        check(&long, &["oversize: 300008", "{}"]);
        let long_line = [&b"{\"eventName\":\""[..], &b"x".repeat(300_000), b"\"}\n{\"eventName\":1}"].concat();
        check(&long_line, &["oversize: 300016", r#"{"eventName":1}"#]);
    }

    #[test]
    fn structure_lost() {
        let lost = "fault: structure";
        check(br#"{"Records":[{"a":1},{"b":"#, &[r#"{"a":1}"#, lost]);
        check(br#"{"Records":[{"a":1}"#, &[r#"{"a":1}"#, lost]);
        check(br#"{"Records":[{"a":1}]"#, &[r#"{"a":1}"#, lost]);
        check(br#"{"Records":[{"a":1}}]}"#, &[r#"{"a":1}"#, lost]);
        check(br#"{"Records":[{"a":1}{"b":2}]}"#, &[r#"{"a":1}"#, lost]);
        check(br#"{"Records":[,{"a":1}]}"#, &[lost]);
        check(br#"{"Records"#, &[lost]);
        check(br#"{"Records" [{}]}"#, &[lost]);
        check(br#"{"Records":[{"a":"}]}"#, &[lost]);
    }

    #[test]
    fn the_buffer_stays_bounded() {
        let record = [&b"{\"a\":\""[..], &b"x".repeat(900), b"\"},"].concat();
        let input = [&b"["[..], &record.repeat(5_000), b"{}]"].concat();
        let mut splitter = Splitter::new(&input[..], LIMITS);
        let mut count = 0;
        while splitter.next().expect("whole").is_some() {
            count += 1;
        }
        assert_eq!(count, 5_001);
        assert!(splitter.window.buf.len() <= 2 * READ + LIMITS.record_bytes, "buffer {}", splitter.window.buf.len());
    }
}
