//! Secrets that records carry, kept out of what is printed.
//!
//! In: an alert's record, and the texts around it that a rule made of it. Out: the same with [`MASK`] in place of secrets,
//! and where that was. Separate because it must not change what rules see, nor any id. What is a secret is told by the
//! name it has or by its own look (`mask/look.rs`); what was found in the record is looked for in the other texts too.

mod look;

use std::borrow::Cow;

use serde_json::value::RawValue;

use crate::json;

/// What stands in place of a secret.
pub(crate) const MASK: &str = "(masked by iota)";
/// So many places are named; further ones are masked all the same.
const PLACES: usize = 16;
/// Of a place, so many bytes of its name are told.
const PLACE_BYTES: usize = 200;
/// A shorter secret could be any word: it is masked where it stands and not looked for elsewhere.
const UNMISTAKABLE: usize = 8;
/// How texts end that were cut, by the engine or by us.
const CUTS: [&str; 2] = ["... (truncated)", "… (truncated)"];
/// So many secrets of one record are looked for in other texts.
const SECRETS: usize = 64;

/// What is to be masked.
#[derive(Debug, Default)]
pub(crate) struct Mask {
    off: bool,
    /// Names besides the usual ones, as [`look::plain_name`] has them.
    names: Vec<String>,
}

impl Mask {
    /// `names` besides the usual ones; `None` switches it off.
    pub(crate) fn new(names: Option<&[String]>) -> Self {
        let names = names.map(|names| names.iter().map(|name| look::plain_name(name)).collect());
        Self { off: names.is_none(), names: names.unwrap_or_default() }
    }

    /// Looks through a record, which has no space between its tokens.
    pub(crate) fn record(&self, record: &RawValue) -> Masked<'_> {
        let mut masked = Masked { mask: self, event: None, secrets: Vec::new(), places: Vec::new() };
        // Once to find the secrets, and again to find them wherever they stand.
        if masked.json("", record).is_some() {
            masked.places.clear();
            masked.event = masked.json("", record);
        }
        masked
    }

    /// The text without what looks like a secret.
    pub(crate) fn text<'t>(&self, text: &'t str) -> Cow<'t, str> {
        Masked { mask: self, event: None, secrets: Vec::new(), places: Vec::new() }.text("", text)
    }

    fn is_secret(&self, name: &str) -> bool {
        let name = look::plain_name(name);
        look::is_secret_name(&name) || self.names.contains(&name)
    }

    /// False if there is surely nothing to be masked.
    fn suspects(&self, text: &[u8]) -> bool {
        !self.off && (!self.names.is_empty() || look::may_hold_secret(text))
    }
}

/// A record that was looked through.
pub(crate) struct Masked<'a> {
    mask: &'a Mask,
    /// The record as it is printed, if that is not as it is.
    pub(crate) event: Option<Box<RawValue>>,
    secrets: Vec<String>,
    /// Where something was masked: dotted paths of the record, names of other texts.
    pub(crate) places: Vec<String>,
}

impl Masked<'_> {
    /// True if the record holds something that is masked.
    pub(crate) fn found_any(&self) -> bool {
        !self.places.is_empty()
    }

    /// A text that a rule made of the record, or that was taken from it; `name` says which.
    pub(crate) fn text<'t>(&mut self, name: &str, text: &'t str) -> Cow<'t, str> {
        if self.secrets.is_empty() && !self.mask.suspects(text.as_bytes()) {
            return Cow::Borrowed(text);
        }
        let clean = self.cleaned(text);
        if matches!(clean, Cow::Owned(_)) {
            self.place(name);
        }
        clean
    }

    /// The same for JSON without space between its tokens; `None` if it is as it should be.
    pub(crate) fn json(&mut self, name: &str, raw: &RawValue) -> Option<Box<RawValue>> {
        let bytes = raw.get().as_bytes();
        if self.secrets.is_empty() && !self.mask.suspects(bytes) {
            return None;
        }
        let mut walk =
            Walk { masked: self, path: name.to_owned(), out: Vec::with_capacity(bytes.len()), changed: false };
        walk.value(bytes, false);
        let Walk { out, changed, .. } = walk;
        if !changed {
            return None;
        }
        RawValue::from_string(String::from_utf8(out).ok()?).ok()
    }

    fn cleaned<'t>(&mut self, text: &'t str) -> Cow<'t, str> {
        if self.mask.off {
            return Cow::Borrowed(text);
        }
        let mut clean = Cow::Borrowed(text);
        for secret in &self.secrets {
            if clean.contains(secret.as_str()) {
                clean = Cow::Owned(clean.replace(secret.as_str(), MASK));
            }
        }
        let secrets = &mut self.secrets;
        if let Some(cleaner) = look::without_secrets(&clean, |secret| remember(secrets, secret)) {
            clean = Cow::Owned(cleaner);
        }
        match without_cut_secret(&clean, secrets) {
            Some(cleaner) => Cow::Owned(cleaner),
            None => clean,
        }
    }

    fn place(&mut self, path: &str) {
        if self.places.len() < PLACES && !self.places.iter().any(|place| place == path) {
            self.places.push(path.chars().take(PLACE_BYTES).collect());
        }
    }
}

