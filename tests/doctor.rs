//! `iota doctor`: every check with a stack that is well and with one that is not, through the real command and a stand-in
//! for the AWS CLI (`doctor/aws.sh`) whose answers have the shapes of AWS's service models (`tests/sam/test_answers.py`
//! holds them to those). What is wrong is written as a change of one answer.

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::LazyLock;

use common::aws::{self, said, text_of};
use common::{Bench, Done, done};
use serde_json::{Map, Value, json};

const ROLE: &str = "arn:aws:iam::111122223333:role/iota-DetectRole-1A2B3C";
const TRAIL: &str = "arn:aws:cloudtrail:eu-west-1:111122223333:trail/main";
const STACK: &str = "cloudformation describe-stacks --stack-name iota";
const RESOURCES: &str = "cloudformation describe-stack-resources --stack-name iota";
const FUNCTION: &str = "lambda get-function-configuration --function-name iota-detect";
const CANARY: &str = r#"{ $.kind = "alert" && $.rule_id = "iota.canary" && $.test IS TRUE }"#;
const DENIED: &str = "An error occurred (AccessDeniedException) when calling the X operation: User: arn:aws:iam::111122223333:user/u is not authorized to perform: x";

/// The pack of the one rule.
static PACK: LazyLock<String> = LazyLock::new(|| {
    let bench = Bench::with_rule();
    bench.run(&["compile", "rules", "--bundle", "opt"]).expect_code(0);
    fs::read_to_string(bench.path().join("opt/rulepack.json")).expect("a pack")
});

/// A stack that is well, and a folder of rules whose pack it runs.
struct Account {
    bench: Bench,
    answers: Map<String, Value>,
}

impl Account {
    fn new() -> Self {
        let bench = Bench::with_rule();
        let pack = &*PACK;
        fs::create_dir_all(bench.path().join(".aws-sam/rules/iota")).expect("a folder");
        fs::write(bench.path().join(".aws-sam/rules/iota/rulepack.json"), pack).expect("written");
        let digest = pack.split('"').nth(9).expect("its digest").to_owned();
        let answers = include_str!("doctor/healthy.json").replace("DIGEST", &digest);
        Self { bench, answers: serde_json::from_str(&answers).expect("recorded answers") }
    }

    fn doctor(&self, more: &[&str]) -> Done {
        let answer = |(name, answer): (&String, &Value)| match answer["error"].as_str() {
            Some(error) => (name.clone(), "error", error.to_owned()),
            None => (name.clone(), "ok", answer.to_string()),
        };
        let answers: Vec<_> = self.answers.iter().map(answer).collect();
        text_of(&mut aws::command(&self.bench, &[&["doctor"], more].concat(), &answers))
    }

    /// The one answer whose command line holds `words`.
    fn answer(&mut self, words: &str) -> &mut Value {
        let found: Vec<_> = self.answers.iter_mut().filter(|(name, _)| name.contains(words)).collect();
        assert_eq!(found.len(), 1, "answers for `{words}`");
        found.into_iter().next().expect("one").1
    }

    fn parameter(&mut self, name: &str, value: &str) {
        let list = self.answer(STACK)["Stacks"][0]["Parameters"].as_array_mut().expect("a list");
        let entry = list.iter_mut().find(|entry| entry["ParameterKey"] == name).expect("a parameter");
        entry["ParameterValue"] = json!(value);
    }

    fn without(&mut self, resource: &str) {
        let list = self.answer(RESOURCES)["StackResources"].as_array_mut().expect("a list");
        list.retain(|entry| entry["LogicalResourceId"] != resource);
    }

    /// What the function has printed.
    fn lines(&mut self, pattern: &str, lines: &[Value]) {
        let event = |line: &Value| json!({"timestamp": 1_795_370_000_000_i64, "message": line.to_string()});
        *self.answer(&format!("--filter-pattern {pattern}")) =
            json!({"events": lines.iter().map(event).collect::<Vec<_>>()});
    }
}

