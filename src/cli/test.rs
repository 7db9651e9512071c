//! `iota test`: the rules' own tests, each run by a real worker under the limits of production.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::engine::Engine;
use super::{EngineArgs, Outcome, show};
use crate::config::Config;
use crate::engine::{Tested, Until};
use crate::pipeline::Pipeline;
use crate::rulepack::Rulepack;
use crate::sink::Sink;

/// Run the rules' own tests.
#[derive(Args)]
pub(super) struct TestArgs {
    /// Folders of rules
    #[arg(required = true, value_name = "RULES")]
    folders: Vec<PathBuf>,
    #[command(flatten)]
    engine: EngineArgs,
    /// Print tests that pass, too
    #[arg(short, long)]
    verbose: bool,
}

/// One test, as the compiler wrote it down.
#[derive(Deserialize)]
struct Case {
    rule: u32,
    id: String,
    name: String,
    expected: bool,
    log: Box<RawValue>,
    mocks: Box<RawValue>,
    path: String,
}

pub(super) fn run(args: &TestArgs) -> anyhow::Result<Outcome> {
    let engine = Engine::find(&args.engine)?;
    let folder = tempfile::Builder::new().prefix("iota-").tempdir().context("can't make a temporary folder")?;
    let (pack, tests) = (folder.path().join("rulepack.json"), folder.path().join("tests.json"));
    // A rule that is switched off is still to be kept working.
    let more = ["--include-disabled", "--tests", &tests.to_string_lossy()];
    engine.compile(&args.folders, &args.engine, &pack, &more)?;
    let pack = Rulepack::load(&pack, Some(&std::path::absolute(&args.folders[0])?))?;
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(&tests)?).context("the list of tests")?;
    show::unloaded(&pack);
    let unloaded = pack.failed.len();
    let untested =
        pack.rules.len() - cases.iter().map(|case| case.rule).collect::<std::collections::HashSet<_>>().len();
    let mut config = Config::from_env()?;
    config.workers = 1;
    let sink = Sink::new(Box::new(std::io::stderr()), &[], &pack.digest);
    let pipeline = Pipeline::new(config, pack, sink, engine.recipe(), engine.site.clone())?;
    let mut failed = 0;
    for case in &cases {
        let tested = pipeline.pool().test(case.rule, &case.mocks, case.log.get().as_bytes(), &Until::default())?;
        let problem = problem(case, &tested);
        failed += u64::from(problem.is_some());
        report(case, problem.as_deref(), args.verbose);
    }
    let rules = pipeline.pack().rules.len() as u64;
    let passed = cases.len() as u64 - failed;
    let hint =
        if untested > 0 { format!("; {} without a test", show::count(untested as u64, "rule")) } else { String::new() };
    let unloaded_text =
        if unloaded > 0 { format!("; {} not loaded", show::count(unloaded as u64, "rule")) } else { String::new() };
    show::note(&format!("{}: {passed} passed, {failed} failed{unloaded_text}{hint}", show::count(rules, "rule")));
    Ok(if failed > 0 || unloaded > 0 { Outcome::No } else { Outcome::Ran })
}

/// Why a test did not pass. A test that expects a match also wants every other function to do its part.
fn problem(case: &Case, tested: &Tested) -> Option<String> {
    let failures = || -> String {
        let shown = tested.errors.iter().map(|failure| {
            let place = match (&failure.file, failure.line) {
                (Some(file), Some(line)) => format!(" ({file}:{line})"),
                _ => String::new(),
            };
            format!("{}(): {}{place}", failure.phase, failure.exception)
        });
        shown.collect::<Vec<_>>().join("; ")
    };
    match tested.outcome {
        Some(got) if got != case.expected => {
            let what = |matched: bool| if matched { "a match" } else { "no match" };
            Some(format!("expected {}, got {}", what(case.expected), what(got)))
        }
        Some(true) if !tested.errors.is_empty() => Some(failures()),
        Some(_) => None,
        None => Some(failures()),
    }
}

fn report(case: &Case, problem: Option<&str>, verbose: bool) {
    match problem {
        Some(problem) => show::note(&format!(
            "{} {}: {}: {problem}\n        in {}",
            show::paint("31", "FAIL"),
            case.id,
            case.name,
            case.path
        )),
        None if verbose => show::note(&format!("{} {}: {}", show::paint("32", "pass"), case.id, case.name)),
        None => {}
    }
}
