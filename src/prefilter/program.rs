//! All conditions of a rulepack as one program: what several rules share is there once.
//!
//! In: conditions, one after another. Out: [`Program`]: nodes, terms and the paths that terms begin with. Separate
//! because sharing is the point: equal conditions, predicates and terms have one number, so that each is found out at
//! most once for a record, however many rules ask.

use std::hash::Hash;

use foldhash::fast::FixedState;
use indexmap::IndexSet;
use serde_json::value::RawValue;

use super::condition::{Condition, Op, Step as Written, StepWith, Type};
use super::outcome::Outcomes;
use super::pattern::Pattern;
use super::project::{Paths, PathsBuilder};
use super::value::{List, Object, Value};

pub(super) type NodeId = u32;
pub(super) type TermId = u32;

/// A condition or a part of one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// Known without a look at the record. `anything` has its reason.
    Known(OutcomeBits, Option<Box<str>>),
    Not(NodeId),
    All(Box<[NodeId]>),
    Any(Box<[NodeId]>),
    If(NodeId, NodeId, NodeId),
    Rescue(NodeId, NodeId),
    Some(TermId, NodeId),
    Test(TermId, Test),
}

/// So that a node can be a key.
pub(super) type OutcomeBits = u8;

/// A predicate on one value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Test {
    Truthy,
    IsNull,
    /// Bits of [`Type`].
    IsType(u8),
    Equals(Const),
    /// Strings sorted, and constants that are none; `hashed` if it is a set or the keys of a dict.
    In {
        texts: Box<[Box<str>]>,
        others: Box<[Const]>,
        hashed: bool,
    },
    Within(Box<str>),
    /// With the path of that member, where the value is asked for by a path.
    Contains(Const, Option<u32>),
    StartsWith(Box<[Box<str>]>),
    EndsWith(Box<[Box<str>]>),
    Matches(u32),
    Compare(Order, Const),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Order {
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
}

/// How to come to a value.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Term {
    /// From the item of the nearest `some`, else from the event.
    pub(super) from_item: bool,
    pub(super) steps: Box<[Step]>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Step {
    Get {
        key: Key,
        default: Const,
        null: bool,
    },
    Item(Key),
    Deep {
        keys: Box<[Key]>,
        default: Const,
    },
    At(i64),
    Or(Const),
    Lower,
    Upper,
    Strip,
    Split {
        separator: Box<str>,
        max: Option<usize>,
    },
    Replace {
        old: Box<str>,
        new: Box<str>,
    },
    Len,
    Str,
    /// Beyond what the two languages surely do alike.
    Unknown,
}

/// The key of a member.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Key {
    pub(super) name: Box<str>,
    /// Its path, if all before it are keys and they begin at the event.
    pub(super) path: Option<u32>,
}

/// A constant of the rule's source.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Const {
    Null,
    Bool(bool),
    /// As the bits of a double.
    Number {
        bits: u64,
        int: bool,
    },
    OddNumber {
        int: bool,
    },
    Text(Box<str>),
    /// Raw JSON.
    List(Box<[u8]>),
    EmptyObject,
}

impl Const {
    fn new(raw: &RawValue) -> Result<Self, String> {
        let bytes = raw.get().as_bytes();
        Ok(match Value::read(bytes, false) {
            Value::Null => Self::Null,
            Value::Bool(value) => Self::Bool(value),
            Value::Number { value, int } => Self::Number { bits: value.to_bits(), int },
            Value::OddNumber { int } => Self::OddNumber { int },
            Value::Text(_) | Value::OddText => {
                Self::Text(serde_json::from_str(raw.get()).map_err(|e| format!("a constant: {e}"))?)
            }
            Value::List(_) => Self::List(bytes.into()),
            object if object.truth() == Outcomes::F => Self::EmptyObject,
            _ => return Err(format!("`{}` can't be a constant: it is an object with members", raw.get())),
        })
    }