fn remember(secrets: &mut Vec<String>, secret: &str) {
    // Digits alone may be an account's id, which is all over a record.
    let unmistakable = secret.len() >= UNMISTAKABLE && !secret.bytes().all(|byte| byte.is_ascii_digit());
    if unmistakable && secrets.len() < SECRETS && !secrets.iter().any(|known| known == secret) {
        secrets.push(secret.to_owned());
        secrets.extend(escaped(secret));
        // One may begin like another.
        secrets.sort_by_key(|secret| std::cmp::Reverse(secret.len()));
    }
}

/// The secret as it stands within JSON, with other alphabets as they are or as escapes, where that is another text.
fn escaped(secret: &str) -> impl Iterator<Item = String> + use<> {
    let json = serde_json::to_string(secret).unwrap_or_default();
    let json = json.get(1..json.len().saturating_sub(1)).unwrap_or_default().to_owned();
    let mut ascii = String::new();
    let mut units = [0; 2];
    for letter in json.chars() {
        if letter.is_ascii() {
            ascii.push(letter);
        } else {
            letter.encode_utf16(&mut units).iter().for_each(|unit| ascii.push_str(&format!("\\u{unit:04x}")));
        }
    }
    let others = [(json != secret).then(|| json.clone()), (ascii != json).then_some(ascii)];
    others.into_iter().flatten()
}

/// Masks what is left of a secret where a text was cut.
fn without_cut_secret(text: &str, secrets: &[String]) -> Option<String> {
    let cut = CUTS.into_iter().find(|cut| text.ends_with(cut))?;
    let kept = &text[..text.len() - cut.len()];
    let left = |secret: &String| {
        let mut lengths = (UNMISTAKABLE..secret.len()).rev().filter(|&length| secret.is_char_boundary(length));
        lengths.find(|&length| kept.ends_with(&secret[..length]))
    };
    let length = secrets.iter().filter_map(left).max()?;
    Some(format!("{}{MASK}{cut}", &kept[..kept.len() - length]))
}

/// One way through a value, member by member, in its own order and with keys that are there twice.
struct Walk<'w, 'a> {
    masked: &'w mut Masked<'a>,
    path: String,
    out: Vec<u8>,
    changed: bool,
}

impl Walk<'_, '_> {
    /// `secret`: its name says that it is one.
    fn value(&mut self, raw: &[u8], secret: bool) {
        match raw.first() {
            Some(b'{') => self.object(raw, secret),
            Some(b'[') => self.list(raw, secret),
            Some(b'"') => self.string(raw, secret),
            _ => self.out.extend_from_slice(raw),
        }
    }

