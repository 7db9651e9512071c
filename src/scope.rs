//! Which records of a log file are asked for: by the time of their event, account and region. And of which rule.
//!
//! What a record does not say about itself can't rule it out: in doubt it is judged.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::json;

/// A part of all records; the default is all of them.
#[derive(Debug, Default)]
pub(crate) struct Scope {
    /// Not before, in seconds since 1970.
    pub(crate) since: Option<i64>,
    /// Before.
    pub(crate) until: Option<i64>,
    /// One of these accounts, if there are any.
    pub(crate) accounts: Vec<String>,
    /// One of these regions, if there are any.
    pub(crate) regions: Vec<String>,
    /// The only rule that is asked, by its index.
    pub(crate) rule: Option<u32>,
}

impl Scope {
    /// True if it leaves out records.
    pub(crate) fn is_partial(&self) -> bool {
        self.since.is_some() || self.until.is_some() || !self.accounts.is_empty() || !self.regions.is_empty()
    }

    /// True if the record is asked for.
    pub(crate) fn takes(&self, record: &[u8]) -> bool {
        if !self.is_partial() {
            return true;
        }
        let (mut time, mut recipient, mut actor, mut region) = (None, None, None, None);
        for (key, raw) in json::Members::of(record) {
            match key {
                b"eventTime" => time = json::text(raw),
                b"recipientAccountId" => recipient = json::text(raw),
                b"awsRegion" => region = json::text(raw),
                b"userIdentity" => actor = Some(raw),
                _ => {}
            }
        }
        let of_actor = || {
            let account = json::Members::of(actor?).filter(|(key, _)| *key == b"accountId").last()?;
            json::text(account.1)
        };
        let account = recipient.or_else(of_actor);
        let time =
            time.and_then(|text| OffsetDateTime::parse(&text, &Rfc3339).ok()).map(OffsetDateTime::unix_timestamp);
        let listed = |list: &[String], value: Option<&str>| {
            list.is_empty() || value.is_none_or(|value| list.iter().any(|one| one == value))
        };
        time.is_none_or(|time| {
            self.since.is_none_or(|since| time >= since) && self.until.is_none_or(|until| time < until)
        }) && listed(&self.accounts, account.as_deref())
            && listed(&self.regions, region.as_deref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_record_does_not_say_does_not_rule_it_out() {
        let scope = Scope {
            since: Some(1_773_446_400),
            until: Some(1_773_532_800),
            accounts: vec!["111122223333".into()],
            regions: vec!["us-east-1".into()],
            rule: None,
        };
        let check = |record: &str, expected: bool| assert_eq!(scope.takes(record.as_bytes()), expected, "{record}");
        check(
            r#"{"eventTime":"2026-03-14T00:00:00Z","awsRegion":"us-east-1","recipientAccountId":"111122223333"}"#,
            true,
        );
        check(r#"{"eventTime":"2026-03-13T23:59:59Z"}"#, false);
        check(r#"{"eventTime":"2026-03-15T00:00:00Z"}"#, false);
        check(r#"{"eventTime":"2026-03-14T23:59:59Z"}"#, true);
        check(r#"{"eventTime":"some day"}"#, true);
        check(r#"{"awsRegion":"eu-west-1"}"#, false);
        check(r#"{"userIdentity":{"accountId":"444455556666"}}"#, false);
        check(r#"{"recipientAccountId":"111122223333","userIdentity":{"accountId":"444455556666"}}"#, true);
        check(r#"{"awsRegion":null}"#, true);
        check("[1]", true);
    }
}