/// One change makes one check say `wrong`, with these words, and no other.
#[track_caller]
fn check(id: &str, words: &str, change: impl FnOnce(&mut Account)) {
    let mut account = Account::new();
    change(&mut account);
    let found = account.doctor(&[]);
    let wrong: Vec<&str> = said(&found).into_iter().filter(|line| !line.starts_with("ok ")).collect();
    let expected = format!("wrong    {id}: ");
    assert!(
        wrong.len() == 1 && wrong[0].starts_with(&expected) && wrong[0].contains(words),
        "expected {expected}… {words} …, found {wrong:#?} {}",
        found.stderr
    );
    assert!(wrong[0].contains("; "), "what to do is missing: {}", wrong[0]);
    assert_eq!(found.code, Some(1), "{wrong:?}");
}

#[test]
fn what_is_accepted_is_told_and_is_no_finding() {
    let mut account = Account::new();
    account.answer("get-event-selectors")["AdvancedEventSelectors"] = json!([]);
    account.answer("describe-alarms-for-metric")["MetricAlarms"] = json!([]);
    let one = account.doctor(&["--accept", "trail-data-events"]);
    assert_eq!(one.code, Some(1), "{:#?}", said(&one));
    assert!(said(&one).iter().any(|line| line.starts_with("accepted trail-data-events: ")), "{:#?}", said(&one));
    let both = account.doctor(&["--accept", "trail-data-events", "--accept", "failure-alarm"]);
    assert_eq!(both.code, Some(0), "{:#?}", said(&both));
}

#[test]
fn a_stack_that_is_well() {
    let account = Account::new();
    let found = account.doctor(&[]);
    assert_eq!((found.code, found.stderr.as_str()), (Some(0), ""), "{:#?}", said(&found));
    assert_eq!(said(&found).len(), 19);
    assert!(said(&found).iter().all(|line| line.starts_with("ok       ")), "{:#?}", said(&found));
    let asked = aws::asked(&account.bench);
    let mut questions: Vec<&str> = asked.iter().map(String::as_str).collect();
    questions.sort_unstable();
    let changing = ["create", "put", "update", "delete", "publish", "send", "start", "invoke"];
    let verbs = questions.iter().filter_map(|line| line.split([' ', '-']).nth(1));
    assert!(verbs.clone().all(|verb| !changing.contains(&verb)), "it only looks: {questions:?}");
}

#[test]
fn the_trail() {
    check("trail", "no trail that this account can see writes to `our-trail`", |account| {
        account.answer("describe-trails")["trailList"] = json!([]);
    });
    check("trail", "the trail `main` is stopped", |account| {
        account.answer("get-trail-status")["IsLogging"] = json!(false);
    });
    check("trail", "cannot deliver: AccessDenied", |account| {
        account.answer("get-trail-status")["LatestDeliveryError"] = json!("AccessDenied");
    });
    check("trail-key", "has no KMS key", |account| {
        account.answer("describe-trails")["trailList"][0]["KmsKeyId"] = Value::Null;
    });
    check("trail-key", "encrypts with `arn:aws:kms:eu-west-1:111122223333:key/new`", |account| {
        account.answer("describe-trails")["trailList"][0]["KmsKeyId"] =
            json!("arn:aws:kms:eu-west-1:111122223333:key/new");
    });
    check("trail-data-events", "has no data events", |account| {
        account.answer("get-event-selectors")["AdvancedEventSelectors"].as_array_mut().expect("a list").pop();
    });
    let mut basic = Account::new();
    *basic.answer("get-event-selectors") = json!({"TrailARN": TRAIL, "EventSelectors": [{"ReadWriteType": "All",
        "DataResources": [{"Type": "AWS::S3::Object", "Values": ["arn:aws:s3"]}]}]});
    assert_eq!(basic.doctor(&[]).code, Some(0), "the older selectors");
}

