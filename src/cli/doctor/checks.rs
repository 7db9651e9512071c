//! The checks, in the order of a log file's way; here those of the function, its layers, queues and subscription.

use super::place::{Place, each, text};
use super::{Check, Finding, Found, bucket, lines, trail};
use crate::cli::aws::Aws;

/// What a SIEM should have: `docs/siem.md`.
const FILTER: &str = r#"{ $.kind = "alert" || $.kind = "rule_error" || $.kind = "health" }"#;

pub(super) const ALL: &[Check] = &[
    Check { id: "trail", well: "a trail writes to the bucket", ask: trail::writes },
    Check { id: "trail-key", well: "the trail encrypts its files with a key, and the stack knows it", ask: trail::key },
    Check { id: "trail-data-events", well: "the trail has data events", ask: trail::data_events },
    Check { id: "key-policy", well: "the key lets the function decrypt", ask: trail::key_policy },
    Check { id: "notification", well: "the function is told of each log file, once", ask: bucket::notification },
    Check { id: "region", well: "bucket and function are in one region", ask: bucket::region },
    Check { id: "mapping", well: "of a batch only what failed comes back", ask: mapping },
    Check { id: "function", well: "it is active, and its wrapper is set", ask: function },
    Check { id: "layers", well: "both layers fit the function", ask: layers },
    Check { id: "permissions", well: "the function's role may do what it must", ask: permissions },
    Check { id: "health", well: "it starts, and its rules load", ask: lines::health },
    Check { id: "isolation", well: "no rung of isolation was refused in a day", ask: lines::isolation },
    Check { id: "pack", well: "the rules here are those that run", ask: lines::pack },
    Check { id: "failed-files", well: "no file failed in a day", ask: lines::failed_files },
    Check { id: "failure-queue", well: "empty", ask: failure_queue },
    Check { id: "failure-alarm", well: "somebody is told when a file fails for good", ask: failure_alarm },
    Check { id: "log-lines", well: "no line is dropped", ask: log_lines },
    Check { id: "subscription", well: "alerts, rule errors and health lines go to the SIEM", ask: subscription },
    Check { id: "canary", well: "it came within the hour", ask: lines::canary },
];

/// Of the queue's mapping, if there is a queue.
fn mapping(aws: &Aws, place: &Place) -> Found {
    let Some(url) = &place.files_queue else { return Ok(Vec::new()) };
    let queue = place.queue_arn(url);
    let listed = aws.ask(&["lambda", "list-event-source-mappings", "--function-name", &place.function])?;
    let Some(mapping) = each(&listed["EventSourceMappings"]).find(|mapping| text(mapping, "EventSourceArn") == queue)
    else {
        let what = format!("nothing takes messages from `{url}` to the function");
        return Ok(vec![Finding::new(what, "deploy again: the mapping `FilesFeed` is gone")]);
    };
    let id = text(mapping, "UUID");
    let mut found = Vec::new();
    if each(&mapping["FunctionResponseTypes"]).all(|kind| kind != "ReportBatchItemFailures") {
        found.push(Finding::new(
            "the mapping lacks ReportBatchItemFailures: one file that fails is taken for a success, or brings all ten back",
            format!("aws lambda update-event-source-mapping --uuid {id} --function-response-types ReportBatchItemFailures"),
        ));
    }
    if text(mapping, "State") != "Enabled" {
        let what = format!("the mapping is `{}`", text(mapping, "State"));
        found.push(Finding::new(what, format!("aws lambda update-event-source-mapping --uuid {id} --enabled")));
    }
    let attributes = aws.ask(&["sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All"])?;
    let visible: u64 = text(&attributes["Attributes"], "VisibilityTimeout").parse().unwrap_or(0);
    let timeout = place.settings["Timeout"].as_u64().unwrap_or(0);
    if visible < 6 * timeout {
        let what =
            format!("a message is hidden for {visible} s, the function may take {timeout} s: files are judged twice");
        found.push(Finding::new(what, format!("set the queue's VisibilityTimeout to {} or more", 6 * timeout + 10)));
    }
    Ok(found)
}