    pub(super) fn value(&self) -> Value<'_> {
        match self {
            Self::Null => Value::Null,
            Self::Bool(value) => Value::Bool(*value),
            Self::Number { bits, int } => Value::Number { value: f64::from_bits(*bits), int: *int },
            Self::OddNumber { int } => Value::OddNumber { int: *int },
            Self::Text(text) if text.is_ascii() => Value::Text(text.as_bytes().into()),
            Self::Text(_) => Value::OddText,
            Self::List(raw) => Value::List(List::Raw(raw)),
            Self::EmptyObject => Value::Object(Object::Raw(b"{}")),
        }
    }

    fn is_scalar(&self) -> bool {
        !matches!(self, Self::List(_) | Self::EmptyObject)
    }
}

/// Things with numbers, each there once.
type Interned<T> = IndexSet<T, FixedState>;

fn number<T: Eq + Hash>(known: &mut Interned<T>, thing: T) -> u32 {
    known.insert_full(thing).0 as u32
}

/// A term that is one look-up in the event by keys, as most are.
pub(super) struct Direct {
    /// The paths of the objects that it leads through.
    pub(super) through: Box<[u32]>,
    pub(super) at: u32,
    pub(super) default: Const,
}

impl Direct {
    fn new(term: &Term) -> Option<Self> {
        let (keys, default) = match &*term.steps {
            [Step::Get { key, default, .. }] => (std::slice::from_ref(key), default),
            [Step::Deep { keys, default }] => (&**keys, default),
            _ => return None,
        };
        let paths: Vec<u32> = keys.iter().map(|key| key.path).collect::<Option<_>>()?;
        let (&at, through) = paths.split_last()?;
        Some(Self { through: through.into(), at, default: default.clone() })
    }
}

/// The conditions of all rules.
pub(super) struct Program {
    pub(super) nodes: Vec<Node>,
    /// By node: true if its value depends on the item of a `some` around it.
    pub(super) of_item: Vec<bool>,
    pub(super) terms: Vec<Term>,
    /// By term.
    pub(super) direct: Vec<Option<Direct>>,
    pub(super) paths: Paths,
    pub(super) patterns: Vec<Pattern>,
}

/// Takes conditions over, one after another.
pub(super) struct Builder {
    nodes: Interned<Node>,
    of_item: Vec<bool>,
    terms: Interned<Term>,
    patterns: Interned<Box<str>>,
    paths: PathsBuilder,
}

impl Builder {
    pub(super) fn new() -> Self {
        Self {
            nodes: Interned::default(),
            of_item: Vec::new(),
            terms: Interned::default(),
            patterns: Interned::default(),
            paths: PathsBuilder::new(),
        }
    }

    /// The node of a whole condition, or what is wrong with it.
    pub(super) fn condition(&mut self, json: &str) -> Result<NodeId, String> {
        let written: Condition<'_> = serde_json::from_str(json).map_err(|e| e.to_string())?;
        let node = self.node(written)?;
        if self.of_item[node as usize] {
            return Err("a term begins with `item` outside of every `some`".into());
        }
        Ok(node)
    }

    /// The path of a member of the event itself.
    pub(super) fn path(&mut self, key: &str) -> u32 {
        self.paths.child(Paths::ROOT, key.as_bytes())
    }

    pub(super) fn build(self) -> Program {
        Program {
            nodes: self.nodes.into_iter().collect(),
            of_item: self.of_item,
            direct: self.terms.iter().map(Direct::new).collect(),
            terms: self.terms.into_iter().collect(),
            paths: self.paths.build(),
            patterns: self.patterns.into_iter().map(Pattern::new).collect(),
        }
    }

    fn add(&mut self, node: Node, of_item: bool) -> NodeId {
        let number = number(&mut self.nodes, node);
        if self.of_item.len() == number as usize {
            self.of_item.push(of_item);
        }
        number
    }

