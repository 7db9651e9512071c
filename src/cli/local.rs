//! `iota local`: a folder as a bucket, and this machine as Lambda.
//!
//! Input: a folder of log files and the settings of the function. Output: what the deployed function would print, and a
//! summary. The real `bootstrap` binary does the work. It is told of every file by the notification S3 would send,
//! reads it from an S3 endpoint, and answers to a Runtime API with real deadlines: what works here meets the same
//! contracts in an account.
//!
//! ```text
//! folder ─ feed (watch) ─ queue ─ environment ─ runtime_api ─┐
//!    └──── bucket (access, listing) ────────────────────── http ─ bootstrap (child, function)
//!                                                                    └─ console (line, tally) ─ summary
//! ```
//!
//! - The folder is only ever read.
//! - Every process is spawned in `child` and ends with this one; every line is written in `console`.
//! - No file's content is held: the queue holds names, and few of them.

mod access;
mod bucket;
mod child;
mod console;
mod environment;
mod feed;
mod folder;
mod function;
mod http;
mod identity;
mod line;
mod listing;
mod notification;
mod queue;
mod runtime_api;
mod screen;
mod stop;
mod summary;
mod tally;
mod watch;

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow};
use tokio::runtime::Runtime;
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;

use self::bucket::Bucket;
use self::console::{Console, Counted, Taste};
use self::environment::{Deployment, Proven};
use self::folder::Folder;
use self::function::Function;
use self::http::Server;
use self::identity::Credentials;
use self::line::Lines;
use self::screen::Screen;
use self::stop::{GRACE, Level, Stop};
use self::tally::Failure;

/// Keys that wait in the queue for each environment.
const QUEUED_PER_ENVIRONMENT: usize = 4;

/// Arguments of `iota local`.
#[derive(clap::Args)]
pub(crate) struct LocalArgs {
    /// Folder of CloudTrail log files (`.json.gz`, `.json`, `.jsonl`), served as a read-only S3 bucket
    pub(crate) dir: PathBuf,

    /// Process the files that are there and exit; without it, go on watching the folder until Ctrl-C
    #[arg(long)]
    pub(crate) once: bool,

    #[command(flatten)]
    pub(crate) rules: super::RulesArgs,

    /// Execution environments, that is processes of the function, at most at a time
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = clap::value_parser!(u16).range(1..=64))]
    pub(crate) jobs: u16,

    /// Lambda binary to run [default: the `bootstrap` beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) bootstrap: Option<PathBuf>,

    /// Seconds an invocation may take before its process is killed
    #[arg(long, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u16).range(1..=900))]
    pub(crate) timeout: u16,

    /// Memory the function is told it has; it is not held to it
    #[arg(long, value_name = "MB", default_value_t = 1769, value_parser = clap::value_parser!(u32).range(128..=10240))]
    pub(crate) memory_mb: u32,

    /// Lines of the function that go to standard output
    #[arg(long, value_enum, default_value_t = Lines::Alerts)]
    pub(crate) lines: Lines,
}

/// What a run came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct LocalOutcome {
    /// Files that were evaluated.
    pub(crate) done: u64,
    /// Files with nothing to evaluate in them, such as digests.
    pub(crate) skipped: u64,
    /// Files that were given up, those included that S3 could not carry.
    pub(crate) failed: u64,
    /// Files that were gone before their turn came.
    pub(crate) vanished: u64,
    /// Files whose turn had not come when we were stopped.
    pub(crate) unprocessed: u64,
    /// Records of all files.
    pub(crate) records: u64,
    /// Alerts, each counted once.
    pub(crate) alerts: u64,
    /// `rule_error` lines.
    pub(crate) rule_errors: u64,
    /// Ctrl-C, a signal or the reader of our output ended the run.
    pub(crate) stopped: bool,
    /// The failure queue: one entry for each of `failed`.
    pub(crate) failures: Vec<Failure>,
}

impl LocalOutcome {
    /// Whether every file there was has been evaluated. Ctrl-C is the ordinary end of watching: it costs this only if
    /// it left files behind.
    pub(crate) fn is_complete(&self) -> bool {
        self.failed == 0 && self.unprocessed == 0
    }
}

