//! A verdict, its record and its rule's metadata in; the body of an alert line out, never longer than the limit.
//!
//! The ids are a function of content: whoever evaluates the same record with the same rule, today or in a retry, on a
//! laptop or in the function, gets the same ids.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json;
use crate::mask::{Mask, Masked};
use crate::model::{ObjectRef, Severity};
use crate::rulepack::{Account, Exception, Metadata, Rule, hex};

/// Event ids longer than this are no event ids.
const MAX_EVENT_ID: usize = 256;
/// Fields taken from a record for finding one's way; real ones are far shorter.
const MAX_FIELD: usize = 1024;
/// Where all else was cut and the line is still too long, texts are no longer than an event id may be.
const MAX_SHORT: usize = MAX_EVENT_ID;
/// Room for what is known only when its group is: a longer count, or a reason.
const LATER_BYTES: usize = 64;
/// What a cut string ends with.
const CUT: &str = "… (truncated)";

/// One alert (or signal), ready to be printed.
pub(crate) struct Alert {
    /// First 16 bytes of the digest that names the match; `match_id` is its hex form.
    pub(crate) match_id: [u8; 16],
    pub(crate) severity: Severity,
    /// Seconds since 1970 of its event.
    pub(crate) time: Option<i64>,
    pub(crate) event_id: Option<String>,
    /// The line's own fields, as one JSON object.
    pub(crate) body: Vec<u8>,
}

/// What a rule said of a record, with defaults filled in.
pub(crate) struct Finding<'a> {
    pub(crate) rule: &'a Rule,
    pub(crate) title: &'a str,
    pub(crate) severity: Severity,
    pub(crate) dedup: &'a str,
    pub(crate) context: Option<&'a RawValue>,
    pub(crate) description: Option<&'a str>,
    pub(crate) runbook: Option<&'a str>,
    pub(crate) reference: Option<&'a str>,
    pub(crate) destinations: Option<&'a [String]>,
    /// Why a match is no alert.
    pub(crate) reason: Option<&'static str>,
    /// The record is a canary: nothing happened.
    pub(crate) test: bool,
}

/// Where a record was found.
pub(crate) struct Origin<'a> {
    pub(crate) object: &'a ObjectRef,
    /// 0-based, over all records of the object.
    pub(crate) index: u64,
}

#[derive(Serialize)]
struct Body<'a> {
    rule_id: &'a str,
    title: Cow<'a, str>,
    severity: Severity,
    dedup: Cow<'a, str>,
    event: Box<RawValue>,
    alert_id: &'a str,
    match_id: &'a str,
    rule_digest: &'a str,
    description: Option<String>,
    runbook: Option<String>,
    reference: Option<Cow<'a, str>>,
    tags: &'a [String],
    reports: &'a BTreeMap<String, Vec<String>>,
    destinations: &'a [String],
    context: Option<Box<RawValue>>,
    dedup_period_minutes: u32,
    threshold: u32,
    match_count: u64,
    #[serde(flatten)]
    fields: Cow<'a, Fields>,
    log: Log<'a>,
    truncated: bool,
    test: bool,
    account_name: Option<&'a str>,
    environment: Option<&'a str>,
    owner: Option<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    masked: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
}

#[derive(Serialize)]
struct Suppressed<'a> {
    rule_id: &'a str,
    title: &'a str,
    severity: Severity,
    match_id: &'a str,
    exception: &'a str,
    owner: &'a str,
    reason: &'a str,
    expires: &'a str,
    #[serde(flatten)]
    fields: &'a Fields,
    log: Log<'a>,
}

#[derive(Serialize)]
struct Log<'a> {
    bucket: Option<&'a str>,
    key: &'a str,
    version_id: Option<&'a str>,
    index: u64,
}