    fn node(&mut self, mut written: Condition<'_>) -> Result<NodeId, String> {
        let known = |outcomes: Outcomes| Node::Known(outcomes.bits(), None);
        let node = match written.op {
            Op::Anything => {
                Node::Known(Outcomes::ALL.bits(), Some(written.reason.unwrap_or_default().into_owned().into()))
            }
            Op::Always => known(Outcomes::T),
            Op::Never => known(Outcomes::F),
            Op::Raises => known(Outcomes::R),
            Op::Not => Node::Not(self.parts::<1>(written)?[0]),
            Op::All => Node::All(self.list(written)?),
            Op::Any => Node::Any(self.list(written)?),
            Op::If => {
                let [c, a, b] = self.parts::<3>(written)?;
                Node::If(c, a, b)
            }
            Op::Rescue => {
                let [a, b] = self.parts::<2>(written)?;
                Node::Rescue(a, b)
            }
            Op::Some => {
                let (list, _) = self.term(needed(written.list.take(), Op::Some, "in")?)?;
                let body = self.node(*needed(written.body.take(), Op::Some, "where")?)?;
                let of_item = self.terms[list as usize].from_item;
                return Ok(self.add(Node::Some(list, body), of_item));
            }
            _ => {
                let (term, path) = self.term(needed(written.term.take(), written.op, "term")?)?;
                let test = self.test(written, path)?;
                let of_item = self.terms[term as usize].from_item;
                return Ok(self.add(Node::Test(term, test), of_item));
            }
        };
        let any_of_item = |parts: &[NodeId]| parts.iter().any(|&part| self.of_item[part as usize]);
        let of_item = match &node {
            Node::Known(..) | Node::Some(..) | Node::Test(..) => false,
            Node::Not(of) => any_of_item(&[*of]),
            Node::All(of) | Node::Any(of) => any_of_item(of),
            Node::If(c, a, b) => any_of_item(&[*c, *a, *b]),
            Node::Rescue(a, b) => any_of_item(&[*a, *b]),
        };
        Ok(self.add(node, of_item))
    }

    fn list(&mut self, written: Condition<'_>) -> Result<Box<[NodeId]>, String> {
        written.of.0.into_iter().map(|part| self.node(part)).collect()
    }

    fn parts<const N: usize>(&mut self, written: Condition<'_>) -> Result<[NodeId; N], String> {
        let op = written.op;
        let parts = self.list(written)?;
        <[NodeId; N]>::try_from(&*parts).map_err(|_| format!("{op:?} is of {N} conditions, not of {}", parts.len()))
    }

    fn test(&mut self, written: Condition<'_>, path: Option<u32>) -> Result<Test, String> {
        let op = written.op;
        let scalar = |raw: &RawValue| match Const::new(raw)? {
            constant if constant.is_scalar() => Ok(constant),
            _ => Err(format!("`{}` can't be compared by {op:?}: it is no scalar", raw.get())),
        };
        Ok(match op {
            Op::Truthy => Test::Truthy,
            Op::IsNull => Test::IsNull,
            Op::IsType => {
                let types = needed(written.types, op, "types")?;
                Test::IsType(types.into_iter().fold(0, |bits, word| bits | type_bit(word)))
            }
            Op::Equals => Test::Equals(Const::new(needed(written.to, op, "to")?)?),
            Op::In => {
                let (mut texts, mut others) = (Vec::new(), Vec::new());
                for raw in needed(written.set, op, "set")? {
                    match scalar(raw)? {
                        Const::Text(text) => texts.push(text),
                        other => others.push(other),
                    }
                }
                texts.sort_unstable();
                Test::In { texts: texts.into(), others: others.into(), hashed: written.hashed }
            }
            Op::Within => Test::Within(needed(written.text, op, "text")?.into_owned().into()),
            Op::Contains => {
                let what = scalar(needed(written.constant, op, "const")?)?;
                let member = match (&what, path) {
                    (Const::Text(key), Some(path)) if key.is_ascii() => Some(self.paths.child(path, key.as_bytes())),
                    _ => None,
                };
                Test::Contains(what, member)
            }
            Op::StartsWith => Test::StartsWith(texts(needed(written.any_of, op, "any_of")?)),
            Op::EndsWith => Test::EndsWith(texts(needed(written.any_of, op, "any_of")?)),
            Op::Matches => Test::Matches(number(&mut self.patterns, needed(written.pattern, op, "pattern")?.into())),
            _ => {
                let order = match op {
                    Op::Less => Order::Less,
                    Op::LessEqual => Order::LessEqual,
                    Op::Greater => Order::Greater,
                    _ => Order::GreaterEqual,
                };
                match scalar(needed(written.to, op, "to")?)? {
                    number @ (Const::Number { .. } | Const::OddNumber { .. }) => Test::Compare(order, number),
                    _ => return Err(format!("{op:?} compares with a number")),
                }
            }
        })
    }

