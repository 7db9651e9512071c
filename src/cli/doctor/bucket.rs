//! How the bucket tells of its files: not at all, twice, or from another region.

use serde_json::Value;

use super::place::{Place, each, text};
use super::{Finding, Found};
use crate::cli::aws::Aws;

/// The kinds of entries of a bucket's notifications, and where each has its destination.
const KINDS: [(&str, &str); 3] = [
    ("LambdaFunctionConfigurations", "LambdaFunctionArn"),
    ("QueueConfigurations", "QueueArn"),
    ("TopicConfigurations", "TopicArn"),
];

pub(super) fn notification(aws: &Aws, place: &Place) -> Found {
    let Some(bucket) = &place.bucket else { return Ok(Vec::new()) };
    if place.parameter("NotifiedBy") == "TrailSns" {
        return topic(aws, place);
    }
    if !place.parameter("LogArchiveAccountId").is_empty() {
        // The bucket is not ours to ask; that nothing comes shows in the silence alarm.
        return rule(aws, place);
    }
    let told = aws.ask(&["s3api", "get-bucket-notification-configuration", "--bucket", bucket])?;
    let by_events = told.get("EventBridgeConfiguration").is_some();
    let entries: Vec<(&Value, &str)> =
        KINDS.iter().flat_map(|(kind, to)| each(&told[*kind]).map(|entry| (entry, text(entry, to)))).collect();
    let queue = place.files_queue.as_deref().map(|url| place.queue_arn(url));
    let is_ours = |to: &str| to == place.function_arn() || queue.as_deref() == Some(to);
    let own = entries.iter().find(|(_, to)| is_ours(to));
    let other = entries.iter().find(|(entry, to)| !is_ours(to) && has(entry, place.parameter("LogPrefix")));
    let mut found = Vec::new();
    if place.parameter("NotifiedBy") == "BucketNotification" {
        if own.is_none() {
            let what = match other {
                Some((entry, to)) => format!(
                    "the bucket tells `{to}` of these files (its entry `{}`), not the function",
                    text(entry, "Id")
                ),
                None => "the bucket's entry for the function is gone: some tool has replaced its notifications".into(),
            };
            let fix = "deploy with NotifiedBy=EventBridge, which any number of consumers can use";
            found.push(Finding::new(what, fix));
        }
        return Ok(found);
    }
    if !by_events {
        let what = format!("`{bucket}` does not tell EventBridge: some tool has replaced its notifications");
        found.push(Finding::new(
            what,
            "switch it on and put it into that tool (docs/deploy.md); it takes some five minutes",
        ));
    }
    if let Some((entry, _)) = own {
        let what =
            format!("the function is told twice: by EventBridge, and by the bucket's entry `{}`", text(entry, "Id"));
        found.push(Finding::new(what, "take the entry out of the bucket's notifications"));
    }
    found.extend(rule(aws, place)?);
    Ok(found)
}

/// Whether such an entry is of log files at all.
fn has(entry: &Value, prefix: &str) -> bool {
    let rules: Vec<(String, &str)> = each(&entry["Filter"]["Key"]["FilterRules"])
        .map(|rule| (text(rule, "Name").to_ascii_lowercase(), text(rule, "Value")))
        .collect();
    let value = |name: &str| rules.iter().find(|(rule, _)| rule == name).map_or("", |(_, value)| value);
    let (start, end) = (value("prefix"), value("suffix"));
    (start.starts_with(prefix) || prefix.starts_with(start)) && (".json.gz".ends_with(end) || end.ends_with(".json.gz"))
}

/// EventBridge's rule of the stack.
fn rule(aws: &Aws, place: &Place) -> Found {
    let Some(name) = place.resource("NewLogFile") else {
        return Ok(vec![Finding::new("the rule for new log files is gone", "deploy again")]);
    };
    // On a bus of its own CloudFormation names it `BUS|RULE`.
    let (bus, name) = name.split_once('|').unwrap_or(("default", name));
    let rule = aws.ask(&["events", "describe-rule", "--name", name, "--event-bus-name", bus])?;
    Ok(if text(&rule, "State") == "DISABLED" {
        vec![Finding::new(
            format!("the rule `{name}` is disabled"),
            format!("aws events enable-rule --name {name} --event-bus-name {bus}"),
        )]
    } else {
        Vec::new()
    })
}

fn topic(aws: &Aws, place: &Place) -> Found {
    let topic = place.parameter("NotifyTopicArn");
    let listed = aws.ask(&["sns", "list-subscriptions-by-topic", "--topic-arn", topic])?;
    let ours = place.files_queue.as_deref().map_or_else(|| place.function_arn().to_owned(), |url| place.queue_arn(url));
    let found = each(&listed["Subscriptions"]).find(|subscription| text(subscription, "Endpoint") == ours);
    Ok(match found.map(|subscription| text(subscription, "SubscriptionArn")) {
        None => {
            vec![Finding::new(format!("`{ours}` does not hear `{topic}`"), "deploy again: the subscription is gone")]
        }
        Some(arn) if !arn.starts_with("arn:") => {
            vec![Finding::new(
                "the subscription is not confirmed",
                "let the topic's policy allow sns:Subscribe and deploy again",
            )]
        }
        Some(_) => Vec::new(),
    })
}

pub(super) fn region(aws: &Aws, place: &Place) -> Found {
    let Some(bucket) = &place.bucket else { return Ok(Vec::new()) };
    if !place.parameter("LogArchiveAccountId").is_empty() {
        // Its owner's to ask; events of another region would not come, which shows in the silence alarm.
        return Ok(Vec::new());
    }
    let answer = aws.ask(&["s3api", "get-bucket-location", "--bucket", bucket])?;
    // The oldest region has no name here.
    let region = answer["LocationConstraint"].as_str().unwrap_or("us-east-1");
    Ok(if region == place.region {
        Vec::new()
    } else {
        let what = format!("`{bucket}` is in {region}, the function in {}: it is told of nothing", place.region);
        vec![Finding::new(what, format!("deploy the stack in {region}"))]
    })
}
