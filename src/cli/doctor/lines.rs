//! What the function itself has printed: the evidence of the last day.

use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::place::{Place, each, text};
use super::{Finding, Found};
use crate::cli::aws::{Aws, Refused};
use crate::rulepack::Rulepack;

const HOUR: Duration = Duration::from_secs(3600);

/// Lines since then that match, oldest first; of very many the first.
pub(in crate::cli) fn since(aws: &Aws, group: &str, ago: Duration, pattern: &str) -> Result<Vec<Value>, Refused> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let start = now.saturating_sub(ago).as_millis().to_string();
    let found = aws.run(&[
        "logs",
        "filter-log-events",
        "--log-group-name",
        group,
        "--start-time",
        &start,
        "--filter-pattern",
        pattern,
        "--max-items",
        "1000",
    ])?;
    Ok(each(&found["events"]).filter_map(|event| serde_json::from_str(text(event, "message")).ok()).collect())
}

/// Files that failed within a day, by the word of their error.
pub(super) fn failed_files(aws: &Aws, place: &Place) -> Found {
    let lines = since(aws, &place.log_group, 24 * HOUR, r#"{ $.kind = "object" && $.status = "failed" }"#)?;
    let mut words: Vec<&str> = lines.iter().map(|line| text(line, "error")).collect();
    words.sort_unstable();
    words.dedup();
    let finding = |word: &str| {
        let mut of_it = lines.iter().filter(|line| text(line, "error") == word);
        let last = of_it.next_back();
        let count = of_it.count() + 1;
        let message = last.map_or("", |line| text(line, "message"));
        let fix = match word {
            "access_denied" => {
                "if the files are encrypted, set TrailKmsKeyArn and let the function's role use the key in \
                                the key's own policy; else look at LogPrefix and the bucket's policy"
            }
            "not_cloudtrail" => "deploy with NotifiedBy=EventBridge, which tells CloudTrail's folders only",
            "deadline" => "deploy with more MemorySize, which is more processor, then with a longer Timeout",
            "engine" => "deploy function and layers again, together",
            _ => "docs/troubleshooting.md, under parse errors",
        };
        Finding::new(format!("{count} failed in a day as `{word}`, the last: {message}"), fix)
    };
    Ok(words.into_iter().map(finding).collect())
}

/// Whether the function starts, and all of its rules load.
pub(super) fn health(aws: &Aws, place: &Place) -> Found {
    let mut told: Vec<Finding> = Vec::new();
    // Every environment tells of refused rungs: among those the others would not be seen.
    let pattern = r#"{ $.kind = "health" && $.event != "isolation_refused" }"#;
    for line in since(aws, &place.log_group, 24 * HOUR, pattern)?.iter().rev() {
        let message = text(line, "message");
        let finding = match text(line, "event") {
            "setup" => Finding::new(
                format!("the function does not start: {message}"),
                "mend the setting or deploy all of it again",
            ),
            "rule_not_loaded" => Finding::new(
                format!("the rule in `{}` is not loaded: {message}", text(line, "path")),
                "mend it and push the rules again (`iota rules push`)",
            ),
            "rule_fenced" => Finding::new(
                format!("the rule `{}` kept hanging or crashing", text(line, "rule_id")),
                "mend the rule; what it did not see is counted as BlindPairs",
            ),
            other => Finding::new(format!("`{other}`: {message}"), "docs/troubleshooting.md"),
        };
        // Every new environment says the same again.
        if told.iter().all(|known| known.what != finding.what) {
            told.push(finding);
        }
    }
    Ok(told)
}

/// Rungs of isolation that Lambda's kernel refuses.
pub(super) fn isolation(aws: &Aws, place: &Place) -> Found {
    let pattern = r#"{ $.kind = "health" && $.event = "isolation_refused" }"#;
    let lines = since(aws, &place.log_group, 24 * HOUR, pattern)?;
    let mut rungs: Vec<String> = lines.iter().map(|line| format!("`{}`", text(line, "rung"))).collect();
    rungs.sort();
    rungs.dedup();
    if rungs.is_empty() {
        return Ok(Vec::new());
    }
    let walled = each(&place.settings["VpcConfig"]["SubnetIds"]).next().is_some();
    let fix = if walled {
        "it is in a VPC: see that its subnets have no way out but S3 (docs/security.md)"
    } else {
        "deploy it into subnets without a way out (SubnetIds, SecurityGroupIds): docs/security.md"
    };
    Ok(vec![Finding::new(format!("the kernel refuses {}: rules run without", rungs.join(", ")), fix)])
}

const CANARY: &str = r#"{ $.kind = "alert" && $.rule_id = "iota.canary" && $.test IS TRUE }"#;

fn last_canary(aws: &Aws, place: &Place) -> Result<Option<Value>, Refused> {
    Ok(since(aws, &place.log_group, HOUR, CANARY)?.pop())
}

/// Whether the canary comes.
pub(super) fn canary(aws: &Aws, place: &Place) -> Found {
    let Some(rule) = place.resource("CanarySchedule") else {
        return Ok(vec![Finding::new("nobody tries whether alerts arrive", "deploy with Canary=on")]);
    };
    if text(&aws.ask(&["events", "describe-rule", "--name", rule])?, "State") == "DISABLED" {
        let what = format!("the schedule `{rule}` is disabled");
        return Ok(vec![Finding::new(what, format!("aws events enable-rule --name {rule}"))]);
    }
    Ok(match last_canary(aws, place)? {
        Some(_) => Vec::new(),
        None => vec![Finding::new(
            "no alert of the canary for an hour",
            "docs/troubleshooting.md, \"The canary stays away\"",
        )],
    })
}

/// The digest of the pack that runs, from the newest line there is: the canary's, or one of a busy function's last minutes.
fn live_pack(aws: &Aws, place: &Place) -> Result<Option<String>, Refused> {
    let mut newest = last_canary(aws, place)?;
    for ago in [HOUR / 6, 24 * HOUR] {
        if newest.is_none() {
            newest = since(aws, &place.log_group, ago, r#"{ $.kind = "metrics" || $.kind = "alert" }"#)?.pop();
        }
    }
    Ok(newest.map(|line| text(&line, "rulepack").to_owned()))
}

/// Whether the live pack is the one that was built, of the rules that are there.
pub(super) fn pack(aws: &Aws, place: &Place) -> Found {
    let Some(path) = &place.rulepack else {
        return Ok(vec![Finding::new(
            "there is no pack here to compare with",
            "build one (`make rules`), or name it by --rulepack",
        )]);
    };
    let local = |message: String| Refused { code: None, asked: "(nothing)".into(), message };
    let pack = Rulepack::load(path, None).map_err(|e| local(e.to_string()))?;
    let mut found = Vec::new();
    let changed = pack.changed_files(&place.rules).map_err(|e| local(e.to_string()))?;
    if let Some(first) = changed.first() {
        let what = format!(
            "{} changed since `{}` was made: `{first}`{}",
            crate::cli::show::count(changed.len() as u64, "file"),
            path.display(),
            if changed.len() > 1 { " and others" } else { "" }
        );
        found.push(Finding::new(what, "`iota rules push` builds and deploys them"));
    }
    match live_pack(aws, place)?.as_deref() {
        None => found.push(Finding::new(
            "the function has printed nothing for a day",
            "docs/troubleshooting.md, \"Nothing happens at all\"",
        )),
        Some(live) if live != pack.digest => {
            let short = |digest: &str| digest.get(..12).unwrap_or(digest).to_owned();
            let what =
                format!("the function runs the pack {}, `{}` is {}", short(live), path.display(), short(&pack.digest));
            found.push(Finding::new(what, "`iota rules push` deploys it"));
        }
        Some(_) => {}
    }
    Ok(found)
}
