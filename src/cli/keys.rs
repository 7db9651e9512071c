//! Which keys of a bucket may hold records of a scope, by what CloudTrail calls its folders:
//! `…/ACCOUNT/CloudTrail…/REGION/YYYY/MM/DD/FILE`. A key of any other shape may hold anything.

use time::{Date, Month, OffsetDateTime};

use crate::scope::Scope;

/// CloudTrail delivers a file within minutes as a rule, and promises nothing: so much later a file is still looked for.
const LATE_DAYS: i64 = 1;

/// False only if no record of the scope can lie under this key, or below this folder (which ends with `/`).
pub(super) fn may_hold(key: &str, scope: &Scope) -> bool {
    let mut parts: Vec<&str> = key.split('/').collect();
    // The file's name, or nothing behind a folder's last slash.
    parts.pop();
    let is_account = |part: &str| part.len() == 12 && part.bytes().all(|byte| byte.is_ascii_digit());
    let Some(at) = (1..parts.len()).find(|&at| parts[at].starts_with("CloudTrail") && is_account(parts[at - 1])) else {
        return true;
    };
    let listed = |list: &[String], part: &str| list.is_empty() || list.iter().any(|one| one == part);
    if !listed(&scope.accounts, parts[at - 1]) {
        return false;
    }
    let mut rest = parts[at + 1..].iter();
    // Events of global services name these regions, and some trails keep them in another's folder.
    let global =
        |region: &String| matches!(region.as_str(), "us-east-1" | "us-gov-west-1" | "cn-north-1" | "cn-northwest-1");
    if let Some(region) = rest.next()
        && !scope.regions.iter().any(global)
        && !listed(&scope.regions, region)
    {
        return false;
    }
    let numbers: Vec<i64> = rest.map_while(|part| part.parse().ok()).collect();
    days(&numbers).is_none_or(|(first, last)| {
        // A file holds what happened before it was delivered, so an old day holds nothing young.
        let day =
            |seconds: i64| OffsetDateTime::from_unix_timestamp(seconds).map(|at| i64::from(at.date().to_julian_day()));
        let young = scope.since.is_none_or(|since| day(since).is_ok_and(|day| last >= day));
        let old = scope.until.is_none_or(|until| day(until - 1).is_ok_and(|day| first <= day + LATE_DAYS));
        young && old
    })
}

/// The first and last day of a folder's year, month or day; nothing if they are none.
fn days(numbers: &[i64]) -> Option<(i64, i64)> {
    let date = |year: i64, month: i64, day: i64| {
        let month = Month::try_from(u8::try_from(month).ok()?).ok()?;
        let date = Date::from_calendar_date(i32::try_from(year).ok()?, month, u8::try_from(day).ok()?).ok()?;
        Some(i64::from(date.to_julian_day()))
    };
    match *numbers {
        [year] => Some((date(year, 1, 1)?, date(year, 12, 31)?)),
        [year, 12] => Some((date(year, 12, 1)?, date(year, 12, 31)?)),
        [year, month] => Some((date(year, month, 1)?, date(year, month + 1, 1)? - 1)),
        [year, month, day, ..] => Some((date(year, month, day)?, date(year, month, day)?)),
        [] => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scope(accounts: &[&str], regions: &[&str]) -> Scope {
        // The whole of 2026-03-14 and 15.
        Scope {
            since: Some(1_773_446_400),
            until: Some(1_773_619_200),
            accounts: accounts.iter().map(|&text| text.into()).collect(),
            regions: regions.iter().map(|&text| text.into()).collect(),
            rule: None,
        }
    }

    #[test]
    fn only_folders_that_say_so_are_left_out() {
        let scope = scope(&["111122223333"], &["eu-west-1"]);
        let check = |key: &str, expected: bool| assert_eq!(may_hold(key, &scope), expected, "{key}");
        for (key, expected) in [
            ("AWSLogs/", true),
            ("AWSLogs/111122223333/", true),
            ("AWSLogs/444455556666/CloudTrail/", false),
            ("AWSLogs/o-1/444455556666/CloudTrail/eu-west-1/2026/03/14/x.json.gz", false),
            ("AWSLogs/111122223333/CloudTrail/us-west-2/", false),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2025/", false),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/", true),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/02/", false),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/", true),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/13/x.json.gz", false),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/14/", true),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/16/x.json.gz", true),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/03/17/", false),
            ("AWSLogs/111122223333/CloudTrail-Insight/eu-west-1/2026/03/17/", false),
            // Nothing of these is known.
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/2026/13/01/x", true),
            ("AWSLogs/111122223333/CloudTrail/eu-west-1/export/2025/x", true),
            ("copies/CloudTrail/us-west-2/2025/01/01/x.json.gz", true),
            ("2025/01/01/x.json", true),
            ("x.json", true),
        ] {
            check(key, expected);
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins_and_global_services_are_looked_for_everywhere() {
        assert!(may_hold("a/111122223333/CloudTrail/us-west-2/2026/03/14/", &scope(&[], &["us-east-1"])));
        assert_eq!(days(&[2026, 12]).map(|(first, last)| last - first), Some(30));
        assert_eq!(days(&[2024, 2]).map(|(first, last)| last - first), Some(28));
        assert_eq!(days(&[2026, 2, 30]), None);
    }
}
