//! The condition of a rule as it stands in the rulepack.
//!
//! In: its JSON. Out: a tree of the same shape, or what is wrong with it. Separate because this is the format and nothing
//! else: what `docs/conditions.md` allows is taken, a member or a word that it does not know is an error, since to pass
//! it by could change the meaning.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;

/// One condition. Which members belong to which word is checked when it is taken over into the program.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Condition<'a> {
    pub(super) op: Op,
    #[serde(borrow, default)]
    pub(super) of: Vec1<'a>,
    #[serde(borrow)]
    pub(super) term: Option<Vec<Step<'a>>>,
    #[serde(borrow, rename = "in")]
    pub(super) list: Option<Vec<Step<'a>>>,
    #[serde(borrow, rename = "where")]
    pub(super) body: Option<Box<Condition<'a>>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) to: Option<&'a RawValue>,
    #[serde(borrow, rename = "const", default, deserialize_with = "present")]
    pub(super) constant: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) set: Option<Vec<&'a RawValue>>,
    #[serde(default)]
    pub(super) hashed: bool,
    #[serde(borrow)]
    pub(super) text: Option<Cow<'a, str>>,
    pub(super) any_of: Option<Vec<String>>,
    #[serde(borrow)]
    pub(super) pattern: Option<Cow<'a, str>>,
    pub(super) types: Option<Vec<Type>>,
    #[serde(borrow)]
    pub(super) reason: Option<Cow<'a, str>>,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum Op {
    Anything,
    Always,
    Never,
    Raises,
    Not,
    All,
    Any,
    If,
    Rescue,
    Some,
    Truthy,
    IsNull,
    IsType,
    Equals,
    In,
    Within,
    Contains,
    StartsWith,
    EndsWith,
    Matches,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

#[derive(Deserialize, Debug, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
pub(super) enum Type {
    Str,
    Int,
    Float,
    Bool,
    List,
    Dict,
    Null,
}

/// The member `of`: one condition, or a list of them.
#[derive(Default)]
pub(super) struct Vec1<'a>(pub(super) Vec<Condition<'a>>);

/// One step of a term: a word, or an object with a word for its first member.
pub(super) enum Step<'a> {
    Word(Cow<'a, str>),
    With(Box<StepWith<'a>>),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct StepWith<'a> {
    #[serde(borrow)]
    pub(super) get: Option<Cow<'a, str>>,
    #[serde(borrow)]
    pub(super) item: Option<Cow<'a, str>>,
    pub(super) deep: Option<Vec<String>>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) default: Option<&'a RawValue>,
    #[serde(default)]
    pub(super) null: bool,
    pub(super) at: Option<i64>,
    #[serde(borrow, default, deserialize_with = "present")]
    pub(super) or: Option<&'a RawValue>,
    #[serde(borrow)]
    pub(super) split: Option<Cow<'a, str>>,
    pub(super) max: Option<i64>,
    #[serde(borrow)]
    pub(super) replace: Option<[Cow<'a, str>; 2]>,
}

/// A null that is there is not the same as nothing.
fn present<'de, D: Deserializer<'de>>(from: D) -> Result<Option<&'de RawValue>, D::Error> {
    <&RawValue>::deserialize(from).map(Some)
}

impl<'de: 'a, 'a> Deserialize<'de> for Vec1<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Seen<'a> {
            type Value = Vec1<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition or a list of them")
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                Condition::deserialize(MapAccessDeserializer::new(map)).map(|one| Vec1(vec![one]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut all = Vec::new();
                while let Some(one) = seq.next_element()? {
                    all.push(one);
                }
                Ok(Vec1(all))
            }
        }
        from.deserialize_any(Seen(std::marker::PhantomData))
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Step<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Seen<'a>(std::marker::PhantomData<&'a ()>);
        impl<'de: 'a, 'a> Visitor<'de> for Seen<'a> {
            type Value = Step<'a>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a step of a term")
            }

            fn visit_borrowed_str<E: Error>(self, word: &'de str) -> Result<Self::Value, E> {
                Ok(Step::Word(Cow::Borrowed(word)))
            }

            fn visit_str<E: Error>(self, word: &str) -> Result<Self::Value, E> {
                Ok(Step::Word(Cow::Owned(word.to_owned())))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                StepWith::deserialize(MapAccessDeserializer::new(map)).map(|step| Step::With(Box::new(step)))
            }
        }
        from.deserialize_any(Seen(std::marker::PhantomData))
    }
}
