//! What a month costs, from a listing of log files: the formula of `docs/cost.md`, with the figures of `docs/cost.json`.
//!
//! In: `aws s3 ls --recursive`. Out: the lines of the bill. Figures and formula are compared with `docs/cost.py` by a
//! test. Separate from the checks: it asks AWS nothing.

use std::collections::BTreeSet;
use std::io::Read as _;
use std::path::Path;

use anyhow::{Context as _, bail};
use serde::Deserialize;

/// The same file that docs/cost.py reads.
const FIGURES: &str = include_str!("../../../docs/cost.json");

#[derive(Deserialize)]
struct Figures {
    prices_as_of: String,
    per_gb_second: f64,
    per_million_invocations: f64,
    per_million_gets: f64,
    per_million_decrypts: f64,
    per_million_events: f64,
    per_million_queue_requests: f64,
    per_log_gb: f64,
    per_alarm: f64,
    per_metric: f64,
    per_dashboard: f64,
    file_ms: f64,
    record_ms: f64,
    wait_ms: f64,
    record_gzip_bytes: f64,
    lines_a_file: f64,
    lines_an_invocation: f64,
    alert_bytes: f64,
    alerts_a_day: f64,
    canaries_a_day: f64,
    alarms: f64,
    metrics: f64,
    days: f64,
    memory_mb: f64,
    at_a_time: f64,
}

/// What a listing holds.
#[derive(Debug, Default, PartialEq, Eq)]
struct Listed {
    files: u64,
    bytes: u64,
    accounts: BTreeSet<String>,
    days: BTreeSet<String>,
}

impl Listed {
    /// Reads lines such as `2026-11-21 00:05:12  2055 AWSLogs/111122223333/CloudTrail/eu-west-1/2026/11/21/….json.gz`.
    fn read(text: &str) -> Self {
        let mut listed = Self::default();
        for line in text.lines() {
            let mut words = line.split_whitespace().skip(2);
            let (Some(Ok(bytes)), Some(key)) = (words.next().map(str::parse::<u64>), words.next()) else { continue };
            let parts: Vec<&str> = key.split('/').collect();
            // …/ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/FILE; digests and Insights lie in folders of other names.
            let [.., account, "CloudTrail", _, year, month, day, file] = parts[..] else { continue };
            if file.ends_with(".json.gz") {
                listed.files += 1;
                listed.bytes += bytes;
                listed.accounts.insert(account.to_owned());
                listed.days.insert(format!("{year}-{month}-{day}"));
            }
        }
        listed
    }
}

/// Prints the bill for what `listing` (`-`: standard input) holds, brought to a month.
pub(super) fn estimate(listing: &Path, memory_mb: Option<u32>, queue: bool) -> anyhow::Result<Vec<String>> {
    let text = if listing.as_os_str() == "-" {
        let mut text = String::new();
        std::io::stdin().read_to_string(&mut text).context("can't read standard input")?;
        text
    } else {
        std::fs::read_to_string(listing).with_context(|| format!("can't read `{}`", listing.display()))?
    };
    let listed = Listed::read(&text);
    if listed.files == 0 {
        bail!(
            "no CloudTrail log file in `{}`; it takes what `aws s3 ls --recursive s3://BUCKET/PREFIX` prints, of a whole day",
            listing.display()
        );
    }
    let figures: Figures = serde_json::from_str(FIGURES)?;
    let memory_mb = memory_mb.map_or(figures.memory_mb, f64::from);
    let days = listed.days.len() as f64;
    let files = listed.files as f64 / days * figures.days;
    let records = (listed.bytes as f64 / figures.record_gzip_bytes / days * figures.days).round();
    let bill = bill(&figures, files, records, listed.accounts.len() as f64, memory_mb, queue);
    let mut lines: Vec<String> = bill.iter().map(|(name, usd)| format!("{usd:>10.2}  {name}")).collect();
    let total: f64 = bill.iter().map(|(_, usd)| usd).sum();
    lines.push(format!("{total:>10.2}  all of it, in USD a month"));
    lines.push(format!("{:>10.2}  for a million records", total / (records / 1e6)));
    lines.push(format!(
        "from {} files of {} and {} in {:.1} MB; about {records:.0} records a month, {memory_mb} MB of memory, {}; \
         prices of us-east-1, {}: docs/cost.md",
        listed.files,
        crate::cli::show::count(listed.days.len() as u64, "day"),
        crate::cli::show::count(listed.accounts.len() as u64, "account"),
        listed.bytes as f64 / 1e6,
        if queue { "through the queue" } else { "told directly" },
        figures.prices_as_of,
    ));
    Ok(lines)
}

fn bill(
    figures: &Figures,
    files: f64,
    records: f64,
    accounts: f64,
    memory_mb: f64,
    queue: bool,
) -> Vec<(&'static str, f64)> {
    let days = figures.days;
    let together = if queue { (files / days / 86400.0 * 10.0).clamp(1.0, 10.0) } else { 1.0 };
    let invocations = files / together;
    let waits = (together / figures.at_a_time).ceil();
    let busy_ms = waits * figures.wait_ms + together * figures.file_ms + records / files * together * figures.record_ms;
    let logged = files * figures.lines_a_file
        + invocations * figures.lines_an_invocation
        + accounts * figures.alerts_a_day * days * figures.alert_bytes
        + figures.canaries_a_day * days * (figures.lines_a_file + figures.lines_an_invocation + figures.alert_bytes);
    let asked = if queue { days * 86400.0 / 20.0 * 5.0 } else { 0.0 };
    let sent = if queue { files + 2.0 * invocations + asked } else { 0.0 };
    vec![
        ("Lambda, invocations", invocations * figures.per_million_invocations / 1e6),
        ("Lambda, duration", invocations * busy_ms / 1000.0 * memory_mb / 1024.0 * figures.per_gb_second),
        ("S3, GetObject", files * figures.per_million_gets / 1e6),
        ("KMS, Decrypt", files * figures.per_million_decrypts / 1e6),
        ("EventBridge, S3's events", files * figures.per_million_events / 1e6),
        ("SQS, requests", sent * figures.per_million_queue_requests / 1e6),
        ("CloudWatch Logs", logged / 1e9 * figures.per_log_gb),
        (
            "CloudWatch, alarms, metrics, dashboard",
            figures.alarms * figures.per_alarm + figures.metrics * figures.per_metric + figures.per_dashboard,
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_log_files_count() {
        let listed = Listed::read(
            "2026-11-21 00:05:12       2055 o-1/AWSLogs/o-1/111122223333/CloudTrail/eu-west-1/2026/11/21/a.json.gz\n\
             2026-11-21 00:05:12       1000 AWSLogs/444455556666/CloudTrail/us-east-1/2026/11/21/b.json.gz\n\
             2026-11-21 00:05:12       1000 AWSLogs/444455556666/CloudTrail/us-east-1/2026/11/22/c.json.gz\n\
             2026-11-21 00:05:12       9999 AWSLogs/444455556666/CloudTrail-Digest/us-east-1/2026/11/21/d.json.gz\n\
             2026-11-21 00:05:12          0 AWSLogs/444455556666/CloudTrail/us-east-1/2026/11/21/\n\
             \nTotal Objects: 4\n   Total Size: 14054\n",
        );
        assert_eq!(
            (listed.files, listed.bytes, listed.accounts.len(), listed.days.len()),
            (3, 4055, 2, 2),
            "{listed:?}"
        );
    }
}
