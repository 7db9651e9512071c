//! Things that happen and are no answer to anybody, each with its name and fixed fields, and the line it becomes.

use serde_json::json;

use crate::config::Config;
use crate::engine::Notice;
use crate::mask::Mask;
use crate::model::ObjectRef;
use crate::report::Counts;
use crate::rulepack::{Exception, Rule, Rulepack};
use crate::sink::{Kind, Level, Sink};

/// So much of a condition is shown.
const MAX_CONDITION: usize = 4000;

/// Told to people through the sink. A line that can't be written here is let go: the object line that follows will
/// meet the same closed output and fail its object.
pub(crate) fn notice(sink: &Sink, pack: &Rulepack, mask: &Mask, notice: &Notice<'_>) {
    let _ = match notice {
        Notice::Printed { lines, dropped } => sink.line(
            Kind::Log,
            Level::Info,
            &json!({"event": "rule_output", "message": mask.text(&lines.join("\n")), "dropped_lines": dropped}),
        ),
        Notice::WorkerLost { cause } => {
            sink.line(Kind::Log, Level::Warn, &json!({"event": "worker_lost", "message": cause}))
        }
        Notice::Refused(refused) => {
            let message = format!("rules run without `{}`: {}; see docs/security.md", refused.rung, refused.why);
            sink.line(
                Kind::Health,
                Level::Warn,
                &json!({"event": "isolation_refused", "rung": refused.rung, "errno": refused.errno(), "message": message}),
            )
        }
        Notice::Fenced { rule, seconds } => {
            let id = pack.rule(*rule).map(|rule| rule.id.as_str());
            let message = format!("rule keeps timing out or crashing; it is not run for {seconds} s");
            sink.line(
                Kind::Health,
                Level::Warn,
                &json!({"event": "rule_fenced", "rule_id": id, "seconds": seconds, "message": message}),
            )
        }
    };
}

/// What is worth knowing at the start: misspelt settings, rules that could not load.
pub(crate) fn start(sink: &Sink, config: &Config, pack: &Rulepack) {
    for name in &config.unknown {
        let message = format!("`{name}` is no setting of iota; see the settings table");
        let _ = sink.line(Kind::Log, Level::Warn, &json!({"event": "unknown_setting", "message": message}));
    }
    for failed in &pack.failed {
        let _ = sink.line(
            Kind::Health,
            Level::Warn,
            &json!({"event": "rule_not_loaded", "rule_id": failed.id, "path": failed.path, "line": failed.line,
                    "message": failed.reason}),
        );
    }
}

/// A rule matched a record that its condition had ruled out: a defect of ours, and a detection that was nearly missed.
pub(crate) fn prefilter_mismatch(sink: &Sink, rule: &Rule, event_id: Option<&str>, object: &ObjectRef) {
    let message = "the rule matched a record that its condition rules out; the alert is told all the same. Please report \
                   the rule's condition";
    let _ = sink.line(
        Kind::Health,
        Level::Warn,
        &json!({"event": "prefilter_mismatch", "rule_id": rule.id, "condition": rule.condition_text(MAX_CONDITION),
                "event_id": event_id, "bucket": object.bucket, "key": object.key, "message": message}),
    );
}

/// An exception applies no more: what it hid is told again.
pub(crate) fn expired_exception(sink: &Sink, exception: &Exception) {
    let message = "the exception has expired and hides nothing any more; take it out, or have its owner look again";
    let _ = sink.line(
        Kind::Health,
        Level::Warn,
        &json!({"event": "expired_exception", "exception": exception.id, "owner": exception.owner,
                "expires": exception.expires, "message": message}),
    );
}

/// An exception hides more of one day than it was meant to; it goes on hiding.
pub(crate) fn exception_over_limit(sink: &Sink, exception: &Exception, event_id: Option<&str>) {
    let message = format!(
        "the exception has hidden more than {} matches of one day; make it narrower, or raise `max_per_day`",
        exception.max_per_day
    );
    let _ = sink.line(
        Kind::Health,
        Level::Warn,
        &json!({"event": "exception_over_limit", "exception": exception.id, "owner": exception.owner,
                "max_per_day": exception.max_per_day, "event_id": event_id, "message": message}),
    );
}

/// Records of an object that no rule has seen: how many, and the first of them.
pub(crate) fn not_evaluated(sink: &Sink, object: &ObjectRef, counts: &Counts, index: u64, why: &str) {
    let records = counts.malformed + counts.oversize;
    let message = format!("{records} of {} records could not be judged; record {index} is {why}", counts.records);
    let _ = sink.line(
        Kind::Log,
        Level::Warn,
        &json!({"event": "records_not_evaluated", "message": message, "bucket": object.bucket, "key": object.key,
                "index": index}),
    );
}

/// A fence kept a rule from so many records of an object. Named, so that just these can be judged later.
pub(crate) fn blind(sink: &Sink, rule: &Rule, object: &ObjectRef, records: u64) {
    let message = "the rule was not run on these records; see `iota redrive --rule`";
    let _ = sink.line(
        Kind::Health,
        Level::Warn,
        &json!({"event": "rule_blind", "rule_id": rule.id, "records": records, "bucket": object.bucket,
                "key": object.key, "version_id": object.version_id, "message": message}),
    );
}

/// Alerts are in the log, but not where somebody expects them. Their object fails and is tried again.
pub(crate) fn undelivered(sink: &Sink, message: &str) {
    let _ = sink.line(Kind::Health, Level::Warn, &json!({"event": "alerts_not_delivered", "message": message}));
}

/// One line of free text.
pub(crate) fn log(sink: &Sink, level: Level, event: &str, message: &str) {
    let _ = sink.line(Kind::Log, level, &json!({"event": event, "message": message}));
}