impl<'a> Log<'a> {
    fn of(origin: &Origin<'a>) -> Self {
        Self {
            bucket: Some(origin.object.bucket.as_str()).filter(|bucket| !bucket.is_empty()),
            key: &origin.object.key,
            version_id: origin.object.version_id.as_deref(),
            index: origin.index,
        }
    }
}

/// What an alert repeats of its record, so that a SIEM need not look into `event`.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize)]
struct Fields {
    event_time: Option<String>,
    event_id: Option<String>,
    event_name: Option<String>,
    event_source: Option<String>,
    account_id: Option<String>,
    region: Option<String>,
    actor_arn: Option<String>,
    actor_type: Option<String>,
    source_ip: Option<String>,
    user_agent: Option<String>,
    error_code: Option<String>,
}

/// Makes the alert of a match that stands alone. `limit` bounds the body in bytes.
/// `accounts` are those of the organisation, by id.
pub(crate) fn build(
    finding: &Finding<'_>,
    record: &[u8],
    origin: &Origin<'_>,
    accounts: &BTreeMap<String, Account>,
    mask: &Mask,
    limit: usize,
) -> Alert {
    let mut fields = Fields::of(record);
    let account = fields.account_id.as_ref().and_then(|id| accounts.get(id));
    let match_id = match_id(&finding.rule.id, record);
    let id = hex(&match_id);
    let metadata = finding.rule.metadata();
    let event = json::one_line(record).unwrap_or_else(null);
    let mut masked = mask.record(&event);
    let event = masked.event.take().unwrap_or(event);
    // What came over the pipe is JSON, but only this makes sure that it is one line of it.
    let context = finding.context.and_then(|context| json::one_line(context.get().as_bytes()));
    let context = context.map(|context| masked.json("context", &context).unwrap_or(context));
    let title = masked.text("title", finding.title);
    let dedup = masked.text("dedup", finding.dedup);
    let [description, runbook, reference] = [
        ("description", finding.description, &metadata.description),
        ("runbook", finding.runbook, &metadata.runbook),
        ("reference", finding.reference, &metadata.reference),
    ]
    .map(|(name, said, otherwise)| {
        // What the rule's author wrote knows nothing of the record.
        text(said, otherwise).map(|text| if said.is_some() { masked.text(name, text) } else { text.into() })
    });
    let destinations: Option<Vec<String>> =
        finding.destinations.map(|all| all.iter().map(|one| masked.text("destinations", one).into_owned()).collect());
    fields.mask(&mut masked);
    let mut body = Body {
        rule_id: &finding.rule.id,
        title,
        severity: finding.severity,
        dedup,
        event,
        alert_id: &id,
        match_id: &id,
        rule_digest: &finding.rule.digest,
        description: description.map(Cow::into_owned),
        runbook: runbook.map(Cow::into_owned),
        reference,
        tags: &metadata.tags,
        reports: &metadata.reports,
        destinations: destinations.as_deref().unwrap_or(&metadata.destinations),
        context,
        dedup_period_minutes: finding.rule.dedup_period_minutes,
        threshold: finding.rule.threshold,
        match_count: 1,
        fields: Cow::Borrowed(&fields),
        log: Log::of(origin),
        truncated: false,
        test: finding.test,
        account_name: account.and_then(|account| account.name.as_deref()),
        environment: account.and_then(|account| account.environment.as_deref()),
        owner: account.and_then(|account| account.owner.as_deref()),
        masked: &masked.places,
        reason: finding.reason,
    };
    let bytes = fit(&mut body, limit - LATER_BYTES, &Metadata::default());
    Alert { match_id, severity: finding.severity, time: seconds(&fields), event_id: fields.event_id, body: bytes }
}

