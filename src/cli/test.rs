//! `iota test`: the rules' own tests, each run by a real worker under the limits of production.
//!
//! A test that expects a match also wants every other function of the rule to do its part: a title that raises is a
//! failure here, although in production the alert would still be sent.

mod exceptions;
mod judge;
mod report;
mod watch;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use clap::{Args, ValueEnum};
use serde_json::value::RawValue;

use self::judge::{Case, Verdict};
use super::engine::Engine;
use super::{EngineArgs, Outcome, show};
use crate::config::Config;
use crate::engine::Until;
use crate::pipeline::{Filtering, Pipeline};
use crate::rulepack::{Rulepack, Unloaded};
use crate::sink::Sink;

/// Run the rules' own tests.
#[derive(Args)]
pub(super) struct TestArgs {
    /// Folders of rules, or single rules (`.py` or `.yml`)
    #[arg(required = true, value_name = "RULES")]
    paths: Vec<PathBuf>,
    /// Only tests whose rule id or name contains WORD, whatever its case
    #[arg(short = 'k', value_name = "WORD")]
    filter: Option<String>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Fail if a rule has no test
    #[arg(long)]
    require_tests: bool,
    /// Fail if a rule lacks a test that matches, or one that does not
    #[arg(long)]
    require_both: bool,
    /// How to print the results; json and junit go to standard output
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
    /// Print tests that pass, too, and what their rules printed
    #[arg(short, long)]
    verbose: bool,
    /// Whether each test is also put to the rule's condition
    #[arg(long, value_enum, default_value_t = Prefilter::Both)]
    prefilter: Prefilter,
    /// Run again whenever a file in RULES changes
    #[arg(long)]
    watch: bool,
    /// Instead of tests: what each exception of `exceptions.yml` hides in these log files or folders
    #[arg(long, value_name = "LOGS", num_args = 1.., conflicts_with_all = ["watch", "filter", "require_tests", "require_both"])]
    exceptions: Vec<PathBuf>,
}

/// Shapes of the results.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people, on standard error
    Text,
    /// One JSON object
    Json,
    /// XML as CI systems read it
    Junit,
}

/// Who decides on a test.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Prefilter {
    /// The rule, and its condition: one that rules out a match fails the test
    Both,
    /// The rule alone
    Off,
}

/// All that one run came to.
struct Results {
    /// Rules that loaded.
    rules: usize,
    verdicts: Vec<Verdict>,
    unloaded: Vec<Unloaded>,
    /// Rules without a test, without one that matches, without one that does not: by what they lack.
    lacking: BTreeMap<&'static str, Vec<String>>,
    /// What is lacking is a failure, not a remark.
    demanded: Vec<&'static str>,
    seconds: f64,
}

const NO_TEST: &str = "no test";
const NO_POSITIVE: &str = "no test that matches";
const NO_NEGATIVE: &str = "no test that does not match";

impl Results {
    fn failed(&self) -> usize {
        self.verdicts.iter().filter(|verdict| !verdict.problems.is_empty()).count()
    }

    fn is_good(&self) -> bool {
        let missing = self.demanded.iter().any(|lack| self.lacking.contains_key(lack));
        self.failed() == 0 && self.unloaded.is_empty() && !missing
    }
}

pub(super) fn run(args: &TestArgs) -> anyhow::Result<Outcome> {
    let engine = Engine::find(&args.engine)?;
    let (folders, files) = targets(&args.paths)?;
    if !args.exceptions.is_empty() {
        return exceptions::show(args, &engine, &folders);
    }
    if args.watch {
        return watch::forever(&folders, || match once(args, &engine, &folders, &files) {
            Ok(results) => report::print(&results, args.format, args.verbose),
            Err(error) => {
                show::note(&format!("{error:#}"));
                Ok(())
            }
        });
    }
    let results = once(args, &engine, &folders, &files)?;
    report::print(&results, args.format, args.verbose)?;
    Ok(if results.is_good() { Outcome::Ran } else { Outcome::No })
}

/// The folders to compile, and if single rules were named, the stems of their files.
fn targets(paths: &[PathBuf]) -> anyhow::Result<(Vec<PathBuf>, BTreeSet<String>)> {
    let (mut folders, mut files) = (Vec::new(), BTreeSet::new());
    for path in paths {
        let mut folder = path.clone();
        if path.is_file() {
            files.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
            folder = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned();
        } else if !path.is_dir() {
            bail!("`{}` is not there; name a folder of rules or a rule", path.display());
        }
        if !folders.contains(&folder) {
            folders.push(folder);
        }
    }
    Ok((folders, files))
}

