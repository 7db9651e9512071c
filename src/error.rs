//! What can go wrong with one object, in words that are stable.
//!
//! A stage returns an [`ObjectFault`]; the pipeline puts the bucket and the key beside it. Readers pass it through
//! [`std::io::Error`], because `Read` is the seam between source, gunzip and splitter.

use std::io;

/// Why an object is not done. It is retried by whoever delivered it: a fault never drops the object.
#[derive(Debug, thiserror::Error)]
pub enum ObjectFault {
    /// The object or this version of it is not there.
    #[error("no such object; was it deleted or moved before it was read?")]
    NotFound,
    /// S3 (or the file system) refused the read.
    #[error("access denied: {0}; the role needs s3:GetObject on the object and kms:Decrypt on its key")]
    AccessDenied(String),
    /// The bytes stopped coming.
    #[error("read failed: {0}")]
    Read(String),
    /// Nothing in it, not even an empty `Records` list.
    #[error("the object is empty")]
    Empty,
    /// More decompressed bytes than we accept.
    #[error("more than {0} bytes decompressed; raise `IOTA_MAX_OBJECT_BYTES` if this is a real log file")]
    TooLarge(u64),
    /// The gzip stream ends before its trailer.
    #[error("the gzip stream is cut off")]
    GzipTruncated,
    /// The gzip stream contradicts itself.
    #[error("the gzip stream is corrupt: {0}")]
    GzipCorrupt(String),
    /// Something follows the last gzip member.
    #[error("bytes that are not gzip follow the last gzip member")]
    GzipTrailing,
    /// Well-formed so far as we looked, but none of the forms we know.
    #[error("not a CloudTrail file: {0}")]
    NotCloudTrail(String),
    /// The JSON structure is lost; the records before it were complete.
    #[error("structure lost at byte {offset} of the JSON: {what}")]
    Structure {
        /// Offset in the decompressed bytes.
        offset: u64,
        /// What stood there, and what should have.
        what: String,
    },
    /// The engine could not judge the records.
    #[error("{0}")]
    Engine(String),
    /// The records that were found are not the records that were judged, repeated or unfit: a fault of ours.
    #[error("the account of its records does not balance: {0}; please report it")]
    Unbalanced(String),
    /// The function's time is nearly over.
    #[error("stopped near the deadline; what is left is retried")]
    Deadline,
    /// Asked to stop (Ctrl-C).
    #[error("stopped before it was finished")]
    Stopped,
    /// The lines could not be written.
    #[error("could not write to standard output: {0}")]
    Output(String),
    /// `IOTA_ALERTS_TO` has not acknowledged every alert.
    #[error("alerts: {0}")]
    Delivery(String),
    /// The matches that wait to be grouped have nowhere to wait.
    #[error(
        "could not keep matches in a temporary file: {0}; make room in the temporary folder or point `TMPDIR` elsewhere"
    )]
    Waiting(String),
}

impl ObjectFault {
    /// The stable word of the `error` field and of the metrics.
    pub fn word(&self) -> &'static str {
        match self {
            Self::NotFound => "not_found",
            Self::AccessDenied(_) => "access_denied",
            Self::Read(_) => "read",
            Self::Empty => "empty",
            Self::TooLarge(_) => "too_large",
            Self::GzipTruncated => "gzip_truncated",
            Self::GzipCorrupt(_) => "gzip_corrupt",
            Self::GzipTrailing => "gzip_trailing",
            Self::NotCloudTrail(_) => "not_cloudtrail",
            Self::Structure { .. } => "structure",
            Self::Engine(_) => "engine",
            Self::Unbalanced(_) => "unbalanced",
            Self::Deadline => "deadline",
            Self::Stopped => "stopped",
            Self::Output(_) => "output",
            Self::Delivery(_) => "delivery",
            Self::Waiting(_) => "waiting",
        }
    }

    /// True if trying again may help: the object itself is not what is wrong.
    pub(crate) fn is_temporary(&self) -> bool {
        matches!(
            self,
            Self::Read(_)
                | Self::Engine(_)
                | Self::Unbalanced(_)
                | Self::Deadline
                | Self::Stopped
                | Self::Output(_)
                | Self::Delivery(_)
                | Self::Waiting(_)
        )
    }

    /// Recovers the fault that a reader passed through `io::Error`; any other I/O error is a failed read.
    pub(crate) fn from_io(error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(fault) => fault,
            Err(error) => match error.kind() {
                io::ErrorKind::NotFound => Self::NotFound,
                io::ErrorKind::PermissionDenied => Self::AccessDenied(error.to_string()),
                _ => Self::Read(error.to_string()),
            },
        }
    }
}

impl From<ObjectFault> for io::Error {
    fn from(fault: ObjectFault) -> Self {
        Self::other(fault)
    }
}

/// Why a run cannot start at all.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SetupError {
    /// A setting does not say what it must.
    #[error("`{name}` is `{value}`: {expected}")]
    Setting {
        /// The environment variable.
        name: String,
        /// What it held.
        value: String,
        /// What it takes.
        expected: String,
    },
    /// The rulepack is missing, damaged, foreign or stale.
    #[error("rulepack `{path}`: {reason}")]
    Pack {
        /// The file.
        path: String,
        /// What is wrong and what to do.
        reason: String,
    },
    /// No worker could be started.
    #[error("{0}")]
    Engine(String),
}