fn function(_: &Aws, place: &Place) -> Found {
    let settings = &place.settings;
    let mut found = Vec::new();
    for (name, good) in [("State", "Active"), ("LastUpdateStatus", "Successful")] {
        // A function that has not been called for weeks is `Inactive`, and wakes at the next call.
        if ![good, "Inactive"].contains(&text(settings, name)) {
            let why = text(settings, &format!("{name}Reason"));
            found.push(Finding::new(format!("its {name} is `{}`: {why}", text(settings, name)), "deploy it again"));
        }
    }
    let variables = &settings["Environment"]["Variables"];
    let (runtime, wrapper) = (text(settings, "Runtime"), text(variables, "AWS_LAMBDA_EXEC_WRAPPER"));
    if runtime.starts_with("python3.") && wrapper != "/var/task/bootstrap" {
        let what = format!("AWS_LAMBDA_EXEC_WRAPPER is `{wrapper}`: Python's own runtime starts in place of iota");
        found.push(Finding::new(what, "set it to /var/task/bootstrap; no other wrapper can be used beside it"));
    } else if runtime.starts_with("provided") && text(variables, "IOTA_PYTHON").is_empty() {
        let what = format!("the runtime `{runtime}` has no Python");
        found.push(Finding::new(what, "set IOTA_PYTHON to the one in your layer (docs/deploy.md)"));
    }
    Ok(found)
}

fn layers(aws: &Aws, place: &Place) -> Found {
    let settings = &place.settings;
    let (runtime, machine) = (text(settings, "Runtime"), settings["Architectures"][0].as_str().unwrap_or("x86_64"));
    let arns: Vec<&str> = each(&settings["Layers"]).map(|layer| text(layer, "Arn")).collect();
    let mut found = Vec::new();
    if arns.len() < 2 {
        let what = format!("it has {} of two layers, engine and rules", arns.len());
        found.push(Finding::new(what, "deploy function and layers again, together"));
    }
    for arn in arns {
        let layer = match aws.ask(&["lambda", "get-layer-version-by-arn", "--arn", arn]) {
            Err(refused) if refused.is_absent() => {
                let what = format!("the layer `{arn}` is deleted: the function cannot be updated");
                found.push(Finding::new(what, "deploy the layers again"));
                continue;
            }
            answer => answer?,
        };
        for (kind, wanted) in [("CompatibleRuntimes", runtime), ("CompatibleArchitectures", machine)] {
            let fits: Vec<&str> = each(&layer[kind]).filter_map(|one| one.as_str()).collect();
            if !fits.is_empty() && !fits.contains(&wanted) {
                let what = format!("the layer `{arn}` is for {}, the function is `{wanted}`", fits.join(", "));
                let fix = "build for the function's: IOTA_ARCH for the processor, `rules/Makefile` for the Python";
                found.push(Finding::new(what, fix));
            }
        }
    }
    Ok(found)
}

/// What IAM says of the role. The bucket's and the key's own policies have a say too: see the files that failed.
fn permissions(aws: &Aws, place: &Place) -> Found {
    let Place { partition, region, .. } = place;
    let account = place.account();
    let mut wanted: Vec<(&str, String, &str)> = Vec::new();
    if let Some(bucket) = &place.bucket {
        let object = format!("arn:{partition}:s3:::{bucket}/{}x", place.parameter("LogPrefix"));
        wanted.push(("s3:GetObject", object, "ReadLogFiles"));
    }
    let stream = format!("arn:{partition}:logs:{region}:{account}:log-group:{}:log-stream:x", place.log_group);
    wanted.push(("logs:PutLogEvents", stream, "WriteLines"));
    if let Some(url) = &place.failure_queue {
        wanted.push(("sqs:SendMessage", place.queue_arn(url), "KeepFailures"));
    }
    if let Some(url) = &place.files_queue {
        wanted.push(("sqs:ReceiveMessage", place.queue_arn(url), "TakeNotifications"));
    }
    let reader = place.parameter("ReaderRoleArn");
    if !reader.is_empty() {
        wanted.push(("sts:AssumeRole", reader.to_owned(), "TakeReaderRole"));
    }
    let key = place.parameter("TrailKmsKeyArn");
    if !key.is_empty() {
        wanted.push(("kms:Decrypt", key.to_owned(), "DecryptLogFiles"));
    }
    let via = format!("ContextKeyName=kms:ViaService,ContextKeyValues=s3.{region}.amazonaws.com,ContextKeyType=string");
    let mut found = Vec::new();
    for (action, resource, statement) in wanted {
        let mut question = vec!["iam", "simulate-principal-policy", "--policy-source-arn", place.role()];
        question.extend(["--action-names", action, "--resource-arns", &resource]);
        if action == "kms:Decrypt" {
            question.extend(["--context-entries", &via]);
        }
        let answer = aws.ask(&question)?;
        let result = &answer["EvaluationResults"][0];
        let decision = text(result, "EvalDecision");
        if decision != "allowed" {
            let boundary = result["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"] == false;
            let organization = result["OrganizationsDecisionDetail"]["AllowedByOrganizations"] == false;
            let fix = match (boundary, organization) {
                (true, _) => "its permissions boundary does not let it".to_owned(),
                (_, true) => "a policy of your organization denies it".to_owned(),
                _ => format!("deploy again: the role's statement `{statement}` is not what it was"),
            };
            found.push(Finding::new(format!("the role may not `{action}` on `{resource}` ({decision})"), fix));
        }
    }
    Ok(found)
}