/// Makes the line of a match that an exception hides: who and what, and who answers for it, but not the record.
pub(crate) fn suppressed(
    finding: &Finding<'_>,
    record: &[u8],
    origin: &Origin<'_>,
    mask: &Mask,
    by: &Exception,
) -> Alert {
    let mut fields = Fields::of(record);
    let event = json::one_line(record).unwrap_or_else(null);
    let mut masked = mask.record(&event);
    fields.mask(&mut masked);
    let match_id = match_id(&finding.rule.id, record);
    let body = Suppressed {
        rule_id: &finding.rule.id,
        title: &cut(&masked.text("title", finding.title), MAX_FIELD),
        severity: finding.severity,
        match_id: &hex(&match_id),
        exception: &by.id,
        owner: &by.owner,
        reason: &by.reason,
        expires: &by.expires,
        fields: &fields,
        log: Log::of(origin),
    };
    let body = serde_json::to_vec(&body).unwrap_or_else(|_| b"{}".to_vec());
    Alert { match_id, severity: finding.severity, time: seconds(&fields), event_id: fields.event_id, body }
}

/// Seconds since 1970 of a record's event time.
pub(crate) fn event_seconds(record: &[u8]) -> Option<i64> {
    seconds(&Fields { event_time: member(record, b"eventTime"), ..Fields::default() })
}

fn seconds(fields: &Fields) -> Option<i64> {
    let time = fields.event_time.as_deref().and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok());
    time.map(OffsetDateTime::unix_timestamp)
}

