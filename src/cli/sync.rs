//! `iota sync`: the log files of a bucket as a folder, to be scanned again and again without the bucket.
//!
//! The same choice of objects as `iota scan s3://…`, each as a file `DIR/KEY`, byte for byte. A file has its own name only
//! when it is complete; one that is there already is not fetched again; what fails is told and the rest goes on.

mod tree;

use std::collections::HashSet;
use std::io::{self, BufRead as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Context as _, anyhow, bail};
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use aws_sdk_s3::types::ServerSideEncryption;
use clap::Args;
use md5::{Digest as _, Md5};

use super::remote::{Found, Prefix, Remote};
use super::scan::{self, ScopeArgs};
use super::{Outcome, show};
use crate::config::Config;
use crate::error::ObjectFault;
use crate::model::ObjectRef;
use crate::source::s3::{Body, Listed};
use tree::{Identity, Part, Tree};

const AFTER: &str = "\
Whole files are chosen, by their keys, as `iota scan s3://…` chooses them. A key tells the day of delivery, and events \
happen minutes before it, at times more: --since and --until take every file of the days from the first to one day after \
the last, and --region takes every region if it names one that events of global services carry (us-east-1). So a folder \
holds more than the window; give `iota scan` the same options again. A key that says nothing of this is always taken.

CloudTrail's digest files are taken as well: they hold the hashes that prove the log files, and the signature of the \
digest before. Objects that are not .json.gz, .json or .jsonl are passed by and counted.

A file that is there, as long as the object and not older, is not fetched again. What is fetched is compared with the \
length and checksum that S3 tells, gets the object's time, and then its name: stop it at any time, and run it again.

Examples:
  iota sync s3://BUCKET/AWSLogs/ evidence --since 2026-03-14 --until 2026-03-16
  iota scan evidence --rules rules --since 2026-03-14 --until 2026-03-16

Exit codes: 0 all of it is there (or would be), 2 something is not.";

/// Download log files.
#[derive(Args)]
#[command(after_help = AFTER)]
#[command(mut_arg("since", |arg| arg.help("Files that may hold events from then on: a day (2026-03-14) or a time, in UTC")))]
#[command(mut_arg("until", |arg| arg.help("Files that may hold events before then")))]
#[command(mut_arg("account", |arg| arg.help("Files of this account (several: once for each)")))]
#[command(mut_arg("region", |arg| arg.help("Files that may hold events of this region (several: once for each)")))]
pub(super) struct SyncArgs {
    /// Where the log files are (`.json.gz`, `.json`, `.jsonl` below it)
    #[arg(value_name = "s3://BUCKET/PREFIX")]
    from: String,
    /// Folder that they are written to, each as DIR/KEY
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Files fetched at the same time
    #[arg(short, long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,
    /// Say how many files and bytes would be fetched, and write nothing
    #[arg(long)]
    dry_run: bool,
}

/// What became of one object.
enum Step {
    Fetched(u64),
    There,
    Stopped,
}

#[derive(Default)]
struct Counts {
    fetched: AtomicU64,
    there: AtomicU64,
    failed: AtomicU64,
    bytes: AtomicU64,
}

/// One run.
struct Sync<'a> {
    remote: &'a Remote,
    bucket: &'a str,
    /// Not there only in a dry run.
    tree: Option<Tree>,
    dry_run: bool,
    stopped: Arc<AtomicBool>,
    /// The files that keys of this run have: where capitals are no difference, or accents, two keys would have one file.
    taken: Mutex<HashSet<Identity>>,
    counts: Counts,
}

pub(super) fn run(args: &SyncArgs) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let from = Prefix::parse(&args.from).with_context(|| format!("`{}` is no s3://BUCKET/PREFIX", args.from))??;
    let scope = args.scope.scope()?;
    let remote = Remote::connect(Config::from_env()?.custom_s3_endpoint)?;
    let found = remote.find(&from, &scope)?;
    show::not_listed(found.folders);
    let sync = Sync {
        remote: &remote,
        bucket: &from.bucket,
        tree: Tree::open(&args.dir, !args.dry_run)?,
        dry_run: args.dry_run,
        stopped: Arc::default(),
        taken: Mutex::default(),
        counts: Counts::default(),
    };
    scan::stop_on_interrupt(Arc::clone(&sync.stopped))?;
    sync.all(&found.files, args.jobs);
    Ok(sync.told(&found, started.elapsed()))
}

