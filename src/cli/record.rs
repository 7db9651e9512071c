//! One record out of a file, for the commands that look at one.
//!
//! In: a path, `-` for standard input, and which record. Out: its bytes as they stand there, whatever they are.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use anyhow::{Context as _, bail};

use crate::config::Config;
use crate::gunzip::Gunzip;
use crate::records::{Limits, Piece, Splitter};
use crate::source::file;

/// Record `index` of a log file, gzipped or not, or of a file that is a single record.
pub(super) fn read(path: &Path, index: usize) -> anyhow::Result<Vec<u8>> {
    let reader: Box<dyn BufRead> = if path.as_os_str() == "-" {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(file::open(path).with_context(|| format!("can't read `{}`", path.display()))?)
    };
    let config = Config::from_env()?;
    let limits = Limits { record_bytes: config.max_record_bytes, depth: config.max_depth };
    let mut splitter = Splitter::new(Gunzip::new(reader, config.max_object_bytes)?, limits);
    let mut at = 0;
    while let Some(piece) = splitter.next().with_context(|| format!("`{}`", path.display()))? {
        if let Piece::Record(bytes) = piece
            && at == index
        {
            return Ok(bytes.to_vec());
        }
        at += 1;
    }
    bail!("`{}` holds {at} records; there is no record {index}", path.display())
}
