//! Lines out: one JSON object per line, whole, in one write. The only place that prints them.
//!
//! A line begins with the fields that every kind shares; the rest is what the caller made. The time is the time of
//! printing. A line that can't be written is an error of the object it belongs to, never silence.

use std::io::{self, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::Serialize;
use time::OffsetDateTime;

use crate::error::ObjectFault;
use crate::json;

/// What a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// Somebody should look.
    Alert,
    /// A match that is no alert.
    Signal,
    /// A match that an exception hides.
    Suppressed,
    /// A rule failed.
    RuleError,
    /// Something weakens detection.
    Health,
    /// One log file's account.
    Object,
    /// One of CloudTrail's digest files.
    Digest,
    /// Words for people.
    Log,
    /// CloudWatch metrics in embedded metric format.
    Metrics,
}

impl Kind {
    /// The value of `kind`.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Signal => "signal",
            Self::Suppressed => "suppressed",
            Self::RuleError => "rule_error",
            Self::Health => "health",
            Self::Object => "object",
            Self::Digest => "digest",
            Self::Log => "log",
            Self::Metrics => "metrics",
        }
    }
}

/// The value of `level`, by which Lambda's log filter decides what to ship.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Level {
    /// May be filtered away.
    Info,
    /// Must arrive.
    Warn,
}

/// Room that the shared fields take, at most: a line's own part has that much less.
pub(crate) const SHARED_BYTES: usize = 280;

/// Where lines go, and which.
pub(crate) struct Sink {
    out: Mutex<Box<dyn Write + Send>>,
    kinds: Vec<Kind>,
    rulepack: String,
    /// Health lines so far.
    health: AtomicU64,
}

impl Sink {
    /// Prints lines of these kinds to `out`; lines of others are let go.
    pub(crate) fn new(out: Box<dyn Write + Send>, kinds: &[Kind], rulepack: &str) -> Self {
        Self { out: Mutex::new(out), kinds: kinds.to_vec(), rulepack: rulepack.to_owned(), health: AtomicU64::new(0) }
    }

    /// True if lines of this kind are printed at all.
    pub(crate) fn wants(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// Prints one line: the shared fields, then the members of `body`, which must serialise as an object.
    pub(crate) fn line(&self, kind: Kind, level: Level, body: &impl Serialize) -> Result<(), ObjectFault> {
        if !self.wants(kind) {
            return Ok(());
        }
        let body = serde_json::to_vec(body).map_err(|e| ObjectFault::Output(e.to_string()))?;
        self.raw(kind, level, &body)
    }

    /// The same with a body that is JSON already.
    pub(crate) fn raw(&self, kind: Kind, level: Level, body: &[u8]) -> Result<(), ObjectFault> {
        self.printed(kind, level, body).map(drop)
    }

    /// The same, and gives back the line; an empty one if lines of this kind are let go.
    pub(crate) fn printed(&self, kind: Kind, level: Level, body: &[u8]) -> Result<Vec<u8>, ObjectFault> {
        if !self.wants(kind) {
            return Ok(Vec::new());
        }
        let mut line = Vec::with_capacity(SHARED_BYTES + body.len());
        let level = if level == Level::Warn { "WARN" } else { "INFO" };
        let failed = |e: io::Error| ObjectFault::Output(e.to_string());
        write!(
            line,
            r#"{{"kind":"{}","schema":"iota/1","level":"{level}","timestamp":"{}","iota_version":"{}","rulepack":"{}""#,
            kind.word(),
            timestamp(OffsetDateTime::now_utc()),
            env!("CARGO_PKG_VERSION"),
            self.rulepack,
        )
        .map_err(failed)?;
        match body.strip_prefix(b"{") {
            Some(b"}") | None => line.push(b'}'),
            Some(members) => {
                line.push(b',');
                line.extend_from_slice(members);
            }
        }
        let mut line = json::controls_escaped(line);
        line.push(b'\n');
        self.health.fetch_add(u64::from(kind == Kind::Health), Ordering::Relaxed);
        self.out.lock().unwrap_or_else(PoisonError::into_inner).write_all(&line).map_err(failed)?;
        line.pop();
        Ok(line)
    }

    /// How many health lines there were.
    pub(crate) fn health_lines(&self) -> u64 {
        self.health.load(Ordering::Relaxed)
    }

    /// Everything printed so far is out when this returns.
    pub(crate) fn flush(&self) -> Result<(), ObjectFault> {
        let mut out = self.out.lock().unwrap_or_else(PoisonError::into_inner);
        out.flush().map_err(|e| ObjectFault::Output(e.to_string()))
    }
}

/// RFC 3339 in UTC, with milliseconds.
pub(crate) fn timestamp(at: OffsetDateTime) -> String {
    let (date, time) = (at.date(), at.time());
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z",
        date.year(),
        u8::from(date.month()),
        date.day(),
        time.hour(),
        time.minute(),
        time.second(),
        time.millisecond()
    )
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    #[derive(Clone, Default)]
    struct Shared(Arc<Mutex<Vec<u8>>>);

    impl Write for Shared {
        fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("not poisoned").write(buf)
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_is_one_object_with_the_shared_fields_first() {
        let out = Shared::default();
        let sink = Sink::new(Box::new(out.clone()), &[Kind::Log], &"0".repeat(64));
        sink.line(Kind::Log, Level::Warn, &serde_json::json!({"message": "a\nb"})).expect("written");
        sink.line(Kind::Log, Level::Info, &serde_json::json!({})).expect("written");
        sink.line(Kind::Object, Level::Info, &serde_json::json!({"x": 1})).expect("left out");
        let text = String::from_utf8(out.0.lock().expect("not poisoned").clone()).expect("text");
        let lines: Vec<serde_json::Value> =
            text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        assert_eq!(lines.len(), 2, "{text}");
        assert_eq!((&lines[0]["kind"], &lines[0]["level"]), (&"log".into(), &"WARN".into()));
        assert_eq!((&lines[0]["message"], &lines[1]["schema"]), (&"a\nb".into(), &"iota/1".into()));
        let shared = text.lines().nth(1).expect("two lines").len();
        assert!(shared <= SHARED_BYTES, "the shared fields take {shared} bytes");
    }

    #[test]
    fn timestamps_are_rfc_3339() {
        assert_eq!(timestamp(OffsetDateTime::UNIX_EPOCH), "1970-01-01T00:00:00.000Z");
    }
}