#[test]
fn the_key() {
    let policy = |statements: Value| {
        move |account: &mut Account| {
            account.answer("get-key-policy")["Policy"] = json!(json!({"Statement": statements}).to_string());
        }
    };
    let allow = |principal: Value, action: Value| json!({"Effect": "Allow", "Principal": principal, "Action": action});
    let wrong = |statements: Value, words: &str| check("key-policy", words, policy(statements));
    wrong(
        json!([allow(json!({"AWS": "arn:aws:iam::111122223333:role/other"}), json!("kms:*"))]),
        "neither the function's role",
    );
    wrong(json!([allow(json!({"AWS": ROLE}), json!("kms:Encrypt"))]), "neither the function's role");
    wrong(
        json!([allow(json!({"AWS": ROLE}), json!("kms:*")),
               {"Sid": "no", "Effect": "Deny", "Principal": "*", "Action": ["kms:Dec*"]}]),
        "denies it (statement `no`)",
    );
    check("key-policy", "the key is `PendingDeletion`", |account| {
        account.answer("kms describe-key")["KeyMetadata"]["KeyState"] = json!("PendingDeletion");
    });
    for statements in [
        json!([allow(json!({"AWS": ["arn:aws:iam::111122223333:root"]}), json!("kms:*"))]),
        json!([allow(json!({"AWS": "111122223333"}), json!(["kms:De*"]))]),
        json!([allow(json!("*"), json!("*"))]),
    ] {
        let mut account = Account::new();
        policy(statements.clone())(&mut account);
        let found = account.doctor(&[]);
        assert_eq!(found.code, Some(0), "{statements}: {:#?}", said(&found));
    }
}

#[test]
fn notifications() {
    let notification = "get-bucket-notification-configuration";
    check("notification", "does not tell EventBridge", |account| {
        account.answer(notification).as_object_mut().expect("an object").remove("EventBridgeConfiguration");
    });
    let own = json!([{"Id": "iota-x", "LambdaFunctionArn": "arn:aws:lambda:eu-west-1:111122223333:function:iota-detect",
        "Events": ["s3:ObjectCreated:*"]}]);
    let twice = own.clone();
    check("notification", "is told twice: by EventBridge, and by the bucket's entry `iota-x`", move |account| {
        account.answer(notification)["LambdaFunctionConfigurations"] = twice;
    });
    check("notification", "the rule `iota-NewLogFile-1A2B3C` is disabled", |account| {
        account.answer("--event-bus-name default")["State"] = json!("DISABLED");
    });
    check(
        "notification",
        "tells `arn:aws:sqs:eu-west-1:111122223333:siem` of these files (its entry `siem`)",
        |account| {
            account.parameter("NotifiedBy", "BucketNotification");
        },
    );
    check("notification", "the bucket's entry for the function is gone", |account| {
        account.parameter("NotifiedBy", "BucketNotification");
        *account.answer(notification) = json!({"QueueConfigurations": [{"Id": "images", "QueueArn": "arn:aws:sqs:eu-west-1:111122223333:x",
            "Events": ["s3:ObjectCreated:*"], "Filter": {"Key": {"FilterRules": [{"Name": "Suffix", "Value": ".png"}]}}}]});
    });
    let mut entry = Account::new();
    entry.parameter("NotifiedBy", "BucketNotification");
    *entry.answer(notification) = json!({"LambdaFunctionConfigurations": own});
    assert_eq!(entry.doctor(&[]).code, Some(0), "an entry of its own");
    let by_topic = |account: &mut Account| {
        account.parameter("NotifiedBy", "TrailSns");
        account.parameter("NotifyTopicArn", "arn:aws:sns:eu-west-1:111122223333:trail");
        // Nobody has to switch the bucket's events on then.
        *account.answer(notification) = json!({"error": "not asked"});
    };
    let mut topic = Account::new();
    by_topic(&mut topic);
    assert_eq!(topic.doctor(&[]).code, Some(0), "a topic");
    check("notification", "does not hear `arn:aws:sns:eu-west-1:111122223333:trail`", |account| {
        by_topic(account);
        account.answer("list-subscriptions-by-topic")["Subscriptions"] = json!([]);
    });
    check("notification", "not confirmed", |account| {
        by_topic(account);
        account.answer("list-subscriptions-by-topic")["Subscriptions"][0]["SubscriptionArn"] =
            json!("PendingConfirmation");
    });
    check("region", "`our-trail` is in us-east-1, the function in eu-west-1", |account| {
        account.answer("get-bucket-location")["LocationConstraint"] = Value::Null;
    });
}

