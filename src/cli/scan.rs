//! `iota scan`: log files through the pipeline on a laptop or in an incident.
//!
//! Alerts are JSON lines on stdout; progress and the summary go to stderr. Files are handled by `--jobs` threads in
//! the order of their delivery. An object that fails is told and the rest goes on.

use std::io::{self, BufReader, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::engine::Engine;
use super::page::{Facts, Page};
use super::remote::{Prefix, Remote};
use super::{Outcome, RulesArgs, show};
use crate::config::Config;
use crate::engine::{Until, process_usage};
use crate::error::ObjectFault;
use crate::model::{ObjectRef, Severity};
use crate::pipeline::{Filtering, Grouping, Pipeline, Run};
use crate::prefilter::Coverage;
use crate::report::{CpuStats, RuleStats, Stats, Status};
use crate::scope::Scope;
use crate::sink::{Kind, Sink};
use crate::source::file;

/// Run rules over log files.
#[derive(Args, Default)]
pub(super) struct ScanArgs {
    /// Files, folders or s3://BUCKET/PREFIX (`.json.gz`, `.json`, `.jsonl` below them), or `-` for standard input
    #[arg(value_name = "PATH", required_unless_present = "jsonl")]
    paths: Vec<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    /// A file of JSON lines (the same as naming it)
    #[arg(long, value_name = "FILE", hide = true)]
    jsonl: Vec<PathBuf>,
    /// Files handled at the same time, each with a Python worker [default: cores]
    #[arg(short, long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: Option<u16>,
    #[command(flatten)]
    scope: ScopeArgs,
    /// Evaluate every record, also one that another file has delivered already
    #[arg(long)]
    no_dedup: bool,
    /// Print every match as an alert of its own: no dedup periods, no thresholds
    #[arg(long)]
    all_matches: bool,
    /// Ask every rule about every record, whatever the rules' conditions say
    #[arg(long)]
    no_prefilter: bool,
    /// Ask every rule about every record, and exit with 1 if one matches a record that its condition rules out
    #[arg(long, conflicts_with = "no_prefilter")]
    verify_prefilter: bool,
    /// Fix Python's hash seed, so that what rules make of a `set` comes in the same order every time
    #[arg(long)]
    deterministic: bool,
    /// Print signals too: matches that are no alerts, and those that exceptions hide
    #[arg(long)]
    signals: bool,
    /// Which kinds of lines to print
    #[arg(long, value_enum, default_value_t = Lines::Alerts)]
    lines: Lines,
    /// Write counts and timings to FILE as JSON
    #[arg(long, value_name = "FILE")]
    stats: Option<PathBuf>,
    /// Write what was found to FILE as one HTML page, to be read and passed on
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Exit with 1 if there is an alert of this severity or above
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
    /// Exit with 1 if a rule failed on a record
    #[arg(long)]
    fail_on_rule_error: bool,
    /// The only rule to ask, and its alerts as the function groups them: what `iota redrive` wants
    #[arg(skip)]
    again: Option<String>,
}

impl ScanArgs {
    /// One rule again, on what was named elsewhere.
    pub(super) fn again(rule: &str, rules: &RulesArgs) -> Self {
        Self { again: Some(rule.to_owned()), rules: rules.clone(), ..Self::default() }
    }
}

/// Which records are asked for. Shared by the commands that look into buckets.
#[derive(Args, Clone, Default)]
pub(super) struct ScopeArgs {
    /// Only events from then on: a day (2026-03-14) or a time (2026-03-14T09:00:00Z), in UTC
    #[arg(long, value_name = "TIME", value_parser = moment)]
    since: Option<i64>,
    /// Only events before then
    #[arg(long, value_name = "TIME", value_parser = moment)]
    until: Option<i64>,
    /// Only events of this account (several: once for each)
    #[arg(long, value_name = "ACCOUNT", value_parser = account)]
    account: Vec<String>,
    /// Only events of this region (several: once for each)
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
}

impl ScopeArgs {
    pub(super) fn scope(&self) -> anyhow::Result<Scope> {
        if let (Some(since), Some(until)) = (self.since, self.until)
            && since >= until
        {
            bail!("`--until` must come after `--since`");
        }
        let (accounts, regions) = (self.account.clone(), self.region.clone());
        Ok(Scope { since: self.since, until: self.until, accounts, regions, rule: None })
    }
}

fn moment(text: &str) -> Result<i64, String> {
    let whole = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    let parsed = OffsetDateTime::parse(&whole, &Rfc3339).map(OffsetDateTime::unix_timestamp);
    parsed.map_err(|_| "expected a day like 2026-03-14 or a time like 2026-03-14T09:00:00Z".to_owned())
}

fn account(text: &str) -> Result<String, String> {
    let is_account = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if is_account { Ok(text.to_owned()) } else { Err("expected the 12 digits of an account's id".to_owned()) }
}

/// Where records come from.
pub(super) enum Input {
    File(PathBuf),
    Object(ObjectRef),
}

/// Kinds of lines on stdout.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Lines {
    /// Alerts only
    #[default]
    Alerts,
    /// Every kind, as the function prints them
    All,
}