fn failure_queue(aws: &Aws, place: &Place) -> Found {
    let Some(url) = &place.failure_queue else {
        return Ok(vec![Finding::new("there is no failure queue", "deploy again: `Failures` is gone")]);
    };
    let attributes = aws.ask(&["sqs", "get-queue-attributes", "--queue-url", url, "--attribute-names", "All"])?;
    Ok(match text(&attributes["Attributes"], "ApproximateNumberOfMessages") {
        "0" => Vec::new(),
        count => {
            let what = format!("{count} messages wait there: log files that no rule has judged");
            vec![Finding::new(
                what,
                "mend the cause (the messages name it), then send them again: docs/troubleshooting.md",
            )]
        }
    })
}

/// Any alarm will do, whoever made it, as long as it tells somebody.
fn failure_alarm(aws: &Aws, place: &Place) -> Found {
    let Some(url) = &place.failure_queue else { return Ok(Vec::new()) };
    let dimension = format!("Name=QueueName,Value={}", url.rsplit('/').next().unwrap_or_default());
    let answer = aws.ask(&[
        "cloudwatch",
        "describe-alarms-for-metric",
        "--namespace",
        "AWS/SQS",
        "--metric-name",
        "ApproximateNumberOfMessagesVisible",
        "--dimensions",
        &dimension,
    ])?;
    let alarms: Vec<_> = each(&answer["MetricAlarms"]).collect();
    let tells =
        |alarm: &&&serde_json::Value| alarm["ActionsEnabled"] != false && each(&alarm["AlarmActions"]).next().is_some();
    Ok(if alarms.is_empty() {
        vec![Finding::new("no alarm watches the failure queue", "deploy again: `FailuresAlarm` is gone")]
    } else if alarms.iter().find(tells).is_none() {
        vec![Finding::new("the alarm of the failure queue tells nobody", "deploy with AlarmTopicArn")]
    } else {
        Vec::new()
    })
}

fn log_lines(_: &Aws, place: &Place) -> Found {
    let logging = &place.settings["LoggingConfig"];
    let mut found = Vec::new();
    if text(logging, "LogFormat") != "JSON" {
        let what = format!("the log format is `{}`", text(logging, "LogFormat"));
        found.push(Finding::new(what, "set LogFormat to JSON in the function's LoggingConfig"));
    }
    if ["ERROR", "FATAL"].contains(&text(logging, "ApplicationLogLevel")) {
        let what = format!("Lambda drops lines below `{}`, alerts too", text(logging, "ApplicationLogLevel"));
        found.push(Finding::new(what, "set ApplicationLogLevel to INFO or WARN"));
    }
    Ok(found)
}

fn subscription(aws: &Aws, place: &Place) -> Found {
    let answer = aws.ask(&["logs", "describe-subscription-filters", "--log-group-name", &place.log_group])?;
    let filters: Vec<_> = each(&answer["subscriptionFilters"]).collect();
    if filters.is_empty() {
        let what = format!("no subscription takes alerts out of `{}`", place.log_group);
        return Ok(vec![Finding::new(what, "deploy with SiemDestinationArn (docs/siem.md)")]);
    }
    let patterns: Vec<&str> = filters.iter().map(|filter| text(filter, "filterPattern")).collect();
    // An empty pattern takes every line.
    let missing: Vec<&str> = ["alert", "rule_error", "health"]
        .into_iter()
        .filter(|kind| {
            patterns.iter().all(|pattern| !pattern.trim().is_empty() && !pattern.contains(&format!("\"{kind}\"")))
        })
        .collect();
    Ok(if missing.is_empty() {
        Vec::new()
    } else {
        let what = format!("the subscription leaves out lines of kind {}", missing.join(", "));
        vec![Finding::new(what, format!("its pattern should be `{FILTER}`"))]
    })
}
