//! The record by which the function proves to itself that an alert arrives: nothing of a payload in, one record out.
//!
//! A payload may ask for a canary and give it an id; it has no other say. The record is made here, and only a record
//! made here is judged by the engine's own rule `iota.canary`, whose alert alone says `test: true`. So no record that
//! lies in a file or comes with a payload becomes a test by what it says of itself, and a canary hides nothing.

use serde_json::{Value, json};

/// The `source` of a payload that asks for a canary, and the `eventSource` of its record.
pub(crate) const SOURCE: &str = "iota.canary";
/// An id is a UUID or something of its kind.
const MAX_ID: usize = 64;

/// What a payload asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Canary {
    /// By which the sender will know the alert; without one the invocation gives its own.
    pub(crate) id: Option<String>,
    /// Every rule is asked about the record too, so that it is loaded where it runs; its answer is no alert.
    pub(crate) all_rules: bool,
}

impl Canary {
    /// Reads `{"source": "iota.canary", "id": …, "rules": "all"}`.
    pub(crate) fn of(payload: &Value) -> Result<Self, String> {
        let id = match &payload["id"] {
            Value::Null => None,
            Value::String(id) if is_id(id) => Some(id.clone()),
            _ => return Err(format!("a canary's `id` is up to {MAX_ID} letters, digits and hyphens")),
        };
        let all_rules = match &payload["rules"] {
            Value::Null => false,
            rules if rules == "all" => true,
            _ => return Err("a canary's `rules` is `all` or absent".into()),
        };
        Ok(Self { id, all_rules })
    }
}

fn is_id(id: &str) -> bool {
    (1..=MAX_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// The record, of now. Account and region are those of the function, as far as its ARN names them.
pub(crate) fn record(id: &str, time: &str, function_arn: &str) -> Vec<u8> {
    let part = |at: usize| function_arn.split(':').nth(at).filter(|part| !part.is_empty());
    let record = json!({
        "eventVersion": "1.11",
        "eventTime": time,
        "eventSource": SOURCE,
        "eventName": "Canary",
        "eventType": "AwsServiceEvent",
        "eventCategory": "Management",
        "eventID": id,
        "awsRegion": part(3),
        "recipientAccountId": part(4),
        "sourceIPAddress": SOURCE,
        "userAgent": SOURCE,
        "userIdentity": {"type": "AWSService", "invokedBy": SOURCE},
        "requestParameters": null,
        "responseElements": null,
        "readOnly": true,
        "managementEvent": true,
    });
    record.to_string().into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_may_name_a_canary_and_nothing_more() {
        let check = |payload: &Value, expected: Result<Canary, &str>| match (Canary::of(payload), expected) {
            (Err(got), Err(words)) => assert!(got.contains(words), "{payload}: expected {words}, got {got}"),
            (got, expected) => assert_eq!(got, expected.map_err(str::to_owned), "{payload}"),
        };
        let canary = |id: Option<&str>, all_rules| Ok(Canary { id: id.map(str::to_owned), all_rules });
        check(&json!({"source": "iota.canary"}), canary(None, false));
        check(&json!({"id": "4f-A9", "rules": "all", "eventName": "x"}), canary(Some("4f-A9"), true));
        check(&json!({"id": ""}), Err("`id`"));
        check(&json!({"id": "a b"}), Err("`id`"));
        check(&json!({"id": "a".repeat(65)}), Err("`id`"));
        check(&json!({"id": 7}), Err("`id`"));
        check(&json!({"rules": ["all"]}), Err("`rules`"));
    }

    #[test]
    fn the_record_says_whose_function_it_was() {
        let arn = "arn:aws:lambda:eu-west-1:111122223333:function:iota-detect";
        let record: Value = serde_json::from_slice(&record("i", "2026-03-14T09:11:27Z", arn)).expect("JSON");
        assert_eq!(
            (&record["awsRegion"], &record["recipientAccountId"]),
            (&json!("eu-west-1"), &json!("111122223333"))
        );
        assert_eq!(record["eventID"], "i");
    }
}
