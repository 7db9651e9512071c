//! `iota explain`: why a rule does, or does not, match an event.
//!
//! First the rule's condition, part by part, with what the event holds there: this decides whether Python is asked at
//! all. Then what the rule itself says, run by a real worker, whatever the condition said: so a condition that would
//! drop a match shows.

use std::io::{self, Write as _};
use std::path::PathBuf;

use anyhow::{Context as _, bail};
use clap::Args;
use serde_json::value::RawValue;

use super::engine::Engine;
use super::{Outcome, RulesArgs, record, show};
use crate::config::Config;
use crate::engine::{Tested, Until};
use crate::pipeline::{Filtering, Pipeline};
use crate::prefilter::{Line, Outcomes, Prefilter, Scratch};
use crate::rulepack::Rulepack;
use crate::sink::Sink;

/// Explain why a rule does or does not match an event.
#[derive(Args)]
pub(super) struct ExplainArgs {
    /// A rule's file (`.py` or `.yml`; its folder is the folder of rules), or the id of a rule in --rules
    #[arg(value_name = "RULE")]
    rule: String,
    /// A record, or a log file that holds it (also gzipped); `-` is standard input
    #[arg(value_name = "EVENT")]
    event: PathBuf,
    /// Which record of the file, from 0
    #[arg(long, value_name = "N", default_value_t = 0)]
    index: usize,
    #[command(flatten)]
    rules: RulesArgs,
}

pub(super) fn run(args: &ExplainArgs) -> anyhow::Result<Outcome> {
    let record = record::read(&args.event, args.index)?;
    let record = String::from_utf8_lossy(&record);
    let engine = Engine::find(&args.rules.engine)?;
    let mut rules = args.rules.clone();
    // Whether a rule is switched on is not the question.
    rules.include_disabled = true;
    let file = PathBuf::from(&args.rule);
    if file.is_file() && rules.rules.is_empty() && rules.rulepack.is_none() {
        let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
        rules.rules.push(folder.unwrap_or(".".as_ref()).to_owned());
    }
    let rules = engine.rules(&rules)?;
    let index = find(&rules.pack, &args.rule)?;
    let prefilter = Prefilter::new(&rules.pack)?;
    let explained = prefilter.explain(&mut Scratch::default(), &record, index);
    let id = rules.pack.rules[index as usize].id.clone();
    let tested = verdict(&engine, rules.pack, index, record.as_bytes())?;
    let text = format!(
        "{id}\n\n{}\n{}",
        condition_text(explained.as_ref(), prefilter.asks(&record, index)),
        verdict_text(&tested)
    );
    io::stdout().write_all(text.as_bytes())?;
    if tested.outcome == Some(true) && explained.is_some_and(|(_, outcomes)| !outcomes.may(Outcomes::T)) {
        bail!("the rule matches although its condition says that it can't: please report this as a bug");
    }
    Ok(Outcome::Ran)
}

/// The rule with this id or in this file.
fn find(pack: &Rulepack, wanted: &str) -> anyhow::Result<u32> {
    let stem = PathBuf::from(wanted).file_stem().map(std::ffi::OsStr::to_owned);
    let in_file = |path: &str| PathBuf::from(path).file_stem().map(std::ffi::OsStr::to_owned) == stem;
    let with_id = (0..).zip(&pack.rules).find(|(_, rule)| rule.id == wanted);
    let found = with_id.or_else(|| (0..).zip(&pack.rules).find(|(_, rule)| in_file(&rule.path)));
    if found.is_none() {
        show::unloaded(pack);
    }
    let none =
        || format!("there is no rule `{wanted}` among {}; name its file, or its folder with --rules", pack.rules.len());
    Ok(found.with_context(none)?.0)
}

/// What the rule says, and its other functions.
fn verdict(engine: &Engine, pack: Rulepack, rule: u32, record: &[u8]) -> anyhow::Result<Tested> {
    let mut config = Config::from_env()?;
    config.workers = 1;
    let sink = Sink::new(Box::new(io::stderr()), &[], &pack.digest);
    let pipeline = Pipeline::new(config, pack, sink, engine.recipe(), engine.site.clone(), Filtering::Off)?;
    Ok(pipeline.pool().test(rule, RawValue::NULL, record, &Until::default())?)
}

fn condition_text(explained: Option<&(Vec<Line>, Outcomes)>, is_asked: bool) -> String {
    let Some((lines, outcomes)) = explained else {
        return "The event is not understood before Python reads it: every rule is asked.\n".into();
    };
    let left = |line: &Line| format!("  {}{}", "  ".repeat(line.depth), line.text);
    let width = lines.iter().map(|line| left(line).chars().count()).max().unwrap_or_default().min(72);
    let mut text = String::new();
    for line in lines {
        let outcomes = line.outcomes.map_or("-".into(), |outcomes| outcomes.to_string());
        let note = if line.note.is_empty() { String::new() } else { format!("   ({})", line.note) };
        text += format!("{:<width$}   {outcomes:<3}{note}", left(line)).trim_end();
        text.push('\n');
    }
    text + "\n"
        + if outcomes.may(Outcomes::T) {
            "The rule may match: Python is asked.\n"
        } else if is_asked {
            "The rule is sure to raise: Python is asked, so that its author hears of it.\n"
        } else if *outcomes == Outcomes::R {
            "The rule is sure to raise, on an event that it could not match: Python is not asked.\n"
        } else {
            "The rule can't match: Python is not asked.\n"
        }
        + "(T true, F false, R raises, - not asked; several letters: not known which)\n"
}

fn verdict_text(tested: &Tested) -> String {
    let mut text = match tested.outcome {
        Some(true) => "rule() says yes: a match.\n".to_owned(),
        Some(false) => "rule() says no.\n".to_owned(),
        None => "rule() gives no answer.\n".to_owned(),
    };
    for failure in &tested.errors {
        text += &format!("  {} fails: {}\n", failure.phase, failure.exception.trim());
    }
    if tested.outcome == Some(true) {
        for (name, answer) in &tested.functions {
            if let Some(value) = answer.get("value") {
                text += &format!("  {name}: {value}\n");
            }
        }
    }
    for line in &tested.printed {
        text += &format!("  it printed: {line}\n");
    }
    text
}