    /// The number of a term; its path if it is nothing but keys from the event on.
    fn term(&mut self, written: Vec<Written<'_>>) -> Result<(TermId, Option<u32>), String> {
        let mut path = Some(Paths::ROOT);
        let mut steps = Vec::with_capacity(written.len());
        let mut from_item = false;
        for (number, step) in written.into_iter().enumerate() {
            match step {
                Written::Word(word) if number == 0 && word == "item" => (from_item, path) = (true, None),
                Written::Word(word) => {
                    path = None;
                    steps.push(word_step(&word)?);
                }
                Written::With(with) => steps.push(self.step(*with, &mut path)?),
            }
        }
        Ok((number(&mut self.terms, Term { from_item, steps: steps.into() }), path))
    }

    fn step(&mut self, with: StepWith<'_>, path: &mut Option<u32>) -> Result<Step, String> {
        let default = with.default.map_or(Ok(Const::Null), Const::new)?;
        if let Some(key) = with.get {
            let Some(key) = self.key(&key, path) else { return Ok(Step::Unknown) };
            return Ok(Step::Get { key, default, null: with.null });
        }
        if let Some(key) = with.item {
            return Ok(self.key(&key, path).map_or(Step::Unknown, Step::Item));
        }
        if let Some(keys) = with.deep {
            let keys: Option<Box<[Key]>> = keys.iter().map(|key| self.key(key, path)).collect();
            return Ok(keys.map_or(Step::Unknown, |keys| Step::Deep { keys, default }));
        }
        *path = None;
        Ok(if let Some(index) = with.at {
            Step::At(index)
        } else if let Some(raw) = with.or {
            Step::Or(Const::new(raw)?)
        } else if let Some(separator) = with.split {
            if separator.is_empty() {
                return Err("`split` needs something to split at".into());
            }
            // Python takes a negative limit for none.
            let max = with.max.and_then(|max| usize::try_from(max).ok());
            Step::Split { separator: separator.into(), max }
        } else if let Some([old, new]) = with.replace {
            if old.is_empty() {
                return Err("`replace` needs something to replace".into());
            }
            Step::Replace { old: old.into(), new: new.into() }
        } else {
            return Err("a step that says nothing of what it does".into());
        })
    }

    fn key(&mut self, name: &str, path: &mut Option<u32>) -> Option<Key> {
        if !name.is_ascii() {
            *path = None;
            return None;
        }
        *path = path.map(|path| self.paths.child(path, name.as_bytes()));
        Some(Key { name: name.into(), path: *path })
    }
}

fn needed<T>(member: Option<T>, op: Op, name: &str) -> Result<T, String> {
    member.ok_or_else(|| format!("{op:?} needs `{name}`"))
}

fn texts(all: Vec<String>) -> Box<[Box<str>]> {
    all.into_iter().map(String::into_boxed_str).collect()
}

fn word_step(word: &str) -> Result<Step, String> {
    Ok(match word {
        "lower" => Step::Lower,
        "upper" => Step::Upper,
        "strip" => Step::Strip,
        "len" => Step::Len,
        "str" => Step::Str,
        _ => return Err(format!("`{word}` is no step of a term")),
    })
}

pub(super) fn type_bit(word: Type) -> u8 {
    1 << word as u8
}
