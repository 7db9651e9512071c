//! The value of `IOTA_ALERTS_TO` in; which queue or bus it names out, or what is wrong with it.

use std::fmt;

/// Where alerts go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Address {
    /// An SQS queue by its URL.
    Queue { url: String, region: Option<String> },
    /// An EventBridge bus by its name or ARN.
    Bus { bus: String, region: Option<String> },
}

/// By partition, what the addresses of services end with.
const SUFFIXES: [(&str, &str); 6] = [
    ("aws", "amazonaws.com"),
    ("aws-us-gov", "amazonaws.com"),
    ("aws-cn", "amazonaws.com.cn"),
    ("aws-eusc", "amazonaws.eu"),
    ("aws-iso", "c2s.ic.gov"),
    ("aws-iso-b", "sc2s.sgov.gov"),
];
const EXPECTED: &str = "expected the ARN or URL of an SQS queue, or the ARN or name of an EventBridge bus";

impl Address {
    /// Reads the setting.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.starts_with("arn:") {
            return from_arn(text);
        }
        if let Some(rest) = text.strip_prefix("https://").or(text.strip_prefix("http://")) {
            return from_url(text, rest);
        }
        if is_bus(text) {
            return Ok(Self::Bus { bus: text.to_owned(), region: None });
        }
        Err(EXPECTED.to_owned())
    }

    /// The region, where the address names it.
    pub(super) fn region(&self) -> Option<&str> {
        match self {
            Self::Queue { region, .. } | Self::Bus { region, .. } => region.as_deref(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Queue { url, .. } => write!(f, "the queue `{url}`"),
            Self::Bus { bus, .. } => write!(f, "the bus `{bus}`"),
        }
    }
}

fn from_arn(text: &str) -> Result<Address, String> {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let &[_, partition, service, region, account, resource] = &parts[..] else { return Err(EXPECTED.to_owned()) };
    if !is_region(region) || !is_account(account) {
        return Err(format!("{EXPECTED}; this ARN has no region or no account"));
    }
    match service {
        "sqs" if is_queue(resource) => {
            let known = SUFFIXES.iter().find(|(name, _)| *name == partition);
            let (_, suffix) =
                known.ok_or_else(|| format!("the partition `{partition}` is not known; give the queue's URL"))?;
            let url = format!("https://sqs.{region}.{suffix}/{account}/{resource}");
            Ok(Address::Queue { url, region: Some(region.to_owned()) })
        }
        "events" if resource.strip_prefix("event-bus/").is_some_and(is_bus) => {
            Ok(Address::Bus { bus: text.to_owned(), region: Some(region.to_owned()) })
        }
        _ => Err(format!("{EXPECTED}; this ARN names neither")),
    }
}

fn from_url(text: &str, rest: &str) -> Result<Address, String> {
    let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
    let named = path
        .rsplit_once('/')
        .is_some_and(|(before, queue)| is_queue(queue) && is_account(before.rsplit('/').next().unwrap_or_default()));
    if host.is_empty() || !named {
        return Err(format!("{EXPECTED}; a queue's URL ends with its account and name"));
    }
    let region = host.strip_prefix("sqs.").and_then(|rest| rest.split('.').next()).filter(|region| is_region(region));
    Ok(Address::Queue { url: text.to_owned(), region: region.map(str::to_owned) })
}

fn is_region(text: &str) -> bool {
    text.contains('-') && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

fn is_account(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|b| b.is_ascii_digit())
}

fn is_queue(text: &str) -> bool {
    let stem = text.strip_suffix(".fifo").unwrap_or(text);
    (1..=80).contains(&text.len())
        && !stem.is_empty()
        && stem.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b))
}

fn is_bus(text: &str) -> bool {
    (1..=256).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, shown: &str, region: Option<&str>) {
        let got = Address::parse(text).unwrap_or_else(|why| panic!("{text}: {why}"));
        assert_eq!((got.to_string().as_str(), got.region()), (shown, region), "{text}");
    }

    #[test]
    fn queues_and_buses() {
        let url = "https://sqs.eu-west-1.amazonaws.com/111122223333/alerts";
        check("arn:aws:sqs:eu-west-1:111122223333:alerts", &format!("the queue `{url}`"), Some("eu-west-1"));
        check(url, &format!("the queue `{url}`"), Some("eu-west-1"));
        let china = "the queue `https://sqs.cn-north-1.amazonaws.com.cn/111122223333/a.fifo`";
        check("arn:aws-cn:sqs:cn-north-1:111122223333:a.fifo", china, Some("cn-north-1"));
        check("http://127.0.0.1:4566/000000000000/q", "the queue `http://127.0.0.1:4566/000000000000/q`", None);
        let bus = "arn:aws:events:us-east-1:111122223333:event-bus/security/alerts";
        check(bus, &format!("the bus `{bus}`"), Some("us-east-1"));
        check("default", "the bus `default`", None);
    }

    #[test]
    fn everything_else_is_refused() {
        let check = |text: &str, expected: &str| {
            let got = Address::parse(text).expect_err(text);
            assert!(got.contains(expected), "{text}: {got}");
        };
        check("", "expected the ARN or URL");
        check("two words", "expected the ARN or URL");
        check("arn:aws:sns:us-east-1:111122223333:topic", "names neither");
        check("arn:aws:sqs:us-east-1:111122223333:", "names neither");
        check("arn:aws:sqs:us-east-1:1111:q", "no account");
        check("arn:aws:events:us-east-1:111122223333:rule/r", "names neither");
        check("arn:aws-moon:sqs:us-east-1:111122223333:q", "give the queue's URL");
        check("https://sqs.us-east-1.amazonaws.com/alerts", "account and name");
        check("https://sqs.us-east-1.amazonaws.com/111122223333/al erts", "account and name");
        check("sqs://q", "expected the ARN or URL");
    }
}
