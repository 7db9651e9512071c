//! References in, bytes out: S3 objects and local files.

#[cfg(feature = "cli")]
pub(crate) mod file;
pub(crate) mod s3;