    fn object(&mut self, raw: &[u8], secret: bool) {
        let named = secret || self.names_secret(raw);
        self.out.push(b'{');
        for (number, (key, value)) in json::Members::of(raw).enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            self.out.push(b'"');
            self.out.extend_from_slice(key);
            self.out.extend_from_slice(b"\":");
            let name = key_text(key);
            let above = self.path.len();
            if above > 0 {
                self.path.push('.');
            }
            self.path.push_str(&name);
            let secret = self.masked.mask.is_secret(&name) || named && look::is_value_of_pair(&name);
            self.value(value, secret);
            self.path.truncate(above);
        }
        self.out.push(b'}');
    }

    /// True for `{"name":"DB_PASSWORD","value":…}`.
    fn names_secret(&self, raw: &[u8]) -> bool {
        let mut members = json::Members::of(raw);
        members.any(|(key, value)| {
            look::is_name_of_pair(&key_text(key))
                && json::text(value).is_some_and(|name| self.masked.mask.is_secret(&name))
        })
    }

    fn list(&mut self, raw: &[u8], secret: bool) {
        self.out.push(b'[');
        for (number, value) in json::Elements::of(raw).enumerate() {
            if number > 0 {
                self.out.push(b',');
            }
            let above = self.path.len();
            self.path.push_str(&format!("[{number}]"));
            self.value(value, secret);
            self.path.truncate(above);
        }
        self.out.push(b']');
    }

    fn string(&mut self, raw: &[u8], secret: bool) {
        let Some(text) = json::text(raw) else { return self.out.extend_from_slice(raw) };
        let clean = if secret && look::is_open(&text) {
            remember(&mut self.masked.secrets, &text);
            Cow::Borrowed(MASK)
        } else {
            match self.masked.cleaned(&text) {
                Cow::Borrowed(_) => return self.out.extend_from_slice(raw),
                clean => clean,
            }
        };
        self.changed = true;
        self.masked.place(&self.path);
        // A string always serialises.
        self.out.extend_from_slice(&serde_json::to_vec(&clean).unwrap_or_else(|_| b"null".to_vec()));
    }
}

