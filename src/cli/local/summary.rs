//! The end of a run, for a person: a table of the alerts, the failure queue, and the totals in a few lines.
//!
//! Input: the tally. Output: text for standard error, fitted to its width. Whoever reads it may see iota for the first
//! time, so it says in words what happened and where to look next; programs read the JSON lines instead.

use std::time::Duration;

use super::line::Alert;
use super::screen::{Colour, Screen, cell, columns, harmless};
use super::tally::{Row, SEVERITIES, Tally, rank};
use crate::cli::show::{count, thousands};

/// More rows would scroll the worst ones away.
const MAX_ROWS: usize = 30;
/// As for rows; a run in which everything fails has one cause.
const MAX_FAILURES: usize = 20;
/// A column that is made narrower is not made narrower than this.
const MIN_COLUMN: usize = 10;
/// Times and account numbers are shorter; what is longer is not one.
const MAX_FIXED_COLUMN: usize = 20;
const GAP: &str = "  ";

/// The run, apart from what the tally knows.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) unprocessed: u64,
    pub(crate) attempts: u32,
    pub(crate) took: Duration,
}

pub(crate) fn text(tally: &Tally, run: &Run, screen: Screen) -> String {
    let rows = tally.rows();
    let mut lines = table(&rows, screen);
    lines.push(String::new());
    // "no alerts" must not be said of logs that nobody has looked at.
    if tally.alerts() > 0 || tally.answered > 0 {
        lines.push(alerts(tally, &rows, screen));
    }
    lines.push(files(tally, run));
    if tally.rule_errors > 0 {
        let errors = count(tally.rule_errors, "rule error");
        let text = format!("{errors}: rules that could not judge some events; see the `rule_error` lines");
        lines.push(screen.paint(&text, Colour::Yellow));
    }
    if tally.health > 0 {
        let text = format!("{}: see the `health` lines", count(tally.health, "health notice"));
        lines.push(screen.paint(&text, Colour::Yellow));
    }
    lines.extend(failures(tally, run, screen));
    lines.join("\n") + "\n"
}

fn alerts(tally: &Tally, rows: &[&Row], screen: Screen) -> String {
    let by_severity = tally.by_severity.iter().zip(SEVERITIES);
    let parts: Vec<String> = by_severity
        .filter(|(count, _)| **count > 0)
        .map(|(count, name)| format!("{} {name}", thousands(*count)))
        .collect();
    if parts.is_empty() {
        return screen.paint("no alerts", Colour::Bold);
    }
    let complete = rows.iter().map(|row| row.count).sum::<u64>() == tally.alerts();
    let account = one_account(rows).filter(|_| complete);
    let place = account.map(|account| format!(" in account {}", harmless(account))).unwrap_or_default();
    let again = match tally.told_again {
        0 => String::new(),
        1 => "; 1 line repeats one of them".to_owned(),
        more => format!("; {} lines repeat one of them", thousands(more)),
    };
    let text = format!("{}{place}: {}{again}", count(tally.alerts(), "alert"), parts.join(", "));
    screen.paint(&text, Colour::Bold)
}

fn files(tally: &Tally, run: &Run) -> String {
    let failed = tally.failures.len() as u64;
    let skipped = tally.skipped.min(tally.answered);
    let all = tally.answered + failed + tally.vanished + run.unprocessed;
    let mut parts = vec![format!("{} done", thousands(tally.answered - skipped))];
    for (count, word) in [
        (skipped, "skipped"),
        (failed, "failed"),
        (tally.vanished, "gone before they were sent"),
        (run.unprocessed, "not processed"),
    ] {
        if count > 0 {
            parts.push(format!("{} {word}", thousands(count)));
        }
    }
    let records = count(tally.all_records(), "record");
    format!("{}: {}; {records} in {:.1} s", count(all, "log file"), parts.join(", "), run.took.as_secs_f64())
}

fn failures(tally: &Tally, run: &Run, screen: Screen) -> Vec<String> {
    if tally.failures.is_empty() {
        return Vec::new();
    }
    let heading = format!("failure queue (given up, after up to {} attempts each):", run.attempts);
    let mut lines = vec![screen.paint(&heading, Colour::Red)];
    for failure in tally.failures.iter().take(MAX_FAILURES) {
        lines.push(format!("{GAP}`{}`: {}", harmless(&failure.file), harmless(&failure.reason)));
    }
    lines.extend(more(tally.failures.len(), MAX_FAILURES));
    lines
}

