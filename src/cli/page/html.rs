//! The page itself.
//!
//! In: [`Summary`] and [`Facts`]. Out: markup. Everything that is put in is escaped; links go to `https` places only, and
//! the page's own policy lets a browser load nothing and run nothing.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;

use super::summary::{Row, Summary};
use super::timeline::{Bar, Timeline};
use crate::cli::show::{count, plural, thousands};
use crate::model::Severity;
use crate::report::Totals;
use crate::rulepack::Rulepack;

const STYLE: &str = include_str!("style.css");
/// Rows of a table.
const ROWS: usize = 50;
/// A picture is so many units wide, and its bars so high.
const WIDTH: f64 = 960.0;
const HEIGHT: f64 = 120.0;
const WIDEST: f64 = 40.0;

/// What is known besides the alerts.
pub(in crate::cli) struct Facts<'a> {
    pub(in crate::cli) totals: &'a Totals,
    /// What was scanned, as it was named.
    pub(in crate::cli) paths: Vec<String>,
    pub(in crate::cli) pack: &'a Rulepack,
    /// Rules that could not be loaded.
    pub(in crate::cli) unloaded: &'a [String],
    pub(in crate::cli) stopped: bool,
    pub(in crate::cli) now: OffsetDateTime,
}

/// All of it.
pub(super) fn page(summary: &Summary, facts: &Facts<'_>) -> Markup {
    let title = format!("{} in {}", count(summary.alerts, "alert"), count(facts.totals.counts.records, "record"));
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy());
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { "iota: " (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (title) }
                    @if let Some((first, last)) = summary.span {
                        p.soft { "Alerts from " (moment(first)) " to " (moment(last)) " UTC" (of_accounts(summary)) }
                    }
                    p.soft { "Scanned: " (facts.paths.join(", ")) }
                    @if summary.alerts > 0 {
                        nav {
                            a href="#rule" { "Rules" } a href="#actor" { "Actors" }
                            @if !summary.techniques.is_empty() { a href="#technique" { "MITRE ATT&CK" } }
                            a href="#alert" { "Alerts" }
                        }
                    }
                }
                (tiles(summary, facts.totals))
                (gaps(facts))
                @if summary.timeline.bars() > 0 { (picture(&summary.timeline)) }
                (table("Rules", "rule", "actors", &summary.rules, true))
                (table("Actors", "actor", "rules", &summary.actors, false))
                (table("MITRE ATT&CK", "technique", "rules", &summary.techniques, false))
                (alerts(summary))
                footer {
                    "Made by iota " (env!("CARGO_PKG_VERSION")) " on " (moment(facts.now.unix_timestamp())) " UTC with "
                    (count(facts.pack.rules.len() as u64, "rule")) "; rulepack " code { (facts.pack.digest) }
                }
            }
        }
    }
}

/// Nothing is loaded, nothing runs, and the one style is ours.
fn policy() -> String {
    let style = STANDARD.encode(Sha256::digest(STYLE));
    format!("default-src 'none'; style-src 'sha256-{style}'; base-uri 'none'; form-action 'none'")
}

fn of_accounts(summary: &Summary) -> String {
    match summary.accounts.len() {
        0 => String::new(),
        1..=3 => format!(", of {}", summary.accounts.iter().map(String::as_str).collect::<Vec<_>>().join(", ")),
        many => format!(", of {many} accounts"),
    }
}

fn tiles(summary: &Summary, totals: &Totals) -> Markup {
    let counts = &totals.counts;
    let others = [
        ("files", totals.objects.done + totals.objects.failed),
        ("records judged", counts.evaluated),
        ("repeats", counts.repeat),
        ("signals", counts.signals),
        ("suppressed", counts.suppressed),
    ];
    html! {
        div.tiles {
            @for severity in Severity::ALL.into_iter().rev() {
                div class={ "tile " (class(severity)) } { b { (thousands(summary.severities[severity as usize])) } (class(severity)) }
            }
        }
        div.tiles {
            @for (name, value) in others {
                @if value > 0 || matches!(name, "files" | "records judged") { div.tile { b { (thousands(value)) } (name) } }
            }
        }
    }
}

