//! `iota redrive`: what failed goes to the function again, and what one rule has missed is judged again.
//!
//! From a failure queue a message is taken away only when the function's own queue, or Lambda, has accepted what it asks
//! for. Every message is answered for by one line on standard output, `--dry-run` included.

mod invoke;
mod lines;
mod queue;

use std::io::Write as _;

use anyhow::{Context as _, bail};
use clap::Args;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::{Value, json};

use super::remote::{Prefix, Remote};
use super::scan::{self, Input, ScanArgs, ScopeArgs};
use super::{Outcome, RulesArgs, show};
use crate::config::Config;
use crate::model::ObjectRef;
use crate::scope::Scope;
use invoke::Function;

/// Objects in one notification: they are retried together.
const TOGETHER: usize = 10;
/// What a key's letters are in a notification: the function decodes them once.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'/').remove(b'-').remove(b'_').remove(b'.').remove(b'~');

const AFTER: &str = "\
Examples:
  iota redrive --queue FAILURE_QUEUE_URL --function iota-detect --dry-run
  iota redrive --prefix s3://BUCKET/AWSLogs/ --since 2026-03-14 --to-queue FILES_QUEUE_URL
  iota redrive --rule my_rule lines.jsonl --rules rules > alerts.jsonl

See docs/delivery.md, \"Replay\".";

/// Replay what failed.
#[derive(Args)]
#[command(after_help = AFTER)]
pub(super) struct RedriveArgs {
    /// Failure queue: each message is sent on, and then deleted
    #[arg(long, value_name = "URL", conflicts_with_all = ["prefix", "rule"], required_unless_present_any = ["prefix", "rule"])]
    queue: Option<String>,
    /// Log files under s3://BUCKET/PREFIX: the function is notified of them
    #[arg(long, value_name = "S3", conflicts_with = "rule")]
    prefix: Option<String>,
    /// A rule that was fenced, or failed: it is run again here, on the log files that LINES name; its alerts are printed
    #[arg(long, value_name = "ID")]
    rule: Option<String>,
    /// Lines of the function, as CloudWatch Logs gives them back; standard input without any
    #[arg(value_name = "LINES", requires = "rule")]
    lines: Vec<std::path::PathBuf>,
    /// Function to invoke, by name or ARN
    #[arg(long, value_name = "NAME", conflicts_with = "to_queue")]
    function: Option<String>,
    /// The function's own queue, instead of invoking it
    #[arg(long, value_name = "URL")]
    to_queue: Option<String>,
    /// Say what would be done, and do nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    scope: ScopeArgs,
    #[command(flatten)]
    rules: RulesArgs,
}

/// Who is told.
enum Target {
    Function(Function),
    Queue(aws_sdk_sqs::Client, String),
    /// `--dry-run`
    Nobody,
}

impl Target {
    /// Returns when it is accepted, or with why it is not.
    async fn send(&self, payload: &Value) -> Result<(), String> {
        match self {
            Self::Function(function) => function.invoke(payload.to_string()).await,
            Self::Queue(client, url) => {
                let sent = client.send_message().queue_url(url).message_body(payload.to_string()).send().await;
                sent.map(drop).map_err(|error| queue::why(&error))
            }
            Self::Nobody => Ok(()),
        }
    }
}

pub(super) fn run(args: &RedriveArgs) -> anyhow::Result<Outcome> {
    let config = Config::from_env()?;
    let scope = args.scope.scope()?;
    let to_be_told = args.function.is_some() || args.to_queue.is_some();
    if args.rule.is_none() && !to_be_told && !args.dry_run {
        bail!("who shall handle it? name the function (--function) or its own queue (--to-queue)");
    }
    if args.prefix.is_none() && scope.is_partial() {
        bail!("`--since`, `--until`, `--account` and `--region` choose among the log files of `--prefix`");
    }
    if let Some(rule) = &args.rule {
        return of_rule(args, rule, config, to_be_told);
    }
    let remote = Remote::connect(config.custom_s3_endpoint)?;
    let target = target(args, &remote)?;
    if let Some(url) = &args.queue {
        return remote.runtime.block_on(queue::drain(&remote.shared, url, &target));
    }
    let prefix = args.prefix.as_deref().unwrap_or_default();
    let prefix = Prefix::parse(prefix).with_context(|| format!("`{prefix}` is no s3://BUCKET/PREFIX"))??;
    let (objects, passed) = remote.list(&prefix, &scope)?;
    if passed > 0 {
        show::note(&format!("{} can hold nothing of what is asked for", show::count(passed, "folder")));
    }
    notify(&remote, &target, &objects)
}

