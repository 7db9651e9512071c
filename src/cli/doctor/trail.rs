//! The trail and its key: whether files are written, what is in them, and who may read them.

use serde_json::Value;

use super::place::{Place, each, text};
use super::{Finding, Found};
use crate::cli::aws::{Aws, Refused};

/// The trails of the account that write to the bucket.
fn trails(aws: &Aws, place: &Place) -> Result<Vec<Value>, Refused> {
    let Some(bucket) = &place.bucket else { return Ok(Vec::new()) };
    let listed = aws.ask(&["cloudtrail", "describe-trails"])?;
    Ok(each(&listed["trailList"]).filter(|trail| text(trail, "S3BucketName") == bucket).cloned().collect())
}

pub(super) fn writes(aws: &Aws, place: &Place) -> Found {
    let trails = trails(aws, place)?;
    if trails.is_empty() {
        let bucket = place.bucket.as_deref().unwrap_or("the bucket");
        let what = format!("no trail that this account can see writes to `{bucket}`");
        return Ok(vec![Finding::new(what, "point one at it; if another account's does, --accept trail")]);
    }
    let mut found = Vec::new();
    for trail in &trails {
        let status = aws.ask(&["cloudtrail", "get-trail-status", "--name", text(trail, "TrailARN")])?;
        let name = text(trail, "Name");
        if status["IsLogging"] == false {
            let fix = format!("find out who stopped it, then: aws cloudtrail start-logging --name {name}");
            found.push(Finding::new(format!("the trail `{name}` is stopped"), fix));
        }
        let error = text(&status, "LatestDeliveryError");
        if !error.is_empty() {
            let what = format!("the trail `{name}` cannot deliver: {error}");
            found.push(Finding::new(what, "let it write in the bucket's policy, and use its key in the key's"));
        }
    }
    Ok(found)
}

pub(super) fn key(aws: &Aws, place: &Place) -> Found {
    let known = place.parameter("TrailKmsKeyArn");
    let mut found = Vec::new();
    for trail in &trails(aws, place)? {
        let (name, key) = (text(trail, "Name"), text(trail, "KmsKeyId"));
        if key.is_empty() {
            let what = format!("the trail `{name}` has no KMS key: whoever may read the bucket reads its files");
            let fix = "give it one (aws cloudtrail update-trail --kms-key-id) and deploy with TrailKmsKeyArn";
            found.push(Finding::new(what, fix));
        } else if key != known {
            let what = format!("the trail `{name}` encrypts with `{key}`, which the stack does not know");
            found.push(Finding::new(what, format!("deploy with TrailKmsKeyArn={key}")));
        }
    }
    Ok(found)
}

pub(super) fn data_events(aws: &Aws, place: &Place) -> Found {
    let mut found = Vec::new();
    for trail in &trails(aws, place)? {
        let chosen = aws.ask(&["cloudtrail", "get-event-selectors", "--trail-name", text(trail, "TrailARN")])?;
        let basic = each(&chosen["EventSelectors"]).any(|one| each(&one["DataResources"]).next().is_some());
        let is_data = |field: &Value| {
            text(field, "Field") == "eventCategory" && each(&field["Equals"]).any(|category| category == "Data")
        };
        let advanced = each(&chosen["AdvancedEventSelectors"]).any(|one| each(&one["FieldSelectors"]).any(is_data));
        if !basic && !advanced {
            let what = format!(
                "the trail `{}` has no data events: rules on reads of S3 objects and calls of functions stay silent",
                text(trail, "Name")
            );
            let fix = "choose some (aws cloudtrail put-event-selectors; they cost), or --accept trail-data-events";
            found.push(Finding::new(what, fix));
        }
    }
    Ok(found)
}

pub(super) fn key_policy(aws: &Aws, place: &Place) -> Found {
    let key = place.parameter("TrailKmsKeyArn");
    if key.is_empty() {
        return Ok(Vec::new());
    }
    let mut found = Vec::new();
    let described = aws.ask(&["kms", "describe-key", "--key-id", key])?;
    let state = text(&described["KeyMetadata"], "KeyState");
    if state != "Enabled" {
        let fix = format!("aws kms cancel-key-deletion or enable-key --key-id {key}: without it no file can be read");
        found.push(Finding::new(format!("the key is `{state}`"), fix));
    }
    let answer = aws.ask(&["kms", "get-key-policy", "--key-id", key, "--policy-name", "default"])?;
    let policy: Value = serde_json::from_str(text(&answer, "Policy")).unwrap_or_default();
    let of = |effect: &str| {
        each(&policy["Statement"]).filter(|one| text(one, "Effect") == effect && decrypts(one)).collect::<Vec<_>>()
    };
    if let Some(one) = of("Deny").into_iter().find(|one| one["Condition"].is_null() && is_for(one, place)) {
        let what = format!("the key's policy denies it (statement `{}`)", text(one, "Sid"));
        found.push(Finding::new(what, format!("except `{}` there", place.role())));
    } else if !of("Allow").into_iter().any(|one| is_for(one, place)) {
        let what = "the key's policy lets neither the function's role nor its account decrypt";
        let fix = format!("add a statement: Allow, Principal AWS `{}`, Action kms:Decrypt, Resource *", place.role());
        found.push(Finding::new(what, fix));
    }
    Ok(found)
}

fn decrypts(statement: &Value) -> bool {
    each(&statement["Action"]).filter_map(Value::as_str).any(|action| {
        let action = action.to_ascii_lowercase();
        let begins = action.strip_suffix('*').is_some_and(|start| "kms:decrypt".starts_with(start));
        action == "kms:decrypt" || begins
    })
}

/// The role itself, its account (which leaves it to IAM), or anybody.
fn is_for(statement: &Value, place: &Place) -> bool {
    let account = place.account();
    let root = format!("arn:{}:iam::{account}:root", place.partition);
    let principal = &statement["Principal"];
    each(if principal.is_string() { principal } else { &principal["AWS"] })
        .filter_map(Value::as_str)
        .any(|name| name == "*" || name == account || name == root || name == place.role())
}