#[test]
fn the_queue_and_its_mapping() {
    check("mapping", "lacks ReportBatchItemFailures", |account| {
        account.answer("list-event-source-mappings")["EventSourceMappings"][0]["FunctionResponseTypes"] = json!([]);
    });
    check("mapping", "the mapping is `Disabled`", |account| {
        account.answer("list-event-source-mappings")["EventSourceMappings"][0]["State"] = json!("Disabled");
    });
    check("mapping", "nothing takes messages from", |account| {
        account.answer("list-event-source-mappings")["EventSourceMappings"] = json!([]);
    });
    check("mapping", "hidden for 300 s", |account| {
        account.answer("iota-Files-1A2B3C --attribute-names")["Attributes"]["VisibilityTimeout"] = json!("300");
    });
    let mut direct = Account::new();
    direct.without("Files");
    assert_eq!(direct.doctor(&[]).code, Some(0), "without a queue");
}

#[test]
fn the_function_and_its_layers() {
    check("function", "its LastUpdateStatus is `Failed`: out of space", |account| {
        account.answer(FUNCTION)["LastUpdateStatus"] = json!("Failed");
        account.answer(FUNCTION)["LastUpdateStatusReason"] = json!("out of space");
    });
    check("function", "AWS_LAMBDA_EXEC_WRAPPER is `/opt/otel`", |account| {
        account.answer(FUNCTION)["Environment"]["Variables"]["AWS_LAMBDA_EXEC_WRAPPER"] = json!("/opt/otel");
    });
    check("function", "has no Python", |account| {
        account.answer(FUNCTION)["Runtime"] = json!("provided.al2023");
        for layer in ["iota-engine:4", "iota-rules:9"] {
            account.answer(layer)["CompatibleRuntimes"] = json!([]);
        }
    });
    check("layers", "it has 1 of two layers", |account| {
        account.answer(FUNCTION)["Layers"].as_array_mut().expect("a list").pop();
    });
    check("layers", "is for python3.12, the function is `python3.13`", |account| {
        account.answer("iota-rules:9")["CompatibleRuntimes"] = json!(["python3.12"]);
    });
    check("layers", "is for x86_64, the function is `arm64`", |account| {
        account.answer(FUNCTION)["Architectures"] = json!(["arm64"]);
        account.answer("iota-rules:9")["CompatibleArchitectures"] = json!(["x86_64"]);
    });
    check("layers", "is deleted", |account| {
        *account.answer("iota-rules:9") = json!({"error": "An error occurred (ResourceNotFoundException) when calling the GetLayerVersionByArn operation: gone"});
    });
    check("log-lines", "the log format is `Text`", |account| {
        account.answer(FUNCTION)["LoggingConfig"]["LogFormat"] = json!("Text");
    });
    check("log-lines", "drops lines below `ERROR`", |account| {
        account.answer(FUNCTION)["LoggingConfig"]["ApplicationLogLevel"] = json!("ERROR");
    });
}

#[test]
fn permissions() {
    for (action, statement) in [
        ("s3:GetObject", "`ReadLogFiles`"),
        ("logs:PutLogEvents", "`WriteLines`"),
        ("sqs:SendMessage", "`KeepFailures`"),
        ("sqs:ReceiveMessage", "`TakeNotifications`"),
        ("kms:Decrypt", "`DecryptLogFiles`"),
    ] {
        check("permissions", statement, |account| {
            let result = &mut account.answer(&format!("--action-names {action}"))["EvaluationResults"][0];
            result["EvalDecision"] = json!("implicitDeny");
        });
    }
    check("permissions", "its permissions boundary does not let it", |account| {
        let result = &mut account.answer("--action-names s3:GetObject")["EvaluationResults"][0];
        result["EvalDecision"] = json!("implicitDeny");
        result["PermissionsBoundaryDecisionDetail"] = json!({"AllowedByPermissionsBoundary": false});
    });
    check("permissions", "a policy of your organization denies it", |account| {
        let result = &mut account.answer("--action-names s3:GetObject")["EvaluationResults"][0];
        result["EvalDecision"] = json!("explicitDeny");
        result["OrganizationsDecisionDetail"] = json!({"AllowedByOrganizations": false});
    });
}

