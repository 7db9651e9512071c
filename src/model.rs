//! The nouns that every stage shares: where an object lies, how severe an alert is, how strictly rules are confined.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where an S3 log file lies. For a local file `bucket` is empty and `key` is the path as it was given.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub(crate) struct ObjectRef {
    /// Bucket name.
    pub bucket: String,
    /// Object key, decoded.
    pub key: String,
    /// Object version, where the bucket keeps versions.
    pub version_id: Option<String>,
}

impl ObjectRef {
    /// An object without a version.
    pub(crate) fn new(bucket: impl Into<String>, key: impl Into<String>) -> Self {
        Self { bucket: bucket.into(), key: key.into(), version_id: None }
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.bucket.is_empty() { f.write_str(&self.key) } else { write!(f, "s3://{}/{}", self.bucket, self.key) }
    }
}

/// How much a refused rung of the isolation ladder matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sandbox {
    /// Nothing runs without all of them.
    Require,
    /// As many as the kernel grants; what it refuses is told.
    Auto,
    /// None of the kernel's.
    Off,
}

/// Which rules may share a Python process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WorkerPer {
    /// All of the pack.
    Pack,
    /// None: each has processes of its own.
    Rule,
}

/// How urgent an alert is, from a note to a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Severity {
    /// Worth keeping, not worth a look of its own.
    Info,
    /// Look when there is time.
    Low,
    /// Look today.
    Medium,
    /// Look now.
    High,
    /// Wake somebody.
    Critical,
}

impl Severity {
    /// All of them, mildest first.
    pub(crate) const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

    /// The word that alerts carry.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Info => "INFO",
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
            Self::Critical => "CRITICAL",
        }
    }
}
