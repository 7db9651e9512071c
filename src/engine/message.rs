//! What frames say: the requests we send, the replies we take, and the check that a reply answers what was asked.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::isolation::Confine;

/// Both sides speak this, or refuse.
pub(super) const PROTOCOL: u32 = 1;

#[derive(Serialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub(super) enum Request<'a> {
    Start(Start<'a>),
    Batch(BatchHeader<'a>),
    Test(TestHeader<'a>),
}

#[derive(Serialize)]
pub(super) struct Start<'a> {
    pub(super) protocol: u32,
    pub(super) engine_version: &'a str,
    pub(super) pack: &'a Path,
    pub(super) rules: &'a Path,
    pub(super) digest: &'a str,
    pub(super) cell: &'a Path,
    /// The only rules that it may load, by index; `None`: any.
    pub(super) only: Option<Vec<u32>>,
    pub(super) limits: Limits,
    pub(super) site: &'a [String],
    /// What a match says is wanted of rules that never alert, too.
    pub(super) signals: bool,
    /// What the engine is to have the kernel deny itself; `None`: nothing.
    pub(super) confine: Option<&'a Confine>,
    /// Ends every reply after the hello, so that a rule that finds the pipe can't answer in the engine's name.
    pub(super) seal: &'a str,
}

/// What a worker holds itself to.
#[derive(Debug, Clone, Copy, Serialize)]
pub(super) struct Limits {
    pub(super) rule_ms: u64,
    pub(super) import_ms: u64,
    pub(super) memory_bytes: u64,
    /// After so many timeouts in one batch a rule is not run for the rest of it.
    pub(super) strikes: u32,
    pub(super) reply_bytes: usize,
}

#[derive(Serialize)]
pub(super) struct BatchHeader<'a> {
    pub(super) seq: u64,
    /// Which rules: `None` for all.
    pub(super) sets: &'a [Option<Vec<u32>>],
    /// Offset, length, set.
    pub(super) items: &'a [(usize, usize, usize)],
    /// Whether the worker looks after every single pair whether it is still itself: somebody has changed one like it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(super) watch: bool,
}

#[derive(Serialize)]
pub(super) struct TestHeader<'a> {
    pub(super) seq: u64,
    pub(super) rule: u32,
    pub(super) mocks: &'a RawValue,
    pub(super) length: usize,
}

/// A reply, by the word in its `type`.
pub(super) enum Reply {
    Hello(Hello),
    Fatal(Fatal),
    Item(ItemReply),
    Tested(Tested),
    End(End),
    Tampered(Tampered),
}

impl Reply {
    /// Two passes, because a tagged enum would copy a verdict's raw JSON apart.
    pub(super) fn parse(header: &[u8]) -> Result<Self, serde_json::Error> {
        #[derive(Deserialize)]
        struct Type<'a> {
            #[serde(rename = "type")]
            word: &'a str,
        }
        Ok(match serde_json::from_slice::<Type<'_>>(header)?.word {
            "item" => Self::Item(serde_json::from_slice(header)?),
            "end" => Self::End(serde_json::from_slice(header)?),
            "hello" => Self::Hello(serde_json::from_slice(header)?),
            "tampered" => Self::Tampered(serde_json::from_slice(header)?),
            "tested" => Self::Tested(serde_json::from_slice(header)?),
            _ => Self::Fatal(serde_json::from_slice(header)?),
        })
    }
}

#[derive(Deserialize)]
pub(super) struct Fatal {
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Deserialize)]
pub(super) struct End {
    pub(super) seq: u64,
}

/// The last words of a worker that is not what it was when it started.
#[derive(Debug, Deserialize)]
pub(super) struct Tampered {
    /// What was changed.
    pub(super) what: String,
    /// The pair that did it, where every single one was watched.
    pub(super) rule: Option<u32>,
    pub(super) item: Option<u32>,
}

#[derive(Deserialize)]
pub(super) struct Hello {
    pub(super) protocol: u32,
    pub(super) engine_version: String,
    pub(super) digest: String,
    /// By rung: `held`, or why it was refused.
    pub(super) isolation: BTreeMap<String, String>,
}