/// What this page can't speak of, so that nobody takes silence for peace.
fn gaps(facts: &Facts<'_>) -> Markup {
    let (totals, counts) = (facts.totals, &facts.totals.counts);
    let unfit = counts.malformed + counts.oversize;
    let nothing = !facts.stopped
        && facts.unloaded.is_empty()
        && totals.objects.failed == 0
        && unfit == 0
        && totals.errors.is_empty()
        && counts.blind == 0;
    html! {
        @if !nothing {
            div.warning {
                b { "What is missing here" }
                ul {
                    @if facts.stopped { li { "The scan was stopped before its end." } }
                    @if totals.objects.failed > 0 {
                        li { (count(totals.objects.failed, "file")) " failed, and may be read in part only:"
                            ul { @for failure in &totals.failures { li { (failure) } }
                                @if totals.objects.failed > totals.failures.len() as u64 { li { "and others" } } } }
                    }
                    @if unfit > 0 {
                        li { (count(unfit, "record")) " could not be judged: " (counts.malformed) " malformed, " (counts.oversize) " too long" }
                    }
                    @if !facts.unloaded.is_empty() {
                        li { (count(facts.unloaded.len() as u64, "rule")) " could not be loaded: " (facts.unloaded.join(", ")) }
                    }
                    @for ((rule, _), tally) in &totals.errors {
                        li { "Rule " code { (facts.pack.rule(*rule).map_or("?", |rule| &rule.id)) } " failed " (plural(tally.count, "time", "times"))
                            ": " (tally.first.exception) }
                    }
                    @if counts.blind > 0 {
                        li { (thousands(counts.blind)) " times a rule was not asked, since it had hung or crashed too often" }
                    }
                }
            }
        }
    }
}

fn picture(timeline: &Timeline) -> Markup {
    let most = timeline.most().max(1);
    let step = WIDTH / timeline.bars().max(1) as f64;
    let (from, to) = timeline.ends();
    html! {
        h2 { "When" }
        p.soft { "Alerts per " (timeline.unit()) ", by the time of their events; the highest bar is " (thousands(most)) }
        svg viewBox=(format!("0 0 {WIDTH} {}", HEIGHT + 22.0)) role="img" aria-label=(format!("alerts per {}", timeline.unit())) {
            line x1="0" y1=(HEIGHT + 0.5) x2=(WIDTH) y2=(HEIGHT + 0.5) {}
            @for (at, begin, bar) in timeline.filled() {
                g {
                    title { (moment(begin)) ": " (count(bar.iter().sum(), "alert")) }
                    (stack(bar, step * at as f64, (step * 0.8).min(WIDEST), most))
                }
            }
            text x="0" y=(HEIGHT + 16.0) { (moment(from)) }
            text x=(WIDTH) y=(HEIGHT + 16.0) text-anchor="end" { (moment(to)) }
        }
    }
}

/// One bar: the gravest at the bottom, where the eye begins.
fn stack(bar: &Bar, left: f64, width: f64, most: u64) -> Markup {
    let mut top = HEIGHT;
    let filled = Severity::ALL.into_iter().rev().filter(|&severity| bar[severity as usize] > 0);
    let parts = filled.map(|severity| {
        let height = (bar[severity as usize] as f64 / most as f64 * HEIGHT).max(1.5);
        top -= height;
        (severity, top, height)
    });
    html! {
        @for (severity, top, height) in parts {
            rect class=(class(severity)) x=(format!("{left:.1}")) y=(format!("{top:.1}"))
                width=(format!("{width:.1}")) height=(format!("{height:.1}")) {}
        }
    }
}