/// Runs the function on the folder. `settings` are the environment variables that the deployed function would have been
/// given: `IOTA_RULEPACK`, `IOTA_RULES`, `IOTA_ENGINE`, `IOTA_PYTHON`, …
///
/// # Errors
///
/// If the folder or the binary is not there, or if the function cannot be started. Files that fail are no error: they
/// are in the outcome.
pub(crate) fn run(args: &LocalArgs, settings: Vec<(String, String)>) -> Result<LocalOutcome> {
    let began = Instant::now();
    let folder = Arc::new(Folder::open(&args.dir)?);
    let bootstrap = function::find_bootstrap(args.bootstrap.as_deref())?;
    let function = Function::new(bootstrap, args.memory_mb, settings);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let stop = Stop::new();
    stop.listen(runtime.handle()).context("cannot listen for Ctrl-C")?;
    let screen = Screen::of_stderr();
    let taste = Taste { lines: args.lines, screen, finite: args.once };
    let (console, writer) = Console::start(taste, stop.clone())?;
    let drive = Drive { folder, function, console, stop: stop.clone() };
    let driven = drive.run(args, &runtime);
    // The writer ends with the last process's output; the runtime lives on meanwhile so that Ctrl-C is still heard.
    let counted = writer.join().map_err(|_| anyhow!("the writer of the output panicked"))?;
    let counted = counted.context("cannot write to standard output")?;
    let (outcome, text) = conclude(counted, &stop, began.elapsed(), screen);
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
    driven.map(|()| outcome)
}

/// What is needed to run the environments. Dropping it lets the writer end.
struct Drive {
    folder: Arc<Folder>,
    function: Function,
    console: Console,
    stop: Stop,
}

impl Drive {
    fn run(self, args: &LocalArgs, runtime: &Runtime) -> Result<()> {
        let (keys, fresh) = mpsc::channel(QUEUED_PER_ENVIRONMENT * usize::from(args.jobs));
        self.welcome(args);
        let feed = feed::start(Arc::clone(&self.folder), !args.once, keys, self.console.clone())?;
        let driven = runtime.block_on(self.environments(args, fresh));
        feed.join().map_err(|_| anyhow!("the feed panicked"))?;
        driven
    }

    /// One task per environment; the run is over when all are.
    async fn environments(self, args: &LocalArgs, fresh: mpsc::Receiver<folder::Key>) -> Result<()> {
        let Self { folder, mut function, console, stop } = self;
        let credentials = Credentials::random().context("cannot read random bytes")?;
        let endpoint = Server::start(Bucket::service(Arc::clone(&folder), &credentials)).await;
        let endpoint = endpoint.context("cannot open a port for the S3 endpoint")?;
        function.connect(endpoint.address(), &credentials);
        let farewell = tokio::spawn(farewell(console.clone(), stop.clone()));
        let timeout = Duration::from_secs(args.timeout.into());
        let proven = Mutex::new(Proven::NotYet);
        let deployment = Arc::new(Deployment { function, timeout, console, stop: stop.clone(), proven });
        let fresh = Arc::new(Mutex::new(fresh));
        let mut environments = JoinSet::new();
        for number in 1..=usize::from(args.jobs) {
            let (deployment, folder) = (Arc::clone(&deployment), Arc::clone(&folder));
            environments.spawn(queue::work(number, deployment, folder, Arc::clone(&fresh)));
        }
        let mut result = Ok(());
        while let Some(ended) = environments.join_next().await {
            let ended = ended.unwrap_or_else(|panic| Err(anyhow!("an execution environment panicked: {panic}")));
            if ended.is_err() && result.is_ok() {
                // What keeps one from working keeps the others, too. The error will say so; the farewell need not.
                farewell.abort();
                stop.raise(Level::Drain);
                result = ended;
            }
        }
        // It holds a console, for which the writer would wait.
        farewell.abort();
        let _ = farewell.await;
        result
    }

    fn welcome(&self, args: &LocalArgs) {
        let (root, bucket) = (self.folder.root().display(), self.folder.bucket());
        let until = if args.once { "" } else { "; watching for new files, Ctrl-C ends" };
        self.console.note(format!("`{root}` is served as s3://{bucket}/{until}"));
    }
}

/// Says what happens now that we are to stop.
async fn farewell(console: Console, stop: Stop) {
    stop.reached(Level::Drain).await;
    console.note(format!("stopping; what is in flight has {} s to end, a second Ctrl-C ends it now", GRACE.as_secs()));
}

fn conclude(counted: Counted, stop: &Stop, took: Duration, screen: Screen) -> (LocalOutcome, String) {
    let Counted { tally, offered } = counted;
    let failed = tally.failures.len() as u64;
    let unprocessed = offered.saturating_sub(tally.answered + failed + tally.vanished);
    let text = summary::text(&tally, &summary::Run { unprocessed, attempts: queue::ATTEMPTS, took }, screen);
    let skipped = tally.skipped.min(tally.answered);
    let outcome = LocalOutcome {
        done: tally.answered - skipped,
        skipped,
        failed,
        vanished: tally.vanished,
        unprocessed,
        records: tally.all_records(),
        alerts: tally.alerts(),
        rule_errors: tally.rule_errors,
        stopped: stop.level() > Level::Run,
        failures: tally.failures,
    };
    (outcome, text)
}