/// The bucket is another account's, which lends a role: what only its owner may ask is not asked.
fn in_the_archive(account: &mut Account) {
    account.parameter("LogArchiveAccountId", "999988887777");
    account.parameter("ReaderRoleArn", "arn:aws:iam::999988887777:role/iota-log-reader");
    let rule = account.answer(RESOURCES)["StackResources"].as_array_mut().expect("a list");
    let rule = rule.iter_mut().find(|entry| entry["LogicalResourceId"] == "NewLogFile").expect("the rule");
    rule["PhysicalResourceId"] = json!("iota-log-files|iota-NewLogFile-1A2B3C");
    for theirs in ["get-bucket-location", "get-bucket-notification-configuration"] {
        *account.answer(theirs) = json!({"error": DENIED});
    }
}

#[test]
fn another_accounts_bucket() {
    let mut account = Account::new();
    in_the_archive(&mut account);
    let found = account.doctor(&[]);
    assert_eq!(found.code, Some(0), "{:#?}", said(&found));
    check("permissions", "`TakeReaderRole`", |account| {
        in_the_archive(account);
        account.answer("--action-names sts:AssumeRole")["EvaluationResults"][0]["EvalDecision"] = json!("implicitDeny");
    });
    check("notification", "is disabled; aws events enable-rule", |account| {
        in_the_archive(account);
        account.answer("--event-bus-name iota-log-files")["State"] = json!("DISABLED");
    });
}

#[test]
fn what_the_function_has_printed() {
    let health = r#"{ $.kind = "health" && $.event != "isolation_refused" }"#;
    let isolation = r#"{ $.kind = "health" && $.event = "isolation_refused" }"#;
    let failed = r#"{ $.kind = "object" && $.status = "failed" }"#;
    check("failed-files", "2 failed in a day as `access_denied`, the last: access denied: AccessDenied", |account| {
        let line = json!({"kind": "object", "status": "failed", "error": "access_denied",
            "message": "access denied: AccessDenied: User is not authorized to perform: kms:Decrypt"});
        account.lines(failed, &[line.clone(), line]);
    });
    check("health", "does not start: `IOTA_WORKERS` is `none`", |account| {
        account.lines(health, &[json!({"event": "setup", "message": "`IOTA_WORKERS` is `none`"})]);
    });
    let unloaded = json!({"event": "rule_not_loaded", "path": "x.py", "message": "SyntaxError"});
    check("health", "the rule in `x.py` is not loaded: SyntaxError", |account| {
        account.lines(health, &[unloaded.clone(), unloaded]);
    });
    check("health", "the rule `slow` kept hanging", |account| {
        account.lines(health, &[json!({"event": "rule_fenced", "rule_id": "slow"})]);
    });
    let refused = |rung: &str| json!({"event": "isolation_refused", "rung": rung});
    let lines = [refused("seccomp"), refused("landlock"), refused("seccomp")];
    let again = lines.clone();
    check("isolation", "refuses `landlock`, `seccomp`: rules run without; deploy it into subnets", move |account| {
        account.lines(isolation, &lines);
    });
    check("isolation", "see that its subnets have no way out", move |account| {
        account.lines(isolation, &again);
        account.answer(FUNCTION)["VpcConfig"] = json!({"SubnetIds": ["subnet-1"]});
    });
    check("canary", "no alert of the canary for an hour", |account| account.lines(CANARY, &[]));
    check("canary", "is disabled; aws events enable-rule", |account| {
        account.answer("describe-rule --name iota-CanarySchedule")["State"] = json!("DISABLED");
    });
    check("canary", "Canary=on", |account| account.without("CanarySchedule"));
}