fn key_text(key: &[u8]) -> Cow<'_, str> {
    json::text(&[b"\"", key, b"\""].concat())
        .map_or_else(|| String::from_utf8_lossy(key), |text| Cow::Owned(text.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const JWT: &str = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhIn0.c2lnbmF0dXJl";

    fn mask(names: &[&str]) -> Mask {
        Mask::new(Some(&names.iter().map(|&name| name.to_owned()).collect::<Vec<_>>()))
    }

    fn raw(json: &str) -> Box<RawValue> {
        RawValue::from_string(json.to_owned()).expect("JSON")
    }

    #[test]
    fn secrets_are_masked_by_name_and_by_look_and_nothing_else_changes() {
        let check = |record: &str, expected: &str, places: &[&str]| {
            let mask = mask(&[]);
            let masked = mask.record(&raw(record));
            let got = masked.event.as_ref().map_or(record, |event| event.get());
            assert_eq!(got, expected, "of {record}");
            assert_eq!(masked.places, places, "of {record}");
        };
        let same = |record: &str| check(record, record, &[]);
        check(
            r#"{"requestParameters":{"masterUserPassword":"hunter2","b":1}}"#,
            r#"{"requestParameters":{"masterUserPassword":"(masked by iota)","b":1}}"#,
            &["requestParameters.masterUserPassword"],
        );
        check(
            &format!(r#"{{"a":{{"secretAccessKey":"{KEY}"}},"note":"key {KEY} made"}}"#),
            r#"{"a":{"secretAccessKey":"(masked by iota)"},"note":"key (masked by iota) made"}"#,
            &["a.secretAccessKey", "note"],
        );
        check(
            &format!(r#"{{"note":"see {KEY}","a":{{"SecretAccessKey":"{KEY}"}}}}"#),
            r#"{"note":"see (masked by iota)","a":{"SecretAccessKey":"(masked by iota)"}}"#,
            &["note", "a.SecretAccessKey"],
        );
        check(
            r#"{"p\u0061ssword":"a","password":"b"}"#,
            r#"{"p\u0061ssword":"(masked by iota)","password":"(masked by iota)"}"#,
            &["password"],
        );
        check(
            r#"{"environment":[{"name":"REGION","value":"x"},{"value":"s3cr3t","name":"DB_PASSWORD"}]}"#,
            r#"{"environment":[{"name":"REGION","value":"x"},{"value":"(masked by iota)","name":"DB_PASSWORD"}]}"#,
            &["environment[1].value"],
        );
        check(
            r#"{"passwords":["a","b"]}"#,
            r#"{"passwords":["(masked by iota)","(masked by iota)"]}"#,
            &["passwords[0]", "passwords[1]"],
        );
        check(
            r#"{"u":"https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA&X-Amz-Signature=0f1e&x=1"}"#,
            r#"{"u":"https://b.s3.amazonaws.com/k?X-Amz-Credential=AKIA&X-Amz-Signature=(masked by iota)&x=1"}"#,
            &["u"],
        );
        check(r#"{"u":"postgres://app:s3cr3t@db/x"}"#, r#"{"u":"postgres://app:(masked by iota)@db/x"}"#, &["u"]);
        check(&format!(r#"{{"h":"é Bearer {JWT} ü"}}"#), r#"{"h":"é Bearer (masked by iota) ü"}"#, &["h"]);
        check(
            r#"{"k":"-----BEGIN RSA PRIVATE KEY-----\nMIIE\nabc\n-----END RSA PRIVATE KEY-----\nrest"}"#,
            r#"{"k":"(masked by iota)\nrest"}"#,
            &["k"],
        );
        check(
            r#"{"password":{"value":"hunter2","type":"x"}}"#,
            r#"{"password":{"value":"(masked by iota)","type":"x"}}"#,
            &["password.value"],
        );
        for innocent in [
            r#"{"passwordResetRequired":true,"minimumPasswordLength":14,"password":null,"passwordLastUsed":"2026-03-14"}"#,
            r#"{"clientToken":"0a1b2c3d","nextToken":"abcdefghijk","clientRequestToken":"x","accessKeyId":"AKIAIOSFODNN7EXAMPLE"}"#,
            r#"{"secretId":"prod/db","secretArn":"arn:aws:x","secret":"arn:aws:secretsmanager:x","eventName":"GetSecretValue"}"#,
            r#"{"password":"****","masterUserPassword":"HIDDEN_DUE_TO_SECURITY_REASONS","userData":"<sensitiveDataRemoved>"}"#,
            r#"{"n":1.50,"a":[ ],"twice":1,"twice":2,"u":"https://x/y?signature-version=4","t":"\u00e9\/"}"#,
        ] {
            same(innocent);
        }
    }

    #[test]
    fn what_a_rule_made_of_a_secret_is_masked_too() {
        let mask = mask(&["licenceKey"]);
        let mut masked =
            mask.record(&raw(&format!(r#"{{"x":{{"secretAccessKey":"{KEY}","licence_key":"L-1234567"}}}}"#)));
        assert_eq!(masked.text("title", &format!("made {KEY}, of L-1234567")), format!("made {MASK}, of {MASK}"));
        let context = masked.json("context", &raw(&format!(r#"{{"k":["{KEY}"],"token":"t"}}"#))).expect("changed");
        assert_eq!(context.get(), r#"{"k":["(masked by iota)"],"token":"t"}"#);
        assert_eq!(masked.places, ["x.secretAccessKey", "x.licence_key", "title", "context.k[0]"]);
        assert!(matches!(masked.text("dedup", "nothing here"), Cow::Borrowed(_)));
    }

    #[test]
    fn a_secret_is_known_in_json_and_where_a_text_was_cut() {
        let mask = mask(&[]);
        let mut masked = mask.record(&raw(r#"{"password":"né\"w-horse"}"#));
        for json in [r#"{"p":"né\"w-horse"}"#, r#"{"p":"n\u00e9\"w-horse"}"#] {
            assert_eq!(masked.text("title", json), r#"{"p":"(masked by iota)"}"#);
        }
        let mut masked = mask.record(&raw(&format!(r#"{{"secretAccessKey":"{KEY}"}}"#)));
        for cut in CUTS {
            assert_eq!(masked.text("title", &format!("made {}{cut}", &KEY[..20])), format!("made {MASK}{cut}"));
            let short = format!("made {}{cut}", &KEY[..3]);
            assert_eq!(masked.text("title", &short), short);
        }
    }

    #[test]
    fn off_is_off() {
        let mask = Mask::new(None);
        let mut masked = mask.record(&raw(&format!(r#"{{"password":"{KEY}"}}"#)));
        assert!(masked.event.is_none() && masked.places.is_empty());
        assert_eq!(masked.text("title", JWT), JWT);
        assert_eq!(mask.text(JWT), JWT);
    }
}