/// The same alert for a group of so many matches, of which it is the first.
pub(crate) fn for_group(mut body: Vec<u8>, matches: u64) -> Vec<u8> {
    const ALONE: &[u8] = br#""match_count":1,"#;
    // No text holds these bytes, since quotes in texts are escaped; what stands before may be an event that has them.
    if matches > 1
        && let Some(at) = memchr::memmem::rfind(&body, ALONE)
    {
        body.splice(at..at + ALONE.len(), format!(r#""match_count":{matches},"#).into_bytes());
    }
    body
}

/// What would have been an alert as a signal that says why it is none.
pub(crate) fn as_signal(mut body: Vec<u8>, reason: &str) -> Vec<u8> {
    if body.pop() == Some(b'}') {
        body.extend_from_slice(format!(r#","reason":"{reason}"}}"#).as_bytes());
    }
    body
}

/// Serialises `body`, shrinking it step by step until it fits: the event, the context, the texts, the lists that its rule
/// gave, and in the end every other text that a rule or a record may have made long. What names the match is never touched.
fn fit<'a>(body: &mut Body<'a>, limit: usize, nothing: &'a Metadata) -> Vec<u8> {
    let steps: [fn(&mut Body<'a>, usize, &'a Metadata); 5] = [
        |body, excess, _| body.event = shrink(&body.event, excess),
        |body, excess, _| body.context = body.context.take().map(|context| shrink(&context, excess)),
        |body, excess, _| {
            for text in [&mut body.runbook, &mut body.description] {
                *text = text.take().map(|text| cut(&text, text.len().saturating_sub(excess).max(1000)));
            }
        },
        |body, _, nothing| {
            (body.tags, body.reports, body.destinations) = (&nothing.tags, &nothing.reports, &nothing.destinations);
        },
        |body, _, _| {
            for text in [&mut body.title, &mut body.dedup].into_iter().chain(&mut body.reference) {
                *text = cut(text, MAX_SHORT).into();
            }
            body.fields.to_mut().each(|_, text| cut(text, MAX_SHORT));
        },
    ];
    let mut bytes = serialised(body);
    for step in steps {
        if bytes.len() <= limit {
            break;
        }
        body.truncated = true;
        step(body, bytes.len() - limit, nothing);
        bytes = serialised(body);
    }
    bytes
}

fn serialised(body: &Body<'_>) -> Vec<u8> {
    // Strings, numbers and raw JSON always serialise; an empty object is what would be left if they did not.
    json::controls_escaped(serde_json::to_vec(body).unwrap_or_else(|_| b"{}".to_vec()))
}

/// `raw` made shorter by at least `excess` bytes where that is possible: its largest members are left out or cut first.
fn shrink(raw: &RawValue, excess: usize) -> Box<RawValue> {
    let mut members: Vec<(&[u8], Vec<u8>)> =
        json::Members::of(raw.get().as_bytes()).map(|(key, value)| (key, value.to_vec())).collect();
    let mut order: Vec<usize> = (0..members.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(members[at].1.len()));
    let mut saved = 0;
    for at in order {
        if saved >= excess {
            break;
        }
        let value = &mut members[at].1;
        let shorter = match json::text(value) {
            Some(text) => json::controls_escaped(serde_json::to_vec(&cut(&text, 256)).unwrap_or_default()),
            None => omitted(value.len()),
        };
        if shorter.len() < value.len() {
            saved += value.len() - shorter.len();
            *value = shorter;
        }
    }
    let mut out = if saved >= excess { b"{".to_vec() } else { omitted(raw.get().len()) };
    if saved >= excess {
        for (at, (key, value)) in members.iter().enumerate() {
            out.extend_from_slice(if at == 0 { b"\"" } else { b",\"" });
            out.extend_from_slice(key);
            out.extend_from_slice(b"\":");
            out.extend_from_slice(value);
        }
        out.push(b'}');
    }
    let text = String::from_utf8(out).ok();
    text.and_then(|text| RawValue::from_string(text).ok()).unwrap_or_else(null)
}

fn omitted(size: usize) -> Vec<u8> {
    format!(r#"{{"iota_omitted":true,"original_size":{size}}}"#).into_bytes()
}

/// `text` in at most `limit` bytes, and a mark if something is missing.
fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    format!("{}{CUT}", &text[..text.floor_char_boundary(limit.saturating_sub(CUT.len()))])
}

fn null() -> Box<RawValue> {
    RawValue::NULL.to_owned()
}

/// What a function said, else what the metadata says; nothing rather than an empty text.
fn text<'a>(said: Option<&'a str>, metadata: &'a str) -> Option<&'a str> {
    Some(said.unwrap_or(metadata)).filter(|text| !text.is_empty())
}

/// First half of SHA-256 over the rule and the event id, or over the record's bytes where it has no proper id.
fn match_id(rule_id: &str, record: &[u8]) -> [u8; 16] {
    let id = json::Members::of(record).filter(|(key, _)| *key == b"eventID").last();
    let id = id.and_then(|(_, raw)| json::text(raw)).filter(|id| !id.is_empty() && id.len() <= MAX_EVENT_ID);
    let mut hash = Sha256::new();
    hash.update(b"iota/1\0");
    hash.update(rule_id);
    match id {
        Some(id) => {
            hash.update(b"\0id\0");
            hash.update(id.as_bytes());
        }
        None => {
            hash.update(b"\0raw\0");
            hash.update(record);
        }
    }
    let mut half = [0; 16];
    half.copy_from_slice(&hash.finalize()[..16]);
    half
}

impl Fields {
    /// They are part of the record: where it has nothing to be masked, nor have they.
    fn mask(&mut self, masked: &mut Masked<'_>) {
        if masked.found_any() {
            self.each(|name, text| masked.text(name, text).into_owned());
        }
    }

    /// Changes every one of them but the id; `change` is told which.
    fn each(&mut self, mut change: impl FnMut(&str, &str) -> String) {
        let all = [
            ("event_time", &mut self.event_time),
            ("event_name", &mut self.event_name),
            ("event_source", &mut self.event_source),
            ("account_id", &mut self.account_id),
            ("region", &mut self.region),
            ("actor_arn", &mut self.actor_arn),
            ("actor_type", &mut self.actor_type),
            ("source_ip", &mut self.source_ip),
            ("user_agent", &mut self.user_agent),
            ("error_code", &mut self.error_code),
        ];
        for (name, text) in all {
            if let Some(text) = text {
                *text = change(name, text);
            }
        }
    }

    fn of(record: &[u8]) -> Self {
        let mut fields = Self::default();
        let (mut recipient, mut actor_account, mut issuer) = (None, None, None);
        for (key, raw) in json::Members::of(record) {
            let field = match key {
                b"eventTime" => &mut fields.event_time,
                b"eventID" => &mut fields.event_id,
                b"eventName" => &mut fields.event_name,
                b"eventSource" => &mut fields.event_source,
                b"awsRegion" => &mut fields.region,
                b"recipientAccountId" => &mut recipient,
                b"sourceIPAddress" => &mut fields.source_ip,
                b"userAgent" => &mut fields.user_agent,
                b"errorCode" => &mut fields.error_code,
                b"userIdentity" => {
                    (fields.actor_arn, fields.actor_type) = (member(raw, b"arn"), member(raw, b"type"));
                    actor_account = member(raw, b"accountId");
                    issuer = find(raw, b"sessionContext").and_then(|context| find(context, b"sessionIssuer"));
                    continue;
                }
                _ => continue,
            };
            *field = short_text(raw);
        }
        fields.account_id = recipient.or(actor_account);
        fields.actor_arn = fields.actor_arn.take().or_else(|| member(issuer?, b"arn"));
        fields
    }
}

fn find<'a>(object: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    json::Members::of(object).filter(|(key, _)| *key == name).last().map(|(_, value)| value)
}

fn member(object: &[u8], name: &[u8]) -> Option<String> {
    short_text(find(object, name)?)
}

/// Control characters, which no real value holds, would grow sixfold as JSON escapes; `event` still has them.
fn short_text(raw: &[u8]) -> Option<String> {
    let text = cut(&json::text(raw)?, MAX_FIELD);
    Some(text.replace(char::is_control, "\u{fffd}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule() -> Rule {
        serde_json::from_str(
            r#"{"id":"R","path":"r.py","digest":"d","severity":"LOW","create_alert":true,"dedup_period_minutes":60,
                "threshold":1,"condition":{"op":"always"},"metadata":{"description":"what","tags":["t"],"reports":{"MITRE ATT&CK":["TA0001:T1078"]}}}"#,
        )
        .expect("a rule")
    }

    fn accounts() -> BTreeMap<String, Account> {
        let owner = Account { owner: Some("team-a".into()), environment: Some("prod".into()), name: None };
        [("1".to_owned(), owner)].into()
    }

    impl<'a> Finding<'a> {
        fn plain(rule: &'a Rule) -> Self {
            Self {
                rule,
                title: "a title",
                severity: Severity::High,
                dedup: "key",
                context: None,
                description: None,
                runbook: None,
                reference: None,
                destinations: None,
                reason: None,
                test: false,
            }
        }
    }

    fn body(record: &str, limit: usize) -> (serde_json::Value, usize) {
        let rule = rule();
        let finding = Finding::plain(&rule);
        let object = ObjectRef::new("b", "k");
        let alert = build(
            &finding,
            record.as_bytes(),
            &Origin { object: &object, index: 3 },
            &accounts(),
            &Mask::default(),
            limit,
        );
        (serde_json::from_slice(&alert.body).expect("JSON"), alert.body.len())
    }

    #[test]
    fn match_ids_are_as_documented() {
        let check =
            |record: &str, expected: &str| assert_eq!(hex(&match_id("R", record.as_bytes())), expected, "{record}");
        // printf 'iota/1\0R\0id\0e-1' | sha256sum
        check(r#"{"eventID":"e-1"}"#, "75ff6edf0d4cd9fb53926fb799714540");
        check(r#"{"eventID":"x","eventID":"e\u002d1"}"#, "75ff6edf0d4cd9fb53926fb799714540");
        // printf 'iota/1\0R\0raw\0{"a":1}' | sha256sum
        check(r#"{"a":1}"#, "c11c08b7b70d1faa90d47e807831e0d1");
    }

    #[test]
    fn fields_are_taken_from_where_they_stand() {
        let record = r#"{"eventID":"e-1","eventName":"X","recipientAccountId":"1","userIdentity":{"accountId":"2",
            "sessionContext":{"sessionIssuer":{"arn":"issuer"}}},"errorCode":null,"awsRegion":7}"#;
        let (body, _) = body(record, 64_000);
        let got = ["event_id", "account_id", "actor_arn", "error_code", "region"].map(|name| body[name].clone());
        assert_eq!(got, ["e-1".into(), "1".into(), "issuer".into(), serde_json::Value::Null, serde_json::Value::Null]);
        let known = ["account_name", "environment", "owner"].map(|name| body[name].clone());
        assert_eq!(known, [serde_json::Value::Null, "prod".into(), "team-a".into()]);
        assert_eq!(body["log"], serde_json::json!({"bucket":"b","key":"k","version_id":null,"index":3}));
        assert_eq!((&body["description"], &body["runbook"]), (&"what".into(), &serde_json::Value::Null));
    }

    #[test]
    fn what_is_known_later_is_put_in_its_place() {
        let record = r#"{"eventID":"e-1","x":{"match_count":1,"y":2},"eventTime":"1970-01-01T00:01:00Z"}"#;
        let rule = rule();
        let finding = Finding::plain(&rule);
        let object = ObjectRef::new("b", r#"a"match_count":1,b"#);
        let alert = build(
            &finding,
            record.as_bytes(),
            &Origin { object: &object, index: 3 },
            &accounts(),
            &Mask::default(),
            9_000,
        );
        assert_eq!((alert.time, alert.event_id.as_deref()), (Some(60), Some("e-1")));
        let grouped: serde_json::Value = serde_json::from_slice(&for_group(alert.body.clone(), 1234)).expect("JSON");
        assert_eq!((&grouped["match_count"], &grouped["event"]["x"]["match_count"]), (&1234.into(), &1.into()));
        assert_eq!(grouped["log"]["key"], r#"a"match_count":1,b"#);
        assert_eq!(for_group(alert.body.clone(), 1), alert.body);
        let signal: serde_json::Value = serde_json::from_slice(&as_signal(alert.body, "below")).expect("JSON");
        assert_eq!((&signal["reason"], &signal["test"]), (&"below".into(), &false.into()));
    }

    #[test]
    fn large_members_shrink_first_and_ids_stay() {
        let big = "x".repeat(90_000);
        let record = format!(
            r#"{{"eventID":"e-1","requestParameters":{{"policy":"{big}"}},"userAgent":"{}","responseElements":{{"a":1}}}}"#,
            "u".repeat(900)
        );
        let (got, len) = body(&record, 8_000);
        assert!(len <= 8_000, "{len}");
        assert_eq!(got["truncated"], true);
        assert_eq!(got["event"]["requestParameters"], serde_json::json!({"iota_omitted":true,"original_size":90_013}));
        assert_eq!(got["event"]["responseElements"], serde_json::json!({"a":1}));
        assert_eq!(got["event_id"], "e-1");
    }

    #[test]
    fn nothing_exceeds_the_limit() {
        let many: String = (0..9_000).map(|n| format!(r#""key{n}":{n},"#)).collect();
        let deep = format!(r#"{{"eventID":"e-1",{many}"end":1}}"#);
        let (got, len) = body(&deep, 8_192);
        assert!(len <= 8_192, "{len}");
        assert_eq!(got["event"]["iota_omitted"], true);
        let (_, len) = body(&format!(r#"{{"eventName":"{0}","userAgent":"{0}"}}"#, "\\u0001".repeat(50_000)), 64_000);
        assert!(len <= 64_000, "{len}");
    }

    #[test]
    fn whatever_python_accepts_becomes_strict_json() {
        let (got, _) = body(r#"{"eventID":"e-1","x":NaN,"y":"\ud800"}"#, 64_000);
        assert_eq!(got["event_id"], "e-1");
    }
}