#[test]
fn packs_that_are_not_what_runs() {
    let printed = r#"{ $.kind = "metrics" || $.kind = "alert" }"#;
    let other = json!({"kind": "alert", "rulepack": "0123456789abcdef"});
    // The canary's newest line counts; without one, what the function printed last.
    let newest = [json!({"kind": "alert", "rulepack": "of the last deployment"}), other.clone()];
    check("pack", "the function runs the pack 0123456789ab", |account| account.lines(CANARY, &newest));
    for (lines, words) in [(vec![other], "runs the pack 0123456789ab"), (vec![], "has printed nothing for a day")] {
        let mut account = Account::new();
        account.lines(CANARY, &[]);
        account.lines(printed, &lines);
        let found = account.doctor(&["--accept", "canary"]);
        let wrong: Vec<&str> = said(&found).into_iter().filter(|line| line.starts_with("wrong ")).collect();
        assert!(wrong.len() == 1 && wrong[0].contains(words), "expected {words}, found {wrong:?}");
    }
    check("pack", "1 file changed since `.aws-sam/rules/iota/rulepack.json` was made: `bad.py`", |account| {
        fs::write(account.bench.rules().join("bad.py"), "def rule(event):\n    return True\n").expect("written");
    });
    check("pack", "1 file changed since `.aws-sam/rules/iota/rulepack.json` was made: `new.py`", |account| {
        fs::write(account.bench.rules().join("new.py"), "def rule(event):\n    return True\n").expect("written");
    });
    check("pack", "there is no pack here", |account| {
        fs::remove_dir_all(account.bench.path().join(".aws-sam")).expect("removed");
    });
}