fn table(heading: &str, name: &str, others: &str, rows: &[(String, Row)], with_techniques: bool) -> Markup {
    html! {
        @if !rows.is_empty() {
            h2 id=(name) { (heading) }
            table {
                thead { tr {
                    th { "gravest" } th { (name) }
                    @if with_techniques { th { "ATT&CK" } }
                    th.number { "alerts" } th.number { "matches" } th.number { (others) } th { "first" } th { "last" }
                } }
                tbody {
                    @for (name, row) in rows.iter().take(ROWS) { tr {
                        td { @if let Some(severity) = row.severity { (badge(severity)) } }
                        td { (name) }
                        @if with_techniques { td { @for id in &row.techniques { div { (id) } } } }
                        td.number { (thousands(row.alerts)) } td.number { (thousands(row.matches)) } td.number { (thousands(row.others.len() as u64)) }
                        td.time { (row.first.map(moment).unwrap_or_default()) } td.time { (row.last.map(moment).unwrap_or_default()) }
                    } }
                }
            }
            @if rows.len() > ROWS { p.soft { "and " (thousands((rows.len() - ROWS) as u64)) " more" } }
        }
    }
}

fn alerts(summary: &Summary) -> Markup {
    let hidden = summary.alerts - summary.shown.len() as u64;
    html! {
        @if summary.alerts == 0 { h2 id="alert" { "Alerts" } p { "None." } } @else {
            h2 id="alert" { "Alerts" }
            p.soft {
                "The gravest first, then by time of the event. "
                @if hidden > 0 { (thousands(hidden)) " more are only in the scan's own output." }
            }
            @for alert in &summary.shown { (one(alert)) }
        }
    }
}

fn one(alert: &Value) -> Markup {
    let text = |name: &str| alert[name].as_str().unwrap_or_default();
    let severity = Severity::ALL.into_iter().find(|severity| severity.word() == text("severity"));
    let log = &alert["log"];
    let place = [log["bucket"].as_str(), log["key"].as_str()].into_iter().flatten().collect::<Vec<_>>().join("/");
    let facts = [
        ("rule", text("rule_id").to_owned()),
        ("actor", text("actor_arn").to_owned()),
        ("source IP", text("source_ip").to_owned()),
        ("event", [text("event_source"), text("event_name")].join(" ").trim().to_owned()),
        ("error", text("error_code").to_owned()),
        ("account", [text("account_id"), text("account_name")].join(" ").trim().to_owned()),
        ("region", text("region").to_owned()),
        ("user agent", text("user_agent").to_owned()),
        ("matches", alert["match_count"].as_u64().filter(|&matches| matches > 1).map(thousands).unwrap_or_default()),
        ("record", format!("{} of {place}", log["index"])),
        ("event id", text("event_id").to_owned()),
        ("alert id", text("alert_id").to_owned()),
    ];
    html! {
        details {
            summary {
                (severity.map(badge).unwrap_or_default())
                time { (text("event_time").replace('T', " ").trim_end_matches('Z')) }
                span { (text("title")) }
            }
            div {
                @if !text("description").is_empty() { p { (text("description")) } }
                dl { @for (name, value) in facts { @if !value.is_empty() { dt { (name) } dd { (value) } } } }
                @if !text("runbook").is_empty() { b { "Runbook" } pre { (text("runbook")) } }
                @if text("reference").starts_with("https://") {
                    p { a href=(text("reference")) rel="noreferrer" { (text("reference")) } }
                }
                @if !alert["context"].is_null() { b { "Context" } pre { (pretty(&alert["context"])) } }
                b { "Event" } pre { (pretty(&alert["event"])) }
            }
        }
    }
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn badge(severity: Severity) -> Markup {
    html! { span class={ "badge " (class(severity)) } { (severity.word()) } }
}

fn class(severity: Severity) -> String {
    severity.word().to_ascii_lowercase()
}

fn moment(seconds: i64) -> String {
    let Ok(at) = OffsetDateTime::from_unix_timestamp(seconds) else { return String::new() };
    format!("{:04}-{:02}-{:02} {:02}:{:02}", at.year(), u8::from(at.month()), at.day(), at.hour(), at.minute())
}