/// A column of the table. It is shown from a certain width of the screen on.
struct Column {
    heading: &'static str,
    from_width: usize,
    /// Made narrower where the screen is too narrow for all.
    flexible: bool,
    show: fn(&Row) -> String,
}

/// A column only where there are several accounts; else the one is named below the table, which leaves room for titles.
const ACCOUNT: &str = "ACCOUNT";
const COLUMNS: [Column; 7] = [
    Column { heading: "SEVERITY", from_width: 0, flexible: false, show: |row| severity(&row.alert).to_owned() },
    Column { heading: "TIME (UTC)", from_width: 50, flexible: false, show: |row| time(&row.alert) },
    Column { heading: ACCOUNT, from_width: 100, flexible: false, show: |row| or_dash(row.alert.account_id.as_deref()) },
    Column { heading: "ALERT", from_width: 0, flexible: true, show: |row| title(&row.alert) },
    Column { heading: "ACTOR", from_width: 70, flexible: true, show: |row| actor(&row.alert) },
    Column { heading: "FROM", from_width: 90, flexible: true, show: |row| or_dash(row.alert.source_ip.as_deref()) },
    Column { heading: "", from_width: 0, flexible: false, show: times },
];

fn table(rows: &[&Row], screen: Screen) -> Vec<String> {
    if rows.is_empty() {
        return Vec::new();
    }
    let told_below = |column: &Column| column.heading == ACCOUNT && one_account(rows).is_some();
    let fits = |column: &Column| screen.width >= column.from_width;
    let shown: Vec<&Column> = COLUMNS.iter().filter(|column| fits(column) && !told_below(column)).collect();
    let cells: Vec<Vec<String>> = rows
        .iter()
        .take(MAX_ROWS)
        .map(|row| shown.iter().map(|column| harmless(&(column.show)(row))).collect())
        .collect();
    let widths = widths(&shown, &cells, screen.width);
    let headings: Vec<String> = shown.iter().map(|column| column.heading.to_owned()).collect();
    let mut lines = vec![String::new(), screen.paint(&line(&headings, &widths, |cell, _| cell), Colour::Dim)];
    for (cells, row) in cells.iter().zip(rows) {
        lines.push(line(
            cells,
            &widths,
            |cell, at| if at == 0 { paint_severity(cell, &row.alert, screen) } else { cell },
        ));
    }
    lines.extend(more(rows.len(), MAX_ROWS));
    lines
}

fn one_account<'a>(rows: &[&'a Row]) -> Option<&'a str> {
    let first = rows.first()?.alert.account_id.as_deref()?;
    rows.iter().all(|row| row.alert.account_id.as_deref() == Some(first)).then_some(first)
}

/// As wide as the content, unless that is wider than the screen: then the widest flexible column gives way first.
fn widths(shown: &[&Column], cells: &[Vec<String>], screen: usize) -> Vec<usize> {
    let content = |(at, column): (usize, &&Column)| {
        let widest = cells.iter().map(|row| columns(&row[at])).max().unwrap_or(0).max(columns(column.heading));
        if column.flexible { widest } else { widest.min(MAX_FIXED_COLUMN) }
    };
    let mut widths: Vec<usize> = shown.iter().enumerate().map(content).collect();
    let gaps = GAP.len() * widths.len().saturating_sub(1);
    while widths.iter().sum::<usize>() + gaps > screen {
        let flexible = (0..widths.len()).filter(|at| shown[*at].flexible && widths[*at] > MIN_COLUMN);
        match flexible.max_by_key(|at| widths[*at]) {
            Some(widest) => widths[widest] -= 1,
            None => break,
        }
    }
    widths
}

fn line(cells: &[String], widths: &[usize], paint: impl Fn(String, usize) -> String) -> String {
    let cells = cells.iter().zip(widths).enumerate();
    let cells: Vec<String> = cells.map(|(at, (text, width))| paint(cell(text, *width), at)).collect();
    cells.join(GAP).trim_end().to_owned()
}

fn paint_severity(cell: String, alert: &Alert, screen: Screen) -> String {
    match severity(alert) {
        "CRITICAL" => screen.paint(&cell, Colour::Loud),
        "HIGH" => screen.paint(&cell, Colour::Red),
        "MEDIUM" => screen.paint(&cell, Colour::Yellow),
        "LOW" => screen.paint(&cell, Colour::Cyan),
        _ => cell,
    }
}

fn severity(alert: &Alert) -> &'static str {
    SEVERITIES[rank(alert)]
}

