//! Values as conditions see them: of the record, of a constant, or made by a step.
//!
//! In: raw JSON that is known to be valid. Out: [`Value`], and what Python would make of its truth and of equality.
//! Separate because here Rust promises to see what Python sees: strings that are not ASCII and numbers that the two
//! might read differently are kept unread.

use std::borrow::Cow;

use super::outcome::Outcomes;
use crate::json::{Elements, Members};

/// Integers of more digits are not read: so many are exact in a double too.
const INT_DIGITS: usize = 15;

/// One value.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Value<'a> {
    Null,
    Bool(bool),
    Number {
        value: f64,
        int: bool,
    },
    /// A number that is not read; `int` if it is an integer to Python.
    OddNumber {
        int: bool,
    },
    /// ASCII, escapes undone.
    Text(Cow<'a, [u8]>),
    /// A string that is not ASCII, and so not empty.
    OddText,
    List(List<'a>),
    Object(Object<'a>),
}

#[derive(Debug, Clone, PartialEq)]
pub(super) enum List<'a> {
    /// Raw JSON.
    Raw(&'a [u8]),
    /// What `split` made.
    Split(Vec<Cow<'a, [u8]>>),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Object<'a> {
    /// The event itself, to which iota adds members of its own.
    Event,
    /// A member of the event that paths lead to or through.
    Asked(u32, &'a [u8]),
    /// Raw JSON.
    Raw(&'a [u8]),
}

/// What an object holds under a key.
pub(super) enum Found<T> {
    Missing,
    /// Two keys that equal it but for case, or one that is not ASCII: who knows.
    Unknown,
    Value(T),
}

impl<'a> Value<'a> {
    /// Reads raw JSON. `plain` says that it has no backslash and is ASCII.
    pub(super) fn read(raw: &'a [u8], plain: bool) -> Self {
        match raw.first() {
            Some(b'"') => {
                let inner = raw.get(1..raw.len() - 1).unwrap_or_default();
                let text = if plain { Some(Cow::Borrowed(inner)) } else { ascii_text(inner) };
                text.map_or(Self::OddText, Self::Text)
            }
            Some(b'{') => Self::Object(Object::Raw(raw)),
            Some(b'[') => Self::List(List::Raw(raw)),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Null,
            _ => read_number(raw),
        }
    }

    /// Python's truth.
    pub(super) fn truth(&self) -> Outcomes {
        match self {
            Self::Null => Outcomes::F,
            Self::Bool(value) => Outcomes::of(*value),
            Self::Number { value, .. } => Outcomes::of(*value != 0.0),
            Self::OddNumber { .. } => Outcomes::ALL,
            Self::Text(text) => Outcomes::of(!text.is_empty()),
            Self::OddText => Outcomes::T,
            Self::List(list) => Outcomes::of(!list.is_empty()),
            Self::Object(object) => object.is_empty().map_or(Outcomes::ALL, |empty| Outcomes::of(!empty)),
        }
    }

    /// A bool is a number too.
    pub(super) fn number(&self) -> Option<f64> {
        match self {
            Self::Bool(value) => Some(f64::from(u8::from(*value))),
            Self::Number { value, .. } => Some(*value),
            _ => None,
        }
    }

    /// Python's `==` with a constant.
    pub(super) fn equals(&self, constant: &Value<'_>) -> Outcomes {
        match (self, constant) {
            (Self::OddText | Self::OddNumber { .. }, _) | (Self::Object(Object::Event), Value::Object(_)) => {
                Outcomes::ALL
            }
            (Self::Null, Value::Null) => Outcomes::T,
            (Self::Text(text), Value::Text(other)) => Outcomes::of(text == other),
            (Self::Bool(_) | Self::Number { .. }, Value::OddNumber { .. }) => Outcomes::ALL,
            (Self::List(list), Value::List(other)) => both_empty(list.is_empty(), other.is_empty()),
            (Self::Object(object), Value::Object(other)) => match (object.is_empty(), other.is_empty()) {
                (Some(a), Some(b)) => both_empty(a, b),
                _ => Outcomes::ALL,
            },
            (Self::List(_), Value::Object(_)) | (Self::Object(_), Value::List(_)) => Outcomes::TF,
            (Self::Bool(_) | Self::Number { .. }, _) => match (self.number(), constant.number()) {
                (Some(a), Some(b)) => Outcomes::of(a == b),
                _ => Outcomes::F,
            },
            _ => Outcomes::F,
        }
    }
}

fn both_empty(a: bool, b: bool) -> Outcomes {
    match (a, b) {
        (true, true) => Outcomes::T,
        (false, false) => Outcomes::TF,
        _ => Outcomes::F,
    }
}

impl<'a> List<'a> {
    fn is_empty(&self) -> bool {
        match self {
            Self::Raw(raw) => Elements::of(raw).next().is_none(),
            Self::Split(parts) => parts.is_empty(),
        }
    }

    /// Its elements, in order.
    pub(super) fn values(self) -> Box<dyn Iterator<Item = Value<'a>> + 'a> {
        match self {
            Self::Raw(raw) => Box::new(Elements::of(raw).map(|raw| Value::read(raw, false))),
            Self::Split(parts) => Box::new(parts.into_iter().map(Value::Text)),
        }
    }

    pub(super) fn len(&self) -> usize {
        match self {
            Self::Raw(raw) => Elements::of(raw).count(),
            Self::Split(parts) => parts.len(),
        }
    }
}

impl<'a> Object<'a> {
    /// `None` if it is not known.
    fn is_empty(&self) -> Option<bool> {
        match self {
            Self::Event => None,
            Self::Asked(_, raw) | Self::Raw(raw) => Some(Members::of(raw).next().is_none()),
        }
    }

    /// How many keys it has, `None` if it is not known: the same key twice counts once in Python.
    pub(super) fn len(&self) -> Option<usize> {
        let (Self::Asked(_, raw) | Self::Raw(raw)) = self else { return None };
        let keys: Option<Vec<Vec<u8>>> =
            Members::of(raw).map(|(key, _)| Some(ascii_text(key)?.to_ascii_lowercase())).collect();
        let mut keys = keys?;
        keys.sort_unstable();
        keys.is_sorted_by(|a, b| a < b).then_some(keys.len())
    }
}

/// Looks a key up in a raw object.
pub(super) fn lookup<'a>(raw: &'a [u8], key: &[u8]) -> Found<&'a [u8]> {
    let mut found = Found::Missing;
    for (name, value) in Members::of(raw) {
        let Some(name) = ascii_text(name) else { return Found::Unknown };
        if name.eq_ignore_ascii_case(key) {
            if matches!(found, Found::Value(_)) {
                return Found::Unknown;
            }
            found = Found::Value(value);
        }
    }
    found
}

fn read_number<'a>(raw: &[u8]) -> Value<'a> {
    let digits = raw.strip_prefix(b"-").unwrap_or(raw);
    if digits.iter().all(u8::is_ascii_digit) {
        if digits.len() > INT_DIGITS {
            return Value::OddNumber { int: true };
        }
        let value = digits.iter().fold(0_i64, |value, digit| value * 10 + i64::from(digit - b'0'));
        let value = if digits.len() < raw.len() { -value } else { value };
        // Exact: it has at most 15 digits.
        return Value::Number { value: value as f64, int: true };
    }
    match std::str::from_utf8(raw).ok().and_then(|text| text.parse::<f64>().ok()) {
        // Rust takes `NaN` and `Infinity` too; both are odd.
        Some(value) if value.is_finite() => Value::Number { value, int: false },
        _ => Value::OddNumber { int: false },
    }
}

/// The text between two quotes, its escapes undone, if it is ASCII.
#[inline]
pub(super) fn ascii_text(inner: &[u8]) -> Option<Cow<'_, [u8]>> {
    if !inner.is_ascii() {
        return None;
    }
    match memchr::memchr(b'\\', inner) {
        None => Some(Cow::Borrowed(inner)),
        Some(first) => undone(inner, first).map(Cow::Owned),
    }
}

fn undone(inner: &[u8], first: usize) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(inner.len());
    out.extend_from_slice(&inner[..first]);
    let mut rest = &inner[first..];
    loop {
        let (byte, len) = match rest.get(1)? {
            b'b' => (0x08, 2),
            b'f' => (0x0c, 2),
            b'n' => (b'\n', 2),
            b'r' => (b'\r', 2),
            b't' => (b'\t', 2),
            b'u' => {
                let unit = u16::from_str_radix(std::str::from_utf8(rest.get(2..6)?).ok()?, 16).ok()?;
                (u8::try_from(unit).ok().filter(u8::is_ascii)?, 6)
            }
            &same => (same, 2),
        };
        out.push(byte);
        rest = &rest[len..];
        let plain = memchr::memchr(b'\\', rest).unwrap_or(rest.len());
        out.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        if rest.is_empty() {
            return Some(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_both_languages_read_alike_is_read() {
        let number = |raw: &'static str| Value::read(raw.as_bytes(), false);
        assert_eq!(number("-0"), Value::Number { value: 0.0, int: true });
        assert_eq!(number("999999999999999"), Value::Number { value: 999_999_999_999_999.0, int: true });
        assert_eq!(number("-1000000000000000"), Value::OddNumber { int: true });
        assert_eq!(number("1E2"), Value::Number { value: 100.0, int: false });
        for odd in ["1e400", "-1e400", "NaN", "Infinity", "-Infinity"] {
            assert_eq!(number(odd), Value::OddNumber { int: false }, "{odd}");
        }
    }

    #[test]
    fn escapes_are_undone_and_other_alphabets_refused() {
        let text = |inner: &'static str| ascii_text(inner.as_bytes()).map(|text| text.into_owned());
        assert_eq!(text(r#"a\"\\\/\b\f\n\r\t\u0041z"#).as_deref(), Some(&b"a\"\\/\x08\x0c\n\r\tAz"[..]));
        assert_eq!(text(r"\u007f").as_deref(), Some(&b"\x7f"[..]));
        for odd in ["é", r"\u00e9", r"\u212a", r"\ud800", r"a\ud83d\ude00b"] {
            assert_eq!(text(odd), None, "{odd}");
        }
    }
}
