//! `iota compile`: a folder of rules in, a rulepack out, and an honest list of what is not in it.

use std::path::PathBuf;

use anyhow::Context as _;
use clap::Args;

use super::engine::Engine;
use super::{EngineArgs, Outcome, show};
use crate::prefilter::Prefilter;
use crate::rulepack::Rulepack;

/// Build the rulepack.
#[derive(Args)]
pub(super) struct CompileArgs {
    /// Folders of rules
    #[arg(required = true, value_name = "RULES")]
    folders: Vec<PathBuf>,
    /// Where to write the rulepack
    #[arg(short, long, value_name = "FILE", required_unless_present = "bundle")]
    output: Option<PathBuf>,
    /// Copy the pack, the rules, helpers and data models into one folder, which is what SAM ships
    #[arg(long, value_name = "DIR")]
    bundle: Option<PathBuf>,
    /// Do not import the rules to see whether they load
    #[arg(long)]
    no_import: bool,
    /// Include rules with `Enabled: false`
    #[arg(long)]
    include_disabled: bool,
    #[command(flatten)]
    engine: EngineArgs,
    /// List files that are no rules too
    #[arg(short, long)]
    verbose: bool,
}

pub(super) fn run(args: &CompileArgs) -> anyhow::Result<Outcome> {
    let engine = Engine::find(&args.engine)?;
    let bundled = args.bundle.as_ref().map(|folder| folder.join("rulepack.json"));
    let mut more = Vec::new();
    if args.no_import {
        more.push("--no-import");
    }
    if args.include_disabled {
        more.push("--include-disabled");
    }
    let Some(target) = bundled.clone().or_else(|| args.output.clone()) else {
        anyhow::bail!("where to? give -o FILE or --bundle DIR");
    };
    if bundled.is_some() {
        more.push("--bundle");
    }
    let report = engine.compile(&args.folders, &args.engine, &target, &more)?;
    if let (Some(bundled), Some(output)) = (&bundled, &args.output)
        && std::path::absolute(bundled)? != std::path::absolute(output)?
    {
        std::fs::copy(bundled, output).with_context(|| format!("can't write `{}`", output.display()))?;
    }
    show::compiled(&report, &target, args.verbose);
    show::own(&report.own, args.verbose);
    let pack = Rulepack::load(&target, None)?;
    show::coverage(Prefilter::new(&pack)?.coverage(), &report);
    // A rule that can't load is a detection that does not happen.
    Ok(if report.failed.is_empty() { Outcome::Ran } else { Outcome::No })
}
