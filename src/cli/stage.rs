//! `iota stage`: a part of the pipeline alone, to see what it costs. Hidden: the bench is its only user.

use std::io::{Read, Write as _};
use std::path::PathBuf;
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::Outcome;
use crate::config::Config;
use crate::engine::process_usage;
use crate::gunzip::Gunzip;
use crate::records::{Limits, Splitter};
use crate::source::file;

/// Run a part of the pipeline alone.
#[derive(Args)]
pub(super) struct StageArgs {
    /// The part
    stage: Stage,
    /// Files or folders
    paths: Vec<PathBuf>,
    /// Hold all decompressed bytes in memory first, and time only what comes after
    #[arg(long)]
    preloaded: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// Read and decompress
    Gunzip,
    /// Read, decompress and split into records
    Split,
}

pub(super) fn run(args: &StageArgs) -> anyhow::Result<Outcome> {
    let config = Config::from_env()?;
    let mut files = Vec::new();
    for path in &args.paths {
        files.extend(file::list(path)?);
    }
    let mut loaded = Vec::new();
    if args.preloaded {
        for path in &files {
            let mut bytes = Vec::new();
            Gunzip::new(file::open(path)?, config.max_object_bytes)?.read_to_end(&mut bytes)?;
            loaded.push(bytes);
        }
    }
    let limits = Limits { record_bytes: config.max_record_bytes, depth: config.max_depth };
    let (mut bytes, mut records) = (0, 0);
    let (cpu_before, _) = process_usage("self");
    let started = Instant::now();
    let mut buf = vec![0; 64 * 1024];
    for (at, path) in files.iter().enumerate() {
        match (args.stage, loaded.get(at)) {
            (Stage::Split, Some(bytes_of)) => {
                records += count(&mut Splitter::new(&bytes_of[..], limits))?;
                bytes += bytes_of.len() as u64;
            }
            (Stage::Split, None) => {
                let mut splitter = Splitter::new(Gunzip::new(file::open(path)?, config.max_object_bytes)?, limits);
                records += count(&mut splitter)?;
                bytes += splitter.reader().bytes_out();
            }
            (Stage::Gunzip, _) => {
                let mut reader = Gunzip::new(file::open(path)?, config.max_object_bytes)?;
                while reader.read(&mut buf)? > 0 {}
                bytes += reader.bytes_out();
            }
        }
    }
    let wall_s = started.elapsed().as_secs_f64();
    let (cpu_after, peak_bytes) = process_usage("self");
    let line = json!({"files": files.len(), "bytes_json": bytes, "records": records, "wall_s": wall_s,
                      "cpu_s": cpu_after - cpu_before, "peak_bytes": peak_bytes});
    writeln!(std::io::stdout(), "{line}")?;
    Ok(Outcome::Ran)
}

fn count<R: Read>(splitter: &mut Splitter<R>) -> anyhow::Result<u64> {
    let mut records = 0;
    while splitter.next()?.is_some() {
        records += 1;
    }
    Ok(records)
}
