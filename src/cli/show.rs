//! Words for people, on stderr: summaries, lists of what went wrong, notes.

use std::io::{IsTerminal as _, Write as _};
use std::path::Path;
use std::time::Duration;

use super::engine::{Flagged, Own, Report};
use crate::config::no_color;
use crate::engine::Refused;
use crate::model::Severity;
use crate::prefilter::Coverage;
use crate::report::Totals;
use crate::rulepack::{Rulepack, Unloaded};

/// Objects that failed and rules that did are listed up to this many.
const LISTED: usize = 20;

/// One line.
pub(super) fn note(text: &str) {
    // If stderr is closed there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "iota: {text}");
}

/// One line without the command's name: part of a table.
pub(super) fn line(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Folders of a bucket that were not looked into.
pub(super) fn not_listed(folders: u64) {
    if folders > 0 {
        let were = if folders == 1 { "was" } else { "were" };
        note(&format!("{} can hold nothing of what is asked for and {were} not listed", count(folders, "folder")));
    }
}

/// Rules that could not load: each is a detection that does not happen.
pub(super) fn unloaded(pack: &Rulepack) {
    failed(&pack.failed);
}

/// The same for any list of them.
pub(super) fn failed(unloaded: &[Unloaded]) {
    for rule in unloaded {
        let line = rule.line.map(|line| format!(":{line}")).unwrap_or_default();
        note(&format!("{} `{}{line}` is not loaded: {}", paint("31", "rule"), rule.path, rule.reason));
    }
}

/// What `compile` made.
pub(super) fn compiled(report: &Report, target: &Path, verbose: bool) {
    failed(&report.failed);
    if verbose {
        for file in &report.listed {
            note(&format!("`{}` is left out: {}", file.path, file.reason));
        }
    }
    let left_out = match report.listed.len() {
        0 => String::new(),
        n => format!(", {n} left out{}", if verbose { "" } else { " (-v lists them)" }),
    };
    note(&format!(
        "{} in `{}`{}{left_out}; digest {}",
        count(report.rules as u64, "rule"),
        target.display(),
        if report.failed.is_empty() { String::new() } else { format!(", {} not loaded", report.failed.len()) },
        &report.digest[..report.digest.len().min(12)],
    ));
    for place in &report.flagged {
        let whose = match place.rules.as_slice() {
            [] => String::new(),
            [only] => format!(" (rule `{only}`)"),
            [first, rest @ ..] => format!(" (rule `{first}` and {} more)", rest.len()),
        };
        let Flagged { path, line, what, why, .. } = place;
        note(&format!("{} `{path}:{line}`: `{what}` {why}{whose}", paint("33", "look at")));
    }
    for id in &report.never {
        note(&format!(
            "`{id}` can't match any event as it stands; is a value of `site.yml` missing, or a test inverted?"
        ));
    }
}

/// What the organisation's own files change, and what rules would like to know.
pub(super) fn own(own: &Own, verbose: bool) {
    for changed in &own.changed {
        let to: Vec<String> = changed.to.iter().map(|(key, value)| format!("{key} {value}")).collect();
        note(&format!("`{}` of `{}`: {}", changed.id, own.file.as_deref().unwrap_or_default(), to.join(", ")));
    }
    for id in &own.expired {
        note(&format!("exception `{id}` has expired: it hides nothing any more"));
    }
    if own.exceptions > 0 {
        note(&count(own.exceptions as u64, "exception"));
    }
    for wanted in &own.wants {
        let shown = if verbose { wanted.rules.len() } else { 3 };
        let more = match wanted.rules.len().saturating_sub(shown) {
            0 => String::new(),
            more => format!(" and {more} more (-v lists them)"),
        };
        let names: Vec<&str> = wanted.rules.iter().take(shown).map(String::as_str).collect();
        note(&format!(
            "`{}` is not set in `site.yml`; {} would use it: {}{more}",
            wanted.value,
            count(wanted.rules.len() as u64, "rule"),
            names.join(", ")
        ));
    }
}

/// Exceptions that should be looked at: they hide nothing, or apply no more.
pub(super) fn exceptions(totals: &Totals, pack: &Rulepack, expired: &[u32]) {
    for (at, exception) in (0..).zip(&pack.exceptions) {
        let (id, owner) = (&exception.id, &exception.owner);
        let hidden = totals.suppressed.get(&at).copied().unwrap_or_default();
        if expired.contains(&at) {
            note(&format!("exception `{id}` has expired on {} and hides nothing; ask {owner}", exception.expires));
        } else if hidden == 0 && totals.counts.evaluated > 0 {
            note(&format!("exception `{id}` hid nothing in these logs: stale? ask {owner}"));
        } else if hidden > 0 {
            note(&format!("exception `{id}` hid {}; {owner} answers for it", plural(hidden, "match", "matches")));
        }
    }
}

/// What of the isolation does not hold, in one line.
pub(super) fn unconfined(refused: &[Refused]) {
    if !refused.is_empty() {
        let rungs: Vec<String> = refused.iter().map(|refused| format!("{} ({})", refused.rung, refused.why)).collect();
        note(&format!("rules ran without {}; see docs/security.md", rungs.join(", ")));
    }
}

/// How well the rules are understood: what each costs follows from it.
pub(super) fn coverage(coverage: Coverage, report: &Report) {
    for rule in report.unconditioned.iter().take(LISTED) {
        note(&format!("`{}` is asked about every record: {}", rule.id, rule.reason));
    }
    note(&format!(
        "conditions: {} indexed by event name or source, {} looked at for every record, {} without; docs/rulepack.md",
        coverage.indexed, coverage.conditioned, coverage.unconditioned
    ));
}

/// What a scan came to.
pub(super) fn scanned(totals: &Totals, pack: &Rulepack, wall: Duration, stopped: bool) {
    let (objects, counts) = (&totals.objects, &totals.counts);
    for ((rule, kind), tally) in totals.errors.iter().take(LISTED) {
        let id = pack.rules.get(*rule as usize).map_or("?", |rule| &rule.id);
        let word = serde_json::to_value(kind).ok().and_then(|word| Some(word.as_str()?.to_owned())).unwrap_or_default();
        let place = match (&tally.first.file, tally.first.line) {
            (Some(file), Some(line)) => format!(" at {file}:{line}"),
            _ => String::new(),
        };
        let exception = tally.first.exception.lines().next().unwrap_or_default();
        let times = count(tally.count, "time");
        note(&format!(
            "{} `{id}` failed {times} ({word} in {}{place}): {exception}",
            paint("31", "rule"),
            tally.first.phase
        ));
    }
    if totals.errors.len() > LISTED {
        note(&format!("and {} more kinds of rule failures", totals.errors.len() - LISTED));
    }
    for (rule, (times, event_id)) in &totals.mismatches {
        let id = pack.rules.get(*rule as usize).map_or("?", |rule| &rule.id);
        let first = event_id.as_deref().map(|id| format!(", first event `{id}`")).unwrap_or_default();
        note(&format!(
            "{} the condition of `{id}` rules out {} that the rule matches{first}; the alerts are told, please report it",
            paint("31", "unsound:"),
            count(*times, "record"),
        ));
    }
    let seconds = wall.as_secs_f64();
    let mut text = format!(
        "{} in {}{}, {seconds:.1} s",
        count(counts.records, "record"),
        count(objects.done + objects.skipped + objects.failed, "object"),
        if stopped { " before it was stopped" } else { "" },
    );
    for (n, word) in [(objects.failed, "failed"), (objects.skipped, "skipped")] {
        if n > 0 {
            text += &format!("; {} {word}", count(n, "object"));
        }
    }
    for (n, word) in [
        (counts.repeat, "repeats"),
        (counts.malformed, "malformed"),
        (counts.oversize, "oversize"),
        (counts.repaired, "repaired"),
    ] {
        if n > 0 {
            text += &format!("; {} {word}", thousands(n));
        }
    }
    note(&text);
    let by_severity: Vec<String> = Severity::ALL
        .iter()
        .rev()
        .filter(|severity| totals.severities[**severity as usize] > 0)
        .map(|severity| {
            format!("{} {}", thousands(totals.severities[*severity as usize]), severity.word().to_lowercase())
        })
        .collect();
    let detail = if by_severity.is_empty() { String::new() } else { format!(" ({})", by_severity.join(", ")) };
    let signals = if counts.signals > 0 { format!(", {}", count(counts.signals, "signal")) } else { String::new() };
    note(&format!(
        "{}{detail}{signals} from {}",
        count(counts.alerts, "alert"),
        count(pack.rules.len() as u64, "rule")
    ));
}

/// `1 record`, `30,476 records`.
pub(super) fn count(n: u64, noun: &str) -> String {
    plural(n, noun, &format!("{noun}s"))
}

/// The same for a noun of another plural.
pub(super) fn plural(n: u64, noun: &str, nouns: &str) -> String {
    format!("{} {}", thousands(n), if n == 1 { noun } else { nouns })
}

pub(super) fn thousands(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Colour where a person watches and has not asked for none.
pub(super) fn paint(code: &str, text: &str) -> String {
    let plain = no_color() || !std::io::stderr().is_terminal();
    if plain { text.to_owned() } else { format!("\x1b[{code}m{text}\x1b[0m") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped() {
        assert_eq!([0, 999, 1_000, 1_234_567].map(thousands), ["0", "999", "1,000", "1,234,567"]);
        assert_eq!([count(1, "rule"), count(2, "rule")], ["1 rule", "2 rules"]);
    }
}
