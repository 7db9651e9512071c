//! What a secret looks like: the names it has, and what it is made of.
//!
//! In: names and texts. Out: whether they are secret. Separate because these are lists, to be read and to be added to:
//! names end in a word that only secrets have, since CloudTrail has hundreds of tokens that are none.

use std::borrow::Cow;
use std::sync::LazyLock;

use regex::bytes::{Captures, Regex, RegexBuilder};

use super::MASK;

/// How names of secrets end, without case, dashes and underscores. Not `token`: most are for paging and idempotency.
const NAMES: [&str; 28] = [
    "accesstoken",
    "apitoken",
    "authenticationtoken",
    "authorization",
    "authorizationtoken",
    "authtoken",
    "bearertoken",
    "idtoken",
    "oauthtoken",
    "passphrase",
    "passwd",
    "password",
    "presharedkey",
    "privatekey",
    "refreshtoken",
    "samlassertion",
    "secret",
    "secretaccesskey",
    "secretbinary",
    "secretkey",
    "secretstring",
    "secretvalue",
    "securitytoken",
    "sessiontoken",
    "sharedsecret",
    "webidentitytoken",
    "xamzsecuritytoken",
    "xamzsignature",
];

/// Secrets by their look. What the group `k` finds before them, and `s` behind, stays.
const LOOKS: [&str; 8] = [
    // Presigned requests.
    r#"(?P<k>X-Amz-(?:Signature|Security-Token)(?:=|%3D))[^&%\s"'<>]+(?:%[0-9a-f]{2}[^&%\s"'<>]+)*"#,
    r#"(?P<k>(?:^|[?&])Signature=)[^&\s"'<>]+"#,
    // JSON Web Tokens.
    r"\beyJ[a-z0-9_-]{8,}\.[a-z0-9_-]{8,}\.[a-z0-9_-]*",
    r"(?s)-----BEGIN [a-z0-9 ]*PRIVATE KEY(?: BLOCK)?-----.*?(?:-----END [a-z0-9 ]*PRIVATE KEY(?: BLOCK)?-----|$)",
    r"\b(?:gh[pousr]_[a-z0-9]{20,}|github_pat_[a-z0-9_]{20,}|glpat-[a-z0-9_-]{16,}|xox[abeprs]-[a-z0-9-]{10,}|sk_live_[a-z0-9]{10,})",
    // As configuration files and shells have them.
    r#"(?P<k>secret_?access_?key["']?\s*[=:]\s*["']?)[a-z0-9/+=]{40}"#,
    r#"(?P<k>\bauthorization["']?\s*[=:]\s*["']?(?:bearer|basic|token)\s+)[a-z0-9._~+/=-]{8,}"#,
    r#"(?P<k>://[^\s/:@"']{0,64}:)[^\s/@"']{1,256}(?P<s>@)"#,
];

/// Whatever is not found by this needs no second look. Names may have a mark between their words. An ASCII letter that is
/// written as an escape may be anything.
const SUSPECT: &str = r"pass[_. -]?(?:w|phrase)|secret|token|private[_. -]?key|shared[_. -]?key|authoriz|assertion|x-?amz-?si|x-?amz-?sec|signature=|\beyj[a-z0-9_-]{8,}\.|gh[pousr]_|github_pat_|glpat-|xox[abeprs]-|sk_live_|://[^/]{0,64}:|\\u00[2-7]";

static SUSPECTS: LazyLock<Option<Regex>> = LazyLock::new(|| pattern(SUSPECT));
static SECRETS: LazyLock<Vec<Regex>> = LazyLock::new(|| LOOKS.iter().filter_map(|look| pattern(look)).collect());

fn pattern(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).unicode(false).case_insensitive(true).build().ok()
}

/// False if there is surely no secret in a text, or in JSON.
pub(super) fn may_hold_secret(text: &[u8]) -> bool {
    SUSPECTS.as_ref().is_none_or(|suspects| suspects.is_match(text))
}