/// `2026-03-14T08:45:12Z` as `2026-03-14 08:45:12`.
fn time(alert: &Alert) -> String {
    or_dash(alert.event_time.as_deref()).replace('T', " ").trim_end_matches('Z').to_owned()
}

fn title(alert: &Alert) -> String {
    or_dash(alert.title.as_deref().or(alert.rule_id.as_deref()))
}

/// The speaking end of the ARN, `user/alice`, or what kind of actor it was.
fn actor(alert: &Alert) -> String {
    let name = alert.actor_arn.as_deref().and_then(|arn| arn.rsplit(':').next());
    or_dash(name.or(alert.actor_type.as_deref()))
}

fn times(row: &Row) -> String {
    if row.count > 1 { format!("×{}", row.count) } else { String::new() }
}

fn or_dash(text: Option<&str>) -> String {
    text.filter(|text| !text.is_empty()).unwrap_or("-").to_owned()
}

fn more(all: usize, shown: usize) -> Option<String> {
    (all > shown).then(|| format!("{GAP}… and {} more", all - shown))
}

#[cfg(test)]
mod tests {
    use super::super::line::Line;
    use super::super::tally::Failure;
    use super::*;

    fn tally() -> Tally {
        let mut tally = Tally::default();
        (tally.answered, tally.skipped, tally.records) = (3, 1, 12_345);
        for line in [
            r#"{"kind":"alert","alert_id":"1","severity":"CRITICAL","title":"trail stopped \u001b[2J","event_time":"2026-03-14T08:45:12Z","account_id":"111122223333","actor_arn":"arn:aws:iam::111122223333:user/mallory","source_ip":"203.0.113.9"}"#,
            r#"{"kind":"alert","alert_id":"2","severity":"LOW","title":"a console sign-in with a title that is far longer than any terminal would like to show","event_time":"2026-03-14T08:46:00Z","account_id":null,"actor_arn":null,"actor_type":"Root","source_ip":"198.51.100.7"}"#,
            r#"{"kind":"alert","alert_id":"3","severity":"LOW","title":"a console sign-in with a title that is far longer than any terminal would like to show","event_time":"2026-03-14T08:47:00Z","actor_type":"Root"}"#,
        ] {
            tally.add(Line::parse(line.as_bytes()).unwrap());
        }
        tally.failures.push(Failure { file: "a b.json.gz".to_owned(), reason: "timed out".to_owned() });
        tally
    }

    fn shown(width: usize) -> String {
        let run = Run { unprocessed: 0, attempts: 3, took: Duration::from_millis(1840) };
        text(&tally(), &run, Screen { width, colour: false, terminal: false })
    }

    #[test]
    fn a_wide_screen_shows_all_columns() {
        let expected = "\n\
            SEVERITY  TIME (UTC)           ACCOUNT       ALERT                         ACTOR         FROM\n\
            CRITICAL  2026-03-14 08:45:12  111122223333  trail stopped \u{fffd}[2J            user/mallory  203.0.113.9\n\
            LOW       2026-03-14 08:46:00  -             a console sign-in with a ti…  Root          198.51.100.7  ×2\n\
            \n\
            3 alerts: 1 CRITICAL, 2 LOW\n\
            4 log files: 2 done, 1 skipped, 1 failed; 12,345 records in 1.8 s\n\
            failure queue (given up, after up to 3 attempts each):\n\
            \x20 `a b.json.gz`: timed out\n";
        assert_eq!(shown(105), expected);
    }

    #[test]
    fn a_single_account_is_named_below() {
        let mut tally = tally();
        tally.add(Line::parse(br#"{"kind":"alert","alert_id":"3"}"#).unwrap());
        assert_eq!(one_account(&tally.rows()), None);
        assert_eq!(one_account(&tally.rows()[..1]), Some("111122223333"));
        let screen = Screen { width: 80, colour: false, terminal: false };
        let text = alerts(&tally, &tally.rows(), screen);
        assert_eq!(text, "3 alerts: 1 CRITICAL, 2 LOW; 1 line repeats one of them");
        assert!(!table(&tally.rows()[..1], screen)[1].contains(ACCOUNT));
    }

    #[test]
    fn no_row_is_wider_than_the_screen() {
        for width in [40, 60, 80, 95, 100, 200] {
            for line in shown(width).lines().take(4) {
                assert!(columns(line) <= width, "{width}: {line}");
            }
        }
    }
}