fn target(args: &RedriveArgs, remote: &Remote) -> anyhow::Result<Target> {
    Ok(match (&args.function, &args.to_queue) {
        _ if args.dry_run => Target::Nobody,
        (Some(name), _) => Target::Function(Function::new(name, &remote.shared)?),
        (_, Some(url)) => Target::Queue(aws_sdk_sqs::Client::new(&remote.shared), url.clone()),
        _ => Target::Nobody,
    })
}

/// Tells the function of objects as S3 would.
fn notify(remote: &Remote, target: &Target, objects: &[ObjectRef]) -> anyhow::Result<Outcome> {
    let (mut told, mut failed) = (0, 0);
    for some in objects.chunks(TOGETHER) {
        let sent = remote.runtime.block_on(target.send(&notification(some)));
        let names: Vec<String> = some.iter().map(ToString::to_string).collect();
        match &sent {
            Ok(()) => told += some.len() as u64,
            Err(_) => failed += some.len() as u64,
        }
        answer(&json!({"objects": names}), target, sent.err())?;
    }
    let verb = if matches!(target, Target::Nobody) { "would be told of" } else { "was told of" };
    show::note(&format!("the function {verb} {}; {failed} failed", show::count(told, "log file")));
    Ok(if failed > 0 { Outcome::Failed } else { Outcome::Ran })
}

/// One line on what became of one message.
fn answer(named: &Value, target: &Target, failed: Option<String>) -> anyhow::Result<()> {
    let outcome = match (&failed, target) {
        (Some(_), _) => "left",
        (None, Target::Nobody) => "would be sent",
        (None, _) => "sent",
    };
    let mut line = named.clone();
    line["outcome"] = outcome.into();
    line["why"] = failed.into();
    Ok(writeln!(std::io::stdout(), "{line}")?)
}

fn notification(objects: &[ObjectRef]) -> Value {
    let record = |object: &ObjectRef| {
        let key = utf8_percent_encode(&object.key, PLAIN).to_string();
        let named = json!({"key": key, "versionId": object.version_id});
        json!({"eventSource": "aws:s3", "eventName": "ObjectCreated:Put",
               "s3": {"bucket": {"name": object.bucket}, "object": named}})
    };
    json!({"Records": objects.iter().map(record).collect::<Vec<_>>()})
}

/// One rule again, on the objects in which it was blind or failed.
fn of_rule(args: &RedriveArgs, rule: &str, config: Config, to_be_told: bool) -> anyhow::Result<Outcome> {
    let missed = lines::read(&args.lines, rule)?;
    if missed.foreign > 0 {
        show::note(&format!("{} not the function's", show::count(missed.foreign, "line of input is")));
    }
    for name in &missed.unreadable {
        show::note(&format!("`{name}` came with its invocation and can't be read again"));
    }
    let least = if missed.unreadable.is_empty() { Outcome::Ran } else { Outcome::Failed };
    if missed.objects.is_empty() {
        show::note(&format!("no line says that rule `{rule}` has missed anything in a log file"));
        return Ok(least);
    }
    show::note(&format!(
        "rule `{rule}` may have missed something in {}",
        show::count(missed.objects.len() as u64, "log file")
    ));
    if args.dry_run {
        for object in &missed.objects {
            answer(&json!({"objects": [object.to_string()], "rule": rule}), &Target::Nobody, None)?;
        }
        return Ok(least);
    }
    let remote = Remote::connect(config.custom_s3_endpoint)?;
    let outcome = if to_be_told {
        notify(&remote, &target(args, &remote)?, &missed.objects)?
    } else {
        let files: Vec<Input> = missed.objects.into_iter().map(Input::Object).collect();
        scan::over(&ScanArgs::again(rule, &args.rules), config, Scope::default(), &files, Some(&remote))?
    };
    Ok(outcome.max(least))
}