/// A name without case and marks: `DB_PASSWORD` and `dbPassword` are one.
pub(super) fn plain_name(name: &str) -> String {
    name.chars().filter(char::is_ascii_alphanumeric).map(|letter| letter.to_ascii_lowercase()).collect()
}

/// True if what has this plain name is a secret.
pub(super) fn is_secret_name(plain: &str) -> bool {
    // Not `secrets`: a list of them is one of their names.
    let singular = plain.strip_suffix('s').filter(|_| !plain.ends_with("secrets"));
    NAMES.iter().any(|end| plain.ends_with(end) || singular.is_some_and(|plain| plain.ends_with(end)))
}

/// True for the member that names what another member of the same object is.
pub(super) fn is_name_of_pair(name: &str) -> bool {
    matches!(
        &*plain_name(name),
        "name" | "key" | "attributename" | "parameterkey" | "parametername" | "optionname" | "variablename"
    )
}

/// True for that other member.
pub(super) fn is_value_of_pair(name: &str) -> bool {
    matches!(&*plain_name(name), "value" | "attributevalue" | "parametervalue" | "optionvalue" | "variablevalue")
}

/// False for what stands where CloudTrail has masked a secret itself, and for names of secrets.
pub(super) fn is_open(secret: &str) -> bool {
    !(secret.bytes().all(|byte| byte == b'*')
        || secret.contains("HIDDEN_DUE_TO_SECURITY_REASONS")
        || secret.contains("sensitiveDataRemoved")
        || secret.starts_with("arn:")
        || secret == MASK)
}

/// The text without what looks like a secret, each of which `tell` is told; `None` if it has none.
pub(super) fn without_secrets(text: &str, mut tell: impl FnMut(&str)) -> Option<String> {
    let mut clean = Cow::Borrowed(text.as_bytes());
    for secrets in &*SECRETS {
        let Cow::Owned(cleaner) = secrets.replace_all(&clean, |found: &Captures<'_>| {
            let part = |name| found.name(name).map_or(&b""[..], |part| part.as_bytes());
            let (kept, suffix) = (part("k"), part("s"));
            let whole = &found[0];
            let secret = String::from_utf8_lossy(&whole[kept.len()..whole.len() - suffix.len()]);
            if secret == MASK {
                return whole.to_vec();
            }
            tell(&secret);
            [kept, MASK.as_bytes(), suffix].concat()
        }) else {
            continue;
        };
        clean = Cow::Owned(cleaner);
    }
    match clean {
        Cow::Owned(clean) if clean != text.as_bytes() => Some(String::from_utf8_lossy(&clean).into_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pattern_is_one() {
        assert_eq!((SECRETS.len(), SUSPECTS.is_some()), (LOOKS.len(), true));
    }

    #[test]
    fn no_secret_is_beyond_suspicion() {
        for name in NAMES {
            assert!(may_hold_secret(name.as_bytes()), "{name}");
        }
        for name in [
            "pass_word",
            "pass-phrase",
            "Pass Wd",
            "pre_shared_key",
            "PreShared-Key",
            "private.key",
            "secret_access_key",
        ] {
            assert!(may_hold_secret(name.as_bytes()) && is_secret_name(&plain_name(name)), "{name}");
        }
        for secret in [
            "?X-Amz-Signature=0a",
            "&Signature=0a",
            "eyJhbGciOiJI.eyJhbGciOiJI.",
            "-----BEGIN PRIVATE KEY-----",
            "ghp_aaaaaaaaaaaaaaaaaaaaaaaa",
            "github_pat_aaaaaaaaaaaaaaaaaaaaaaaa",
            "glpat-aaaaaaaaaaaaaaaaaaaa",
            "xoxb-aaaaaaaaaaaa",
            "sk_live_aaaaaaaaaaaa",
            "aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            "Authorization: Basic dXNlcjpwYXNz",
            "https://user:pass@host",
            "redis://:pass@host",
            "Signature=0a",
            "?X-Amz-Signature%3D0a1b%2F2",
            "Authorization: token 0123456789",
        ] {
            assert!(may_hold_secret(secret.as_bytes()) && without_secrets(secret, |_| ()).is_some(), "{secret}");
        }
    }
}
