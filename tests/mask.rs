//! Secrets in records: what of them gets out, through the command and through the function's own lines.

mod common;

use common::{Bench, Done, file, record};
use serde_json::{Value, json};

const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const TOKEN: &str = "FwoGZXIvYXdzEBYaDGV4YW1wbGV0b2tlbjEyMw==";
const PASSWORD: &str = "correct-horse-7";
const SIGNATURE: &str = "aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";

/// A rule that tells whatever it can of a record.
const RULE: &str = "\
def rule(event):
    print('seen', event.get('userAgent'))
    return event.get('eventName') == 'Bad'
def title(event):
    return f\"made {event.deep_get('responseElements', 'accessKey', 'secretAccessKey')}\"
def dedup(event):
    return event.deep_get('requestParameters', 'masterUserPassword')
def alert_context(event):
    return {'all': event.get('responseElements'), 'p': [event.deep_get('requestParameters', 'masterUserPassword')]}
def severity(event):
    raise ValueError(event.deep_get('responseElements', 'credentials', 'sessionToken'))
";

fn leaky() -> Value {
    let mut record = record("leak", "Bad");
    record["requestParameters"] = json!({
        "masterUsername": "admin",
        "masterUserPassword": PASSWORD,
        "containerDefinitions": [{"environment": [{"name": "DB_PASSWORD", "value": PASSWORD}, {"name": "STAGE", "value": "prod"}]}],
        "clientToken": "3f0c2a",
    });
    record["responseElements"] = json!({
        "accessKey": {"accessKeyId": "AKIAIOSFODNN7EXAMPLE", "secretAccessKey": KEY},
        "credentials": {"sessionToken": TOKEN, "expiration": "Mar 14, 2026, 10:00:00 AM"},
    });
    record["userAgent"] = format!("curl https://b.s3.amazonaws.com/k?X-Amz-Signature={SIGNATURE}").into();
    record
}

fn scan(set: &[(&str, &str)], records: &[Value]) -> Done {
    let bench = Bench::new().rule("r", RULE);
    let bench = bench.log("x.json", file(records));
    let mut command = bench.command(&["scan", "logs", "--rules", "rules", "--lines", "all", "--jobs", "1"]);
    common::done(command.envs(set.iter().copied()))
}

#[test]
fn no_secret_of_a_record_is_printed() {
    let masked = scan(&[], &[leaky()]);
    let printed = masked.lines.iter().map(Value::to_string).collect::<Vec<_>>().join("\n");
    for secret in [KEY, TOKEN, PASSWORD, SIGNATURE] {
        assert!(!printed.contains(secret), "`{secret}` in\n{printed}");
    }
    for kept in
        ["AKIAIOSFODNN7EXAMPLE", "\"clientToken\":\"3f0c2a\"", "\"masterUsername\":\"admin\"", "\"value\":\"prod\""]
    {
        assert!(printed.contains(kept), "`{kept}` not in\n{printed}");
    }
    let alert = masked.kind("alert")[0];
    assert_eq!((&alert["title"], &alert["dedup"]), (&json!("made (masked by iota)"), &json!("(masked by iota)")));
    let places = alert["masked"].as_array().expect("places").iter().map(|place| place.as_str().expect("a name"));
    let expected = [
        "requestParameters.containerDefinitions[0].environment[0].value",
        "requestParameters.masterUserPassword",
        "responseElements.accessKey.secretAccessKey",
        "responseElements.credentials.sessionToken",
        "userAgent",
        "context.all.accessKey.secretAccessKey",
        "context.all.credentials.sessionToken",
        "context.p[0]",
        "title",
        "dedup",
        "user_agent",
    ];
    assert_eq!(places.collect::<Vec<_>>(), expected);
    assert_eq!(masked.kind("rule_error")[0]["exception"], "ValueError: (masked by iota)");
}

#[test]
fn off_prints_records_as_they_are_and_no_id_depends_on_it() {
    let (masked, open) = (scan(&[], &[leaky()]), scan(&[("IOTA_MASK", "off")], &[leaky()]));
    let (masked, open) = (masked.kind("alert")[0].clone(), open.kind("alert")[0].clone());
    assert_eq!(open["event"], leaky());
    assert_eq!((&open["title"], open.get("masked")), (&json!(format!("made {KEY}")), None));
    for id in ["alert_id", "match_id", "event_id"] {
        assert_eq!(masked[id], open[id], "{id}");
    }
}

#[test]
fn names_can_be_added_and_bad_ones_are_told() {
    let mut record = record("x", "Bad");
    record["requestParameters"] = json!({"licenceKey": "L-123"});
    let done = scan(&[("IOTA_MASK", "api_key,licence-key")], std::slice::from_ref(&record));
    assert_eq!(done.kind("alert")[0]["event"]["requestParameters"], json!({"licenceKey": "(masked by iota)"}));
    let done = scan(&[], std::slice::from_ref(&record));
    assert_eq!((&done.kind("alert")[0]["event"], done.kind("alert")[0].get("masked")), (&record, None));
    scan(&[("IOTA_MASK", "a.b")], &[record]).expect_code(2).expect_stderr("`IOTA_MASK`");
}

#[test]
fn what_is_cut_holds_no_secret_either() {
    let mut record = leaky();
    record["additionalEventData"] = json!({"filler": "x".repeat(80_000), "password": PASSWORD});
    let done = scan(&[("IOTA_MAX_ALERT_BYTES", "32 KiB")], &[record]);
    let alert = done.kind("alert")[0];
    let printed = alert.to_string();
    assert!(alert["truncated"] == true && printed.len() <= 32 * 1024, "{} bytes", printed.len());
    assert!(!printed.contains(PASSWORD) && !printed.contains(KEY), "{printed}");
}
