//! `iota doctor`: what goes wrong with deployed stacks in practice, one line each, with what to do about it.
//!
//! In: the user's AWS CLI. Out: `ok`, `wrong` or `unknown` for every check. It changes nothing. `place` finds out what
//! belongs to the stack, `checks` and its neighbours judge it, `cost` needs no account at all.

mod bucket;
mod checks;
mod cost;
mod lines;
mod place;
mod trail;

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::bail;
use clap::Args;

use super::aws::{Aws, AwsArgs, Refused};
use super::{Outcome, show};
pub(super) use lines::since as lines_since;
pub(super) use place::{Place, each, text};

/// Look for what goes wrong with a deployed stack.
#[derive(Args)]
pub(super) struct DoctorArgs {
    /// Name of the stack
    #[arg(long, value_name = "STACK", default_value = "iota")]
    stack: String,
    #[command(flatten)]
    aws: AwsArgs,
    /// The pack that should be live, to see whether it is [default: what `make rules` or `make sam-build` made last]
    #[arg(long, value_name = "FILE")]
    rulepack: Option<PathBuf>,
    /// The folder of rules, to see whether the pack is of these [default: rules]
    #[arg(long, value_name = "DIR", default_value = "rules")]
    rules: PathBuf,
    /// A check whose finding is as you want it; several
    #[arg(long, value_name = "CHECK")]
    accept: Vec<String>,
    /// Ask nothing of AWS: estimate a month's bill from what `aws s3 ls --recursive` printed (`-`: standard input)
    #[arg(long, value_name = "LISTING")]
    cost: Option<PathBuf>,
    /// For --cost: the function's memory in MB
    #[arg(long, value_name = "MB", requires = "cost", value_parser = clap::value_parser!(u32).range(128..=10240))]
    memory: Option<u32>,
    /// For --cost: notifications come through the queue
    #[arg(long, requires = "cost")]
    queue: bool,
}

/// What is wrong, and what to do about it.
struct Finding {
    what: String,
    fix: String,
}

impl Finding {
    fn new(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { what: what.into(), fix: fix.into() }
    }
}

/// What a check found; why it could not look.
type Found = Result<Vec<Finding>, Refused>;

/// One question, its name, and the words for when all is well.
struct Check {
    id: &'static str,
    well: &'static str,
    ask: fn(&Aws, &Place) -> Found,
}

pub(super) fn run(args: &DoctorArgs) -> anyhow::Result<Outcome> {
    if let Some(listing) = &args.cost {
        for line in cost::estimate(listing, args.memory, args.queue)? {
            print(&line)?;
        }
        return Ok(Outcome::Ran);
    }
    let known = || checks::ALL.iter().map(|check| check.id).collect::<Vec<_>>().join(", ");
    if let Some(strange) = args.accept.iter().find(|id| checks::ALL.iter().all(|check| check.id != **id)) {
        bail!("`{strange}` is no check; these are: {}", known());
    }
    let aws = Aws::new(&args.aws);
    let place = Place::find(&aws, args)?;
    let answers: Vec<(&Check, Found)> = std::thread::scope(|scope| {
        let asking: Vec<_> =
            checks::ALL.iter().map(|check| (check, scope.spawn(|| (check.ask)(&aws, &place)))).collect();
        let lost = |id: &str| Refused { code: None, asked: id.to_owned(), message: "the check itself broke".into() };
        asking
            .into_iter()
            .map(|(check, thread)| (check, thread.join().unwrap_or_else(|_| Err(lost(check.id)))))
            .collect()
    });
    let mut outcome = Outcome::Ran;
    for (check, found) in answers {
        outcome = outcome.max(tell(check, found, args.accept.iter().any(|id| id == check.id))?);
    }
    Ok(outcome)
}

fn tell(check: &Check, found: Found, accepted: bool) -> anyhow::Result<Outcome> {
    match found {
        Ok(findings) if findings.is_empty() => {
            print(&format!("{}       {}: {}", show::paint("32", "ok"), check.id, check.well))?
        }
        Ok(findings) => {
            let (word, outcome) = if accepted { ("accepted ", Outcome::Ran) } else { ("wrong    ", Outcome::No) };
            for Finding { what, fix } in findings {
                print(&format!(
                    "{}{}: {what}; {fix}",
                    show::paint(if accepted { "33" } else { "31" }, word),
                    check.id
                ))?;
            }
            return Ok(outcome);
        }
        Err(refused) => {
            let fix = if refused.is_denied() { "; ask again as somebody who may" } else { "" };
            print(&format!("{}  {}: {refused}{fix}", show::paint("33", "unknown"), check.id))?;
            return Ok(if accepted { Outcome::Ran } else { Outcome::Failed });
        }
    }
    Ok(Outcome::Ran)
}

fn print(line: &str) -> anyhow::Result<()> {
    writeln!(std::io::stdout(), "{line}")?;
    Ok(())
}