#[derive(Deserialize)]
pub(super) struct ItemReply {
    pub(super) seq: u64,
    pub(super) i: usize,
    #[serde(default)]
    pub(super) more: bool,
    #[serde(default)]
    pub(super) unparsable: Option<String>,
    /// Rules that were not run, because they had timed out too often in this batch.
    #[serde(default)]
    pub(super) skipped: Vec<u32>,
    pub(super) verdicts: Vec<Verdict>,
}

/// A rule's answer that is not a plain no: it matched, or it failed.
#[derive(Debug, Deserialize)]
pub(crate) struct Verdict {
    /// Index into the pack's rules.
    pub(crate) rule: u32,
    #[serde(rename = "match")]
    pub(crate) matched: bool,
    #[serde(default)]
    pub(crate) title: Option<String>,
    #[serde(default)]
    pub(crate) severity: Option<crate::model::Severity>,
    #[serde(default)]
    pub(crate) dedup: Option<String>,
    #[serde(default)]
    pub(crate) context: Option<Box<RawValue>>,
    #[serde(default)]
    pub(crate) description: Option<String>,
    #[serde(default)]
    pub(crate) runbook: Option<String>,
    #[serde(default)]
    pub(crate) reference: Option<String>,
    #[serde(default)]
    pub(crate) destinations: Option<Vec<String>>,
    #[serde(default)]
    pub(crate) unique: Option<String>,
    #[serde(default)]
    pub(crate) errors: Vec<Failure>,
}

impl Verdict {
    /// No match, because of `failure`.
    pub(super) fn failed(rule: u32, failure: Failure) -> Self {
        Self {
            rule,
            matched: false,
            title: None,
            severity: None,
            dedup: None,
            context: None,
            description: None,
            runbook: None,
            reference: None,
            destinations: None,
            unique: None,
            errors: vec![failure],
        }
    }
}

/// What went wrong in one function of a rule.
#[derive(Debug, Clone, Deserialize, Serialize)]
pub(crate) struct Failure {
    /// The function, or `import`.
    pub(crate) phase: String,
    pub(crate) failure: FailureKind,
    /// Type and message of the exception.
    pub(crate) exception: String,
    #[serde(default)]
    pub(crate) file: Option<String>,
    #[serde(default)]
    pub(crate) line: Option<u64>,
}

/// How a rule failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum FailureKind {
    /// Its module could not be imported, or is not the one that was compiled.
    Load,
    /// It raised.
    Raise,
    /// It returned something of the wrong type.
    Type,
    /// It took longer than it may.
    Timeout,
    /// It took the worker down with it.
    Crash,
    /// It asked for more memory than there is.
    Memory,
    /// It changed the engine, or another rule, in the process that they share.
    Tamper,
}

/// The answer to one test of a rule.
#[derive(Debug, Deserialize)]
pub(crate) struct Tested {
    pub(super) seq: u64,
    /// What `rule()` said; `None` if it failed.
    pub(crate) outcome: Option<bool>,
    /// What the other functions said, by name: `value` or `error`.
    pub(crate) functions: serde_json::Map<String, serde_json::Value>,
    pub(crate) errors: Vec<Failure>,
    /// What rule code printed meanwhile.
    #[serde(skip)]
    pub(crate) printed: Vec<String>,
}

/// Rules may be skipped only if they were asked for, once each.
pub(super) fn check_skipped(skipped: &[u32], asked: Option<&[u32]>, rules: usize) -> Result<(), String> {
    let known = |rule: &u32| asked.map_or((*rule as usize) < rules, |asked| asked.binary_search(rule).is_ok());
    if skipped.iter().all(known) && skipped.is_sorted_by(|a, b| a < b) {
        return Ok(());
    }
    Err("it skipped a rule that was not asked for".into())
}

/// What was asked of one item, to check the reply against. Pairs are answered once, in order.
pub(super) fn check_verdicts(
    verdicts: &[Verdict],
    asked: Option<&[u32]>,
    rules: usize,
    last: &mut Option<u32>,
) -> Result<(), String> {
    for verdict in verdicts {
        let rule = verdict.rule;
        let known = match asked {
            Some(asked) => asked.binary_search(&rule).is_ok(),
            None => (rule as usize) < rules,
        };
        if !known || last.is_some_and(|last| rule <= last) {
            return Err(format!("an answer for rule {rule} that was not asked for"));
        }
        *last = Some(rule);
    }
    Ok(())
}