fn severity(word: &str) -> Result<Severity, String> {
    let found = Severity::ALL.into_iter().find(|severity| severity.word().eq_ignore_ascii_case(word));
    found.ok_or_else(|| "expected info, low, medium, high or critical".to_owned())
}

pub(super) fn run(args: &ScanArgs) -> anyhow::Result<Outcome> {
    let config = Config::from_env()?;
    let scope = args.scope.scope()?;
    let (files, remote) = list(args, &scope, &config)?;
    over(args, config, scope, &files, remote.as_ref())
}

/// Runs the rules over these files.
pub(super) fn over(
    args: &ScanArgs,
    mut config: Config,
    mut scope: Scope,
    files: &[Input],
    remote: Option<&Remote>,
) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let page = args.report.as_deref().map(Page::begin).transpose()?;
    let engine = Engine::find(&args.rules.engine)?;
    let rules = engine.rules(&args.rules)?;
    show::unloaded(&rules.pack);
    if let Some(rule) = &args.again {
        let index = (0..).zip(&rules.pack.rules).find(|(_, found)| found.id == *rule).map(|(index, _)| index);
        scope.rule = Some(index.with_context(|| format!("there is no rule `{rule}`; name its folder with --rules"))?);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    config.workers = args.jobs.map_or(cores, usize::from).min(files.len().max(1));
    let out: Box<dyn io::Write + Send> = Box::new(io::stdout());
    let out = if let Some(page) = &page { page.keeping(out) } else { out };
    let sink = Sink::new(out, &kinds(args), &rules.pack.digest);
    let unloaded: Vec<String> = rules.pack.failed.iter().map(|rule| rule.path.clone()).collect();
    let mut recipe = engine.recipe();
    if args.deterministic {
        recipe.environment.push(("PYTHONHASHSEED", "0".into()));
    }
    let filtering = match (args.no_prefilter, args.verify_prefilter) {
        (true, _) => Filtering::Off,
        (_, true) => Filtering::Verify,
        _ => Filtering::Sample(0),
    };
    let pipeline = Pipeline::new(config, rules.pack, sink, recipe, engine.site.clone(), filtering)?;
    let until = Until::default();
    let grouping = match (args.all_matches, &args.again) {
        (true, _) => Grouping::None,
        (_, Some(_)) => Grouping::Object,
        _ => Grouping::Run,
    };
    stop_on_interrupt(Arc::clone(&until.stopped))?;
    let run = Run::new(!args.no_dedup, grouping, until).within(scope);
    let progress = progress(files.len());
    handle_all(&pipeline, &run, files, remote, &progress);
    progress.finish_and_clear();
    let written = pipeline.finish(&run);
    let stopped = run.until.is_stopped();
    show::scanned(&run.totals(), pipeline.pack(), started.elapsed(), stopped);
    show::exceptions(&run.totals(), pipeline.pack(), &pipeline.expired(&run));
    show::unconfined(&pipeline.pool().refused());
    if let Some(path) = &args.stats {
        write_stats(path, &pipeline, &run, started.elapsed(), unloaded.len())?;
    }
    if let Some(page) = page {
        let totals = run.totals();
        page.finish(&Facts {
            totals: &totals,
            paths: args.paths.iter().chain(&args.jsonl).map(|path| path.display().to_string()).collect(),
            pack: pipeline.pack(),
            unloaded: &unloaded,
            stopped,
            now: OffsetDateTime::now_utc(),
        })?;
    }
    written?;
    Ok(outcome(args, &run, stopped))
}

fn outcome(args: &ScanArgs, run: &Run, stopped: bool) -> Outcome {
    let totals = run.totals();
    let reached = |least: Severity| totals.severities[least as usize..].iter().any(|&alerts| alerts > 0);
    if totals.objects.failed > 0 || stopped {
        Outcome::Failed
    } else if !totals.mismatches.is_empty()
        || args.fail_on.is_some_and(reached)
        || (args.fail_on_rule_error && !totals.errors.is_empty())
    {
        Outcome::No
    } else {
        Outcome::Ran
    }
}

fn kinds(args: &ScanArgs) -> Vec<Kind> {
    let mut kinds = vec![Kind::Alert];
    if args.lines == Lines::All {
        kinds.extend([Kind::RuleError, Kind::Health, Kind::Object, Kind::Digest, Kind::Log]);
    }
    if args.signals || args.lines == Lines::All {
        kinds.extend([Kind::Signal, Kind::Suppressed]);
    }
    kinds
}