#[test]
fn the_end_of_the_way() {
    check("failure-queue", "12 messages wait there", |account| {
        account.answer("iota-Failures-1A2B3C --attribute-names")["Attributes"]["ApproximateNumberOfMessages"] =
            json!("12");
    });
    check("failure-alarm", "no alarm watches the failure queue", |account| {
        account.answer("describe-alarms-for-metric")["MetricAlarms"] = json!([]);
    });
    for silent in [json!({"AlarmActions": []}), json!({"AlarmActions": ["arn:x"], "ActionsEnabled": false})] {
        check("failure-alarm", "tells nobody; deploy with AlarmTopicArn", |account| {
            account.answer("describe-alarms-for-metric")["MetricAlarms"] = json!([silent]);
        });
    }
    check("subscription", "no subscription takes alerts out of", |account| {
        account.answer("describe-subscription-filters")["subscriptionFilters"] = json!([]);
    });
    let pattern = |text: &str| json!([{"filterName": "x", "filterPattern": text}]);
    check("subscription", "leaves out lines of kind rule_error, health; its pattern should be", |account| {
        account.answer("describe-subscription-filters")["subscriptionFilters"] = pattern(r#"{ $.kind = "alert" }"#);
    });
    let mut all = Account::new();
    all.answer("describe-subscription-filters")["subscriptionFilters"] = pattern("");
    assert_eq!(all.doctor(&[]).code, Some(0), "an empty pattern takes everything");
}

#[test]
fn what_may_not_be_asked_is_unknown_and_not_well() {
    // Every question of a check, refused in AWS's words; what it is about is told, and all else is still checked.
    let account = Account::new();
    let first = [STACK, RESOURCES, FUNCTION];
    // Those of stacks that are made otherwise are not asked here.
    let other = ["sns ", "--event-bus-name iota-log-files", "sts:AssumeRole", r#"$.kind = "metrics""#];
    let asked = |name: &&String| !first.contains(&name.as_str()) && !other.iter().any(|words| name.contains(words));
    for name in account.answers.keys().filter(asked) {
        let mut account = Account { bench: Account::new().bench, answers: account.answers.clone() };
        account.answers[name] = json!({"error": DENIED});
        let found = account.doctor(&[]);
        assert_eq!(found.code, Some(2), "{name}: {:#?}", said(&found));
        let unknown: Vec<&str> = said(&found).into_iter().filter(|line| line.starts_with("unknown  ")).collect();
        let asked = name.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert!(
            !unknown.is_empty() && unknown.iter().all(|line| line.contains(&asked) && line.contains("not authorized")),
            "{name}: {unknown:?}"
        );
        assert!(said(&found).len() >= 19, "{name}: {:#?}", said(&found));
    }
}

#[test]
fn what_cannot_run_at_all() {
    let wrong = |change: &dyn Fn(&mut Account), more: &[&str], words: &str| {
        let mut account = Account::new();
        change(&mut account);
        account.doctor(more).expect_code(2).expect_stderr(words);
    };
    let denied = "An error occurred (ValidationError) when calling the DescribeStacks operation: Stack with id iota does not exist";
    wrong(&|account| *account.answer(STACK) = json!({"error": denied}), &[], "name the stack by --stack");
    wrong(&|account| *account.answer(STACK) = json!({"error": "Unable to locate credentials"}), &[], "aws sso login");
    wrong(&|account| account.without("Detect"), &[], "is it a stack of iota?");
    wrong(&|_| {}, &["--accept", "everything"], "`everything` is no check; these are: trail, trail-key");
    let account = Account::new();
    // Nothing else on the way: no `aws` can be found.
    symlink("/bin/sh", account.bench.path().join("sh")).expect("a link");
    let mut command = account.bench.command(&["doctor"]);
    command.env("PATH", account.bench.path());
    text_of(&mut command).expect_code(2).expect_stderr("install the AWS CLI");
}

#[test]
fn what_a_month_costs() {
    let mut listing = String::from(
        "2026-11-21 00:05:12       9999 AWSLogs/111122223333/CloudTrail-Digest/us-east-1/2026/11/21/d.json.gz\n",
    );
    for n in 0..1200 {
        listing += &format!(
            "2026-11-21 00:05:12       5220 AWSLogs/111122223333/CloudTrail/us-east-1/2026/11/21/{n}.json.gz\n"
        );
    }
    let bench = Bench::new().log("day", listing);
    let told = text_of(&mut bench.command(&["doctor", "--cost", "logs/day"])).expect_code(0);
    // 5220 bytes are twenty records: the account of docs/cost.md, whose table its own test makes anew.
    let page = fs::read_to_string(PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/cost.md")).expect("the page");
    let column: Vec<(String, String)> = page
        .split("<!-- made by docs/cost.py -->")
        .nth(1)
        .expect("a table")
        .lines()
        .filter_map(|row| {
            let cells: Vec<&str> = row.trim_matches('|').split('|').map(|cell| cell.trim().trim_matches('*')).collect();
            (cells.len() == 4 && cells[1].parse::<f64>().is_ok()).then(|| (cells[0].to_owned(), cells[1].to_owned()))
        })
        .collect();
    assert_eq!(column.len(), 10, "{column:?}");
    for (row, (name, usd)) in said(&told).iter().zip(&column) {
        let name = if name == "all of it" { "all of it, in USD a month" } else { name };
        assert_eq!(row.trim_start(), format!("{usd}  {name}"), "{told:?}", told = said(&told));
    }
    assert!(said(&told)[10].contains("720000 records a month"), "{:?}", said(&told));
    let queued =
        text_of(&mut bench.command(&["doctor", "--cost", "logs/day", "--queue", "--memory", "512"])).expect_code(0);
    assert_ne!(said(&queued)[..10], said(&told)[..10]);
    fs::write(bench.logs().join("none"), "nothing\n").expect("written");
    text_of(&mut bench.command(&["doctor", "--cost", "logs/none"]))
        .expect_code(2)
        .expect_stderr("aws s3 ls --recursive");
    let mut scan = bench.command(&["doctor", "--cost", "logs/gone"]);
    assert!(done(&mut scan).expect_code(2).stderr.contains("can't read `logs/gone`"));
}
