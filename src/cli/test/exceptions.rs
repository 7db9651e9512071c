//! `iota test --exceptions LOGS`: what each exception hides in logs that are there, before it hides anything in earnest.
//!
//! The logs go through the pipeline as in a scan. Only the lines of hidden matches are kept, of each exception a few.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use serde_json::json;

use super::{Format, TestArgs};
use crate::cli::engine::Engine;
use crate::cli::{Outcome, RulesArgs, show};
use crate::config::Config;
use crate::engine::Until;
use crate::model::ObjectRef;
use crate::pipeline::{Filtering, Grouping, Pipeline, Run};
use crate::report::Status;
use crate::sink::{Kind, Sink};
use crate::source::file;

/// So many matches of each exception are shown.
const SHOWN: usize = 3;

/// A hidden match, as its line tells it.
#[derive(Deserialize)]
struct Line {
    exception: String,
    rule_id: String,
    title: String,
    event_id: Option<String>,
    event_time: Option<String>,
    actor_arn: Option<String>,
}

/// The first matches of each exception.
#[derive(Clone, Default)]
struct Samples(Arc<Mutex<BTreeMap<String, Vec<Line>>>>);

impl Write for Samples {
    /// The sink writes whole lines.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let found: Line = serde_json::from_slice(line)?;
        let mut samples = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let of_exception = samples.entry(found.exception.clone()).or_default();
        if of_exception.len() < SHOWN {
            of_exception.push(found);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

pub(super) fn show(args: &TestArgs, engine: &Engine, folders: &[std::path::PathBuf]) -> anyhow::Result<Outcome> {
    let mut files = Vec::new();
    for path in &args.exceptions {
        files.extend(file::list(path).with_context(|| format!("can't read `{}`", path.display()))?);
    }
    if files.is_empty() {
        bail!("no log file among what --exceptions names: looked for .json.gz, .json and .jsonl");
    }
    let rules = RulesArgs { rules: folders.to_vec(), engine: args.engine.clone(), ..RulesArgs::default() };
    let rules = engine.rules(&rules)?;
    if rules.pack.exceptions.is_empty() {
        bail!("there is no exception; write one into `exceptions.yml` at the top of a folder of rules");
    }
    show::unloaded(&rules.pack);
    let samples = Samples::default();
    let sink = Sink::new(Box::new(samples.clone()), &[Kind::Suppressed], &rules.pack.digest);
    let mut config = Config::from_env()?;
    config.workers = 1;
    let site = engine.site.clone();
    let pipeline = Pipeline::new(config, rules.pack, sink, engine.recipe(), site, Filtering::Sample(0))?;
    let run = Run::new(true, Grouping::Run, Until::default());
    let mut outcome = Outcome::Ran;
    for path in &files {
        let report = pipeline.object(&run, &ObjectRef::new("", path.to_string_lossy()), || file::open(path));
        if let Status::Failed(fault) = &report.status {
            show::note(&format!("{} `{}`: {fault}", show::paint("31", "failed"), report.object));
            outcome = Outcome::Failed;
        }
    }
    pipeline.finish(&run)?;
    let samples = samples.0.lock().unwrap_or_else(PoisonError::into_inner);
    print(&pipeline, &run, &samples, args.format)?;
    Ok(outcome)
}

fn print(pipeline: &Pipeline, run: &Run, samples: &BTreeMap<String, Vec<Line>>, format: Format) -> anyhow::Result<()> {
    let expired = pipeline.expired(run);
    let totals = run.totals();
    let mut all = Vec::new();
    for (at, exception) in (0..).zip(&pipeline.pack().exceptions) {
        let hidden = totals.suppressed.get(&at).copied().unwrap_or_default();
        let shown = samples.get(&exception.id).map_or(&[][..], Vec::as_slice);
        let is_expired = expired.contains(&at);
        if format == Format::Text {
            let state = if is_expired { format!(" (expired on {})", exception.expires) } else { String::new() };
            show::line(&format!("{}{state}: hides {}", exception.id, show::plural(hidden, "match", "matches")));
            shown.iter().for_each(|line| show::line(&format!("  {}", words(line))));
            if hidden > shown.len() as u64 {
                show::line(&format!("  and {} more", show::thousands(hidden - shown.len() as u64)));
            }
        }
        let samples = shown.iter().map(|line| {
            json!({"rule_id": line.rule_id, "title": line.title, "event_id": line.event_id, "event_time": line.event_time,
                   "actor_arn": line.actor_arn})
        });
        all.push(json!({"id": exception.id, "owner": exception.owner, "expires": exception.expires,
                        "expired": is_expired, "hidden": hidden, "samples": samples.collect::<Vec<_>>()}));
    }
    if format == Format::Json {
        writeln!(io::stdout(), "{:#}", json!({"matches": totals.counts.matches, "exceptions": all}))?;
    }
    let counts = &totals.counts;
    show::note(&format!(
        "{} of {} hidden; {}",
        show::thousands(counts.suppressed),
        show::plural(counts.matches, "match", "matches"),
        show::count(counts.records, "record")
    ));
    Ok(())
}

fn words(line: &Line) -> String {
    let or_dash = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
    format!(
        "{} {} {}: {} ({})",
        or_dash(&line.event_time),
        or_dash(&line.event_id),
        line.rule_id,
        line.title,
        or_dash(&line.actor_arn)
    )
}