fn once(args: &TestArgs, engine: &Engine, folders: &[PathBuf], files: &BTreeSet<String>) -> anyhow::Result<Results> {
    let started = std::time::Instant::now();
    let scratch = tempfile::Builder::new().prefix("iota-").tempdir().context("can't make a temporary folder")?;
    let (pack, tests) = (scratch.path().join("rulepack.json"), scratch.path().join("tests.json"));
    // A rule that is switched off is still to be kept working. What can't be imported shows when it is tested.
    let more = ["--include-disabled", "--no-import", "--no-site", "--tests", &tests.to_string_lossy()];
    engine.compile(folders, &args.engine, &pack, &more)?;
    let pack = Rulepack::load(&pack, Some(&std::path::absolute(&folders[0])?))?;
    let mut cases: Vec<Case> = serde_json::from_slice(&std::fs::read(&tests)?).context("the list of tests")?;
    let lacking = lacking(&pack, &cases, files, args.filter.is_some());
    let mut unloaded = pack.failed.clone();
    unloaded.retain(|file| chosen_file(&file.path, files));
    cases.retain(|case| chosen_file(&case.path, files) && case.answers_to(args.filter.as_deref()));
    if cases.is_empty() && unloaded.is_empty() && (args.filter.is_some() || !files.is_empty()) {
        bail!("no test is left; look at -k and the files that were named");
    }
    let all = files.is_empty() && args.filter.is_none();
    let filtering = if args.prefilter == Prefilter::Off { Filtering::Off } else { Filtering::Sample(0) };
    let (verdicts, rules) = run_all(engine, pack, filtering, &cases, all, &mut unloaded)?;
    let mut demanded = Vec::new();
    if args.require_tests || args.require_both {
        demanded.push(NO_TEST);
    }
    if args.require_both {
        demanded.extend([NO_POSITIVE, NO_NEGATIVE]);
    }
    Ok(Results { rules, verdicts, unloaded, lacking, demanded, seconds: started.elapsed().as_secs_f64() })
}

/// Runs the cases in the order of the pack, all in one worker: a rule's tests share its module, as in Panther.
/// With `all`, rules without a test are loaded too, to see whether they can be.
fn run_all(
    engine: &Engine,
    pack: Rulepack,
    filtering: Filtering,
    cases: &[Case],
    all: bool,
    unloaded: &mut Vec<Unloaded>,
) -> anyhow::Result<(Vec<Verdict>, usize)> {
    let mut config = Config::from_env()?;
    config.workers = 1;
    let sink = Sink::new(Box::new(std::io::stderr()), &[], &pack.digest);
    let pipeline = Pipeline::new(config, pack, sink, engine.recipe(), engine.site.clone(), filtering)?;
    let until = Until::default();
    let mut verdicts = Vec::new();
    let mut broken = BTreeSet::new();
    for case in cases {
        let tested = pipeline.pool().test(case.rule, &case.mocks, case.log.get().as_bytes(), &until)?;
        if tested.errors.iter().any(|failure| failure.phase == "import") {
            if broken.insert(case.rule) {
                unloaded.extend(judge::not_loaded(&case.id, &case.path, &tested));
            }
            continue;
        }
        // What a mock answers is unknown to a condition.
        let asked = case.has_mocks() || pipeline.asks(case.rule, case.log.get());
        verdicts.push(judge::verdict(case, tested, asked));
    }
    let tested: BTreeSet<u32> = cases.iter().map(|case| case.rule).collect();
    let untested = (0..).zip(&pipeline.pack().rules).filter(|(index, _)| all && !tested.contains(index));
    for (index, rule) in untested {
        let looked = pipeline.pool().test(index, RawValue::NULL, b"{}", &until)?;
        if looked.errors.iter().any(|failure| failure.phase == "import") {
            broken.insert(index);
            unloaded.extend(judge::not_loaded(&rule.id, &rule.id, &looked));
        }
    }
    let rules = if all { pipeline.pack().rules.len() } else { tested.len() };
    Ok((verdicts, rules - broken.len()))
}

fn chosen_file(path: &str, files: &BTreeSet<String>) -> bool {
    let stem = Path::new(path).file_stem().map(|stem| stem.to_string_lossy());
    files.is_empty() || stem.is_some_and(|stem| files.contains(stem.as_ref()))
}

/// Rules by what their tests lack. Where single rules or tests were asked for, the others are nobody's concern.
fn lacking(
    pack: &Rulepack,
    cases: &[Case],
    files: &BTreeSet<String>,
    filtered: bool,
) -> BTreeMap<&'static str, Vec<String>> {
    let mut lacking: BTreeMap<&'static str, Vec<String>> = BTreeMap::new();
    if filtered {
        return lacking;
    }
    for (index, rule) in (0_u32..).zip(&pack.rules) {
        let own: Vec<&Case> = cases.iter().filter(|case| case.rule == index).collect();
        if !files.is_empty() && !own.iter().any(|case| chosen_file(&case.path, files)) {
            continue;
        }
        let lack = match (own.is_empty(), own.iter().any(|case| case.expected), own.iter().any(|case| !case.expected)) {
            (true, ..) => NO_TEST,
            (_, false, _) => NO_POSITIVE,
            (_, _, false) => NO_NEGATIVE,
            _ => continue,
        };
        lacking.entry(lack).or_default().push(rule.id.clone());
    }
    lacking
}
