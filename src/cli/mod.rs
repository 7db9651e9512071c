//! The `iota` command: what was typed in, an exit code out.
//!
//! Answers go to stdout, everything said to people goes to stderr. 0: it ran. 1: the question was answered no. 2: it
//! could not run, or an object failed; the rest was finished all the same.

mod aws;
mod compile;
mod doctor;
mod engine;
mod explain;
mod kept;
mod keys;
mod local;
mod new;
mod page;
mod push;
mod record;
mod redrive;
mod remote;
mod scan;
mod show;
mod stage;
mod sync;
mod test;

use std::ffi::OsString;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "\
Exit codes:
  0  it ran
  1  the question was answered no: a test failed, --fail-on was reached, a rule can't load, doctor found something
  2  it could not run, or a file failed (the others are finished all the same)";

/// CloudTrail detection in your own account: Python rules at the price of gunzip.
#[derive(Parser)]
#[command(name = "iota", version, about, max_term_width = 100, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run rules over log files, folders or standard input; alerts are printed as JSON lines
    Scan(scan::ScanArgs),
    /// Download the log files of a bucket into a folder: what is not there yet
    Sync(sync::SyncArgs),
    /// Run the function itself on a folder, as if it were a bucket
    Local(local::LocalArgs),
    /// Run the rules' own tests
    Test(test::TestArgs),
    /// Why a rule does, or does not, match an event
    Explain(explain::ExplainArgs),
    /// Write a rule and its tests from an event
    New(new::NewArgs),
    /// Send what failed to the function again, or judge again what one rule has missed
    Redrive(redrive::RedriveArgs),
    /// Build the rulepack that the function runs, and list what could not load
    Compile(compile::CompileArgs),
    /// Look for what goes wrong with a deployed stack, or estimate what it costs
    Doctor(doctor::DoctorArgs),
    /// Deploy rules
    #[command(subcommand)]
    Rules(push::RulesCommand),
    #[command(hide = true)]
    Stage(stage::StageArgs),
}

/// Which rules, and which Python runs them. Shared by the commands that judge records.
#[derive(Args, Clone, Default)]
struct RulesArgs {
    /// Folder of rules; several layer [default: rules, or `IOTA_RULES`]
    #[arg(long = "rules", value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Rules compiled before, instead of --rules [default: `IOTA_RULEPACK`, if it is set]
    #[arg(long, value_name = "FILE", conflicts_with = "rules")]
    rulepack: Option<PathBuf>,
    /// Run rules with `Enabled: false` too
    #[arg(long)]
    include_disabled: bool,
    #[command(flatten)]
    engine: EngineArgs,
}

/// What compiles and runs rules. Shared by all commands that take any.
#[derive(Args, Clone, Default)]
struct EngineArgs {
    /// Folder of helper modules and data models that the rules import
    #[arg(long, value_name = "DIR")]
    include: Vec<PathBuf>,
    /// Interpreter for the rules, and with it their third-party packages
    #[arg(long, value_name = "PYTHON")]
    python: Option<PathBuf>,
    /// Folder that holds the package `iota_engine`, instead of the built-in one
    #[arg(long, value_name = "DIR")]
    engine: Option<PathBuf>,
}

/// How a command ended, mildest first: the worst of several wins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Outcome {
    Ran = 0,
    No = 1,
    Failed = 2,
}

/// Runs the command line and gives back its exit code.
pub fn main() -> ExitCode {
    crate::engine::shield_ourselves();
    let cli = match Cli::try_parse_from(with_command(std::env::args_os().collect())) {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(if error.use_stderr() { 2 } else { 0 });
        }
    };
    let outcome = match &cli.command {
        Command::Scan(args) => scan::run(args),
        Command::Sync(args) => sync::run(args),
        Command::Local(args) => run_local(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::New(args) => new::run(args),
        Command::Redrive(args) => redrive::run(args),
        Command::Compile(args) => compile::run(args),
        Command::Doctor(args) => doctor::run(args),
        Command::Rules(push::RulesCommand::Push(args)) => push::run(args),
        Command::Stage(args) => stage::run(args),
    };
    match outcome {
        Ok(outcome) => ExitCode::from(outcome as u8),
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "iota: {error:#}");
            ExitCode::from(2)
        }
    }
}

/// Compiles the rules as a deployment would, and has the function run with them.
fn run_local(args: &local::LocalArgs) -> anyhow::Result<Outcome> {
    let engine = engine::Engine::find(&args.rules.engine)?;
    let rules = engine.rules(&args.rules)?;
    show::unloaded(&rules.pack);
    let mut settings = crate::config::own_settings();
    let before = settings.len();
    settings.retain(|(name, _)| name != "IOTA_ALERTS_TO");
    if settings.len() < before {
        show::note("`IOTA_ALERTS_TO` is left out: the function runs here without credentials of yours");
    }
    settings.extend([
        ("IOTA_ENGINE".to_owned(), engine.folder.display().to_string()),
        ("IOTA_PYTHON".to_owned(), engine.python.display().to_string()),
        ("IOTA_RULES".to_owned(), rules.pack.rules_dir.display().to_string()),
        ("IOTA_RULEPACK".to_owned(), std::path::absolute(&rules.pack.path)?.display().to_string()),
    ]);
    let outcome = local::run(args, settings)?;
    Ok(if outcome.is_complete() { Outcome::Ran } else { Outcome::Failed })
}

/// `iota --jsonl F --rules D …` is the invocation of iota's predecessor; it is a scan.
fn with_command(mut args: Vec<OsString>) -> Vec<OsString> {
    let text = |at: usize| args.get(at).and_then(|arg: &OsString| arg.to_str()).unwrap_or_default();
    let option_first = text(1).starts_with('-');
    let jsonl = (1..args.len()).any(|at| text(at) == "--jsonl" || text(at).starts_with("--jsonl="));
    if option_first && jsonl {
        args.insert(1, "scan".into());
    }
    args
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        use clap::CommandFactory as _;
        Cli::command().debug_assert();
    }

    #[test]
    fn the_predecessors_invocation_is_a_scan() {
        let check = |typed: &str, expected: &str| {
            let args = typed.split(' ').map(OsString::from).collect();
            let got: Vec<_> = with_command(args).iter().map(|arg| arg.to_string_lossy().into_owned()).collect();
            assert_eq!(got.join(" "), expected);
        };
        check("iota --jsonl f --rules d", "iota scan --jsonl f --rules d");
        check("iota --rules d --jsonl=f", "iota scan --rules d --jsonl=f");
        check("iota scan f", "iota scan f");
        check("iota --help", "iota --help");
    }
}