impl Sync<'_> {
    fn all(&self, files: &[Listed], jobs: u16) {
        let (next, progress) = (AtomicUsize::new(0), scan::progress(files.len()));
        std::thread::scope(|scope| {
            for _ in 0..usize::from(jobs).min(files.len()) {
                scope.spawn(|| {
                    while !self.stopped.load(Ordering::Relaxed)
                        && let Some(file) = files.get(next.fetch_add(1, Ordering::Relaxed))
                    {
                        if let Err(error) = self.counted(file) {
                            let key = file.key.escape_debug();
                            let failed = show::paint("31", "failed");
                            progress
                                .suspend(|| show::note(&format!("{failed} `s3://{}/{key}`: {error:#}", self.bucket)));
                        }
                        progress.inc(1);
                    }
                });
            }
        });
        progress.finish_and_clear();
    }

    fn counted(&self, file: &Listed) -> anyhow::Result<()> {
        let add = |count: &AtomicU64, more: u64| {
            count.fetch_add(more, Ordering::Relaxed);
        };
        match self.one(file) {
            Ok(Step::Fetched(bytes)) => {
                add(&self.counts.fetched, 1);
                add(&self.counts.bytes, bytes);
            }
            Ok(Step::There) => add(&self.counts.there, 1),
            Ok(Step::Stopped) => {}
            Err(error) => {
                add(&self.counts.failed, 1);
                return Err(error);
            }
        }
        Ok(())
    }

    fn one(&self, file: &Listed) -> anyhow::Result<Step> {
        let parts = tree::parts(&file.key)?;
        let Some((name, folders)) = parts.split_last() else { bail!("its key is empty") };
        let folder = match &self.tree {
            Some(tree) => tree.folder(folders, !self.dry_run)?,
            None => None,
        };
        // Not there only in a dry run.
        let Some(folder) = folder else { return Ok(Step::Fetched(file.bytes)) };
        if let Some(there) = tree::standing(&folder, name)? {
            let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
            if taken.contains(&tree::identity(&there)) {
                bail!(SAME_FILE);
            }
            if there.len() == file.bytes && !is_older(there.modified()?, file.modified) {
                taken.insert(tree::identity(&there));
                return Ok(Step::There);
            }
        }
        if self.dry_run {
            return Ok(Step::Fetched(file.bytes));
        }
        let (told, body) = self.remote.get(&ObjectRef::new(self.bucket, &file.key)).map_err(worded)?;
        let mut part = Part::begin(folder, name)?;
        let Some((bytes, md5)) = self.pour(body, &mut part)? else { return Ok(Step::Stopped) };
        agree(&told, file, bytes, &md5)?;
        part.date(told.last_modified().map_or(file.modified, aws_sdk_s3::primitives::DateTime::secs))?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if part.standing(name)?.is_some_and(|there| taken.contains(&tree::identity(&there))) {
            bail!(SAME_FILE);
        }
        taken.insert(part.settle(name)?);
        Ok(Step::Fetched(bytes))
    }

    /// Writes the whole body: how long it was, and its MD5 in hex; nothing if it was stopped.
    fn pour(&self, mut body: Body, part: &mut Part) -> anyhow::Result<Option<(u64, String)>> {
        let (mut bytes, mut md5) = (0, Md5::new());
        loop {
            if self.stopped.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let chunk = body.fill_buf().map_err(|error| worded(ObjectFault::from_io(error)))?;
            if chunk.is_empty() {
                break;
            }
            part.write(chunk).map_err(|error| self.unwritten(error))?;
            md5.update(chunk);
            let length = chunk.len();
            bytes += length as u64;
            body.consume(length);
        }
        let md5 = md5.finalize().iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        Ok(Some((bytes, md5)))
    }

    fn unwritten(&self, error: io::Error) -> anyhow::Error {
        // Every other file would meet the same.
        if matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded) {
            self.stopped.store(true, Ordering::Relaxed);
        }
        anyhow!("can't write: {error}")
    }

    /// The last line.
    fn told(&self, found: &Found, took: Duration) -> Outcome {
        let count = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let (fetched, there, failed) =
            (count(&self.counts.fetched), count(&self.counts.there), count(&self.counts.failed));
        let left = (found.files.len() as u64).saturating_sub(fetched + there + failed);
        let mut text = format!(
            "{} {} ({}), {} there already, {} passed by ({} outside what is asked for, {} of other names), {} failed",
            show::count(fetched, "file"),
            if self.dry_run { "would be fetched" } else { "fetched" },
            show::count(count(&self.counts.bytes), "byte"),
            show::thousands(there),
            show::thousands(found.outside + found.others),
            show::thousands(found.outside),
            show::thousands(found.others),
            show::thousands(failed),
        );
        if left > 0 {
            text += &format!(", {} not tried: stopped, run it again for the rest", show::thousands(left));
        }
        show::note(&format!("{text}; {:.1} s", took.as_secs_f64()));
        if failed + left > 0 { Outcome::Failed } else { Outcome::Ran }
    }
}

const SAME_FILE: &str = "the file system takes its name for that of another key's file (capitals may be no difference \
                         there): sync to a folder on another one";

fn worded(fault: ObjectFault) -> anyhow::Error {
    anyhow!("{}: {fault}", fault.word())
}

fn is_older(there: SystemTime, object: i64) -> bool {
    there < SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(object).unwrap_or_default())
}

/// What came is what S3 says it has. Checksums of newer objects were compared by the SDK while the body came.
fn agree(told: &GetObjectOutput, file: &Listed, bytes: u64, md5: &str) -> anyhow::Result<()> {
    let length = told.content_length().and_then(|length| u64::try_from(length).ok()).unwrap_or(file.bytes);
    if bytes != length {
        bail!("read: {bytes} of {length} bytes came; run it again");
    }
    match told.e_tag().and_then(|etag| md5_of(told, etag)) {
        Some(etag) if !etag.eq_ignore_ascii_case(md5) => {
            bail!("read: the bytes that came have the MD5 {md5}, the object's ETag is {etag}; run it again")
        }
        _ => Ok(()),
    }
}

/// An ETag is surely the MD5 of the object only if S3 has encrypted it with a key of its own (as it does where nobody has
/// chosen another), and it was uploaded in one piece; other stores put there what they like.
fn md5_of<'a>(told: &GetObjectOutput, etag: &'a str) -> Option<&'a str> {
    let of_s3 = told.server_side_encryption() == Some(&ServerSideEncryption::Aes256);
    let etag = etag.trim_matches('"');
    let is_md5 = etag.len() == 32 && etag.bytes().all(|byte| byte.is_ascii_hexdigit());
    (of_s3 && is_md5).then_some(etag)
}