/// All files in the order they are handled. A path that is not there is an error before anything runs.
fn list(args: &ScanArgs, scope: &Scope, config: &Config) -> anyhow::Result<(Vec<Input>, Option<Remote>)> {
    let (mut files, mut remote) = (Vec::new(), None);
    for path in args.paths.iter().chain(&args.jsonl) {
        if path.as_os_str() == "-" {
            files.push(Input::File(path.clone()));
            continue;
        }
        if let Some(prefix) = path.to_str().and_then(Prefix::parse) {
            let prefix = prefix?;
            if remote.is_none() {
                remote = Some(Remote::connect(config.custom_s3_endpoint)?);
            }
            let Some(remote) = &remote else { continue };
            let (found, passed) = remote.list(&prefix, scope)?;
            show::not_listed(passed);
            files.extend(found.into_iter().map(Input::Object));
            continue;
        }
        let found = file::list(path).with_context(|| format!("can't read `{}`", path.display()))?;
        if found.is_empty() {
            bail!("no log file in `{}`: looked for .json.gz, .json and .jsonl", path.display());
        }
        files.extend(found.into_iter().map(Input::File));
    }
    Ok((files, remote))
}

fn handle_all(pipeline: &Pipeline, run: &Run, files: &[Input], remote: Option<&Remote>, progress: &ProgressBar) {
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..pipeline.config().workers {
            scope.spawn(|| {
                while let Some(input) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if run.until.is_stopped() {
                        break;
                    }
                    handle(pipeline, run, input, remote, progress);
                    progress.inc(1);
                }
            });
        }
    });
}

fn handle(pipeline: &Pipeline, run: &Run, input: &Input, remote: Option<&Remote>, progress: &ProgressBar) {
    let named = |path: &Path| ObjectRef::new("", path.to_string_lossy());
    let report = match input {
        Input::File(path) if path.as_os_str() == "-" => {
            pipeline.object(run, &named(path), || Ok(BufReader::with_capacity(64 * 1024, io::stdin())))
        }
        Input::File(path) => pipeline.object(run, &named(path), || file::open(path)),
        Input::Object(object) => {
            let nowhere = || ObjectFault::Read("not connected to S3".to_owned());
            pipeline.object(run, object, || remote.ok_or_else(nowhere)?.open(object))
        }
    };
    if let Status::Failed(fault) = &report.status {
        if matches!(fault, ObjectFault::Output(_)) && run.until.stopped.swap(true, Ordering::Relaxed) {
            // Nobody reads on (`iota scan … | head`): said once, and no further file is begun.
            return;
        }
        progress.suspend(|| {
            show::note(&format!("{} `{}`: {}: {fault}", show::paint("31", "failed"), report.object, fault.word()))
        });
    }
}

/// How far it is, for whoever watches.
pub(super) fn progress(files: usize) -> ProgressBar {
    let hidden = !io::stderr().is_terminal() || files < 2;
    let target = if hidden { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr_with_hz(8) };
    let bar = ProgressBar::with_draw_target(Some(files as u64), target);
    let template = "{bar:40} {human_pos} of {human_len} files, {elapsed} elapsed, {eta} left";
    // The template is a constant; were it wrong, the default would do.
    bar.set_style(ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// The first Ctrl-C stops after the batch in hand and reports; a second one ends the process.
pub(super) fn stop_on_interrupt(stopped: Arc<AtomicBool>) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    std::thread::Builder::new().name("iota-interrupt".into()).spawn(move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if stopped.swap(true, Ordering::Relaxed) {
                    std::process::exit(130);
                }
            }
        });
    })?;
    Ok(())
}

fn write_stats(path: &Path, pipeline: &Pipeline, run: &Run, wall: Duration, unloaded: usize) -> anyhow::Result<()> {
    let totals = run.totals();
    let workers = pipeline.usage();
    let (cpu_s, peak) = process_usage("self");
    let loaded = pipeline.pack().rules.len();
    let Coverage { indexed, conditioned, unconditioned } = pipeline.coverage();
    let exceptions = pipeline.pack().exceptions.iter().map(|exception| exception.id.as_str());
    let hidden = |at: u32| totals.suppressed.get(&at).copied().unwrap_or_default();
    let stats = Stats {
        objects: totals.objects,
        counts: &totals.counts,
        suppressed_by: exceptions.zip(0..).map(|(id, at)| (id, hidden(at))).collect(),
        bytes_gzip: totals.bytes,
        bytes_json: totals.bytes_json,
        rules: RuleStats { loaded, failed: unloaded, indexed, conditioned, unconditioned },
        wall_s: wall.as_secs_f64(),
        cpu_s: CpuStats { rust: cpu_s, python: workers.cpu_s },
        peak_bytes: peak + workers.peak_bytes,
    };
    let text = serde_json::to_string_pretty(&stats)? + "\n";
    std::fs::write(path, text).with_context(|| format!("can't write `{}`", path.display()))
}
