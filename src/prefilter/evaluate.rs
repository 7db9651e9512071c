//! Conditions on one record: which outcomes may an expression have?
//!
//! In: the [`Program`], a record and what [`super::project`] found in it. Out: [`Outcomes`] of a node. Separate because
//! this is the meaning of `docs/conditions.md`, line by line. What was found out once is remembered for the record.

use std::borrow::Cow;

use memchr::memmem;

use super::condition::Type;
use super::outcome::Outcomes;
use super::program::{Const, Key, Node, NodeId, Order, Program, Step, TermId, Test, type_bit};
use super::project::{Member, Paths, Slots};
use super::value::{Found, List, Object, Value, lookup};

/// Lists within lists could keep us for ever: after so many items of one record the rest is not known.
const ITEMS: u32 = 1 << 16;

/// What a term comes to.
pub(super) enum Got<'a> {
    Value(Value<'a>),
    Raises,
    Unknown,
}

/// What was found out about the record in hand, by node.
#[derive(Default)]
pub(super) struct Memo {
    /// The round, and below it the three bits of the outcomes.
    known: Vec<u64>,
    round: u64,
}

impl Memo {
    /// Forgets the record before.
    pub(super) fn next_round(&mut self, len: usize) {
        self.known.resize(len, 0);
        self.round += 1;
    }
}

/// One record, under evaluation.
pub(super) struct Evaluation<'a> {
    pub(super) program: &'a Program,
    pub(super) record: &'a [u8],
    pub(super) slots: &'a Slots,
    pub(super) memo: &'a mut Memo,
    /// How many more items `some` may look at.
    items: u32,
    /// The term that was asked for last, and what it came to: often several tests in a row are of one term.
    last: Option<(TermId, Got<'a>)>,
}

impl<'a> Evaluation<'a> {
    /// Of a record that was projected into `slots`.
    pub(super) fn new(program: &'a Program, record: &'a [u8], slots: &'a Slots, memo: &'a mut Memo) -> Self {
        Self { program, record, slots, memo, items: ITEMS, last: None }
    }

    /// The outcomes of a whole condition.
    #[inline]
    pub(super) fn outcomes(&mut self, node: NodeId) -> Outcomes {
        self.node(node, None)
    }

    pub(super) fn node(&mut self, id: NodeId, item: Option<&Value<'a>>) -> Outcomes {
        if self.program.of_item[id as usize] {
            return self.fresh(id, item);
        }
        let known = self.memo.known[id as usize];
        if known >> 3 == self.memo.round {
            return Outcomes::from_bits(known as u8);
        }
        let found = self.fresh(id, item);
        self.memo.known[id as usize] = self.memo.round << 3 | u64::from(found.bits());
        found
    }

    fn fresh(&mut self, id: NodeId, item: Option<&Value<'a>>) -> Outcomes {
        let program = self.program;
        match &program.nodes[id as usize] {
            Node::Known(bits, _) => Outcomes::from_bits(*bits),
            Node::Not(of) => self.node(*of, item).not(),
            Node::All(of) => Outcomes::chain(Outcomes::T, of.iter().map(|&part| self.node(part, item))),
            Node::Any(of) => Outcomes::chain(Outcomes::F, of.iter().map(|&part| self.node(part, item))),
            Node::If(condition, then, otherwise) => {
                let asked = self.node(*condition, item);
                let mut found = asked.without(Outcomes::TF);
                if asked.may(Outcomes::T) {
                    found = found.with(self.node(*then, item));
                }
                if asked.may(Outcomes::F) {
                    found = found.with(self.node(*otherwise, item));
                }
                found
            }
            Node::Rescue(tried, otherwise) => {
                let found = self.node(*tried, item);
                if !found.may(Outcomes::R) {
                    return found;
                }
                found.without(Outcomes::R).with(self.node(*otherwise, item))
            }
            Node::Some(list, body) => self.some(*list, *body, item),
            Node::Test(term, test) if item.is_some() => self.tested(&self.term(*term, item), test),
            Node::Test(term, test) => {
                if let Some(value) = self.direct(*term) {
                    return self.test(&value, test);
                }
                if self.last.as_ref().is_none_or(|(last, _)| last != term) {
                    self.last = Some((*term, self.term(*term, None)));
                }
                self.last.as_ref().map_or(Outcomes::ALL, |(_, got)| self.tested(got, test))
            }
        }
    }

    /// What a term comes to where that is a string that stands in the record as it is, or nothing is there: the short
    /// way for nearly all tests.
    #[inline]
    fn direct(&self, term: TermId) -> Option<Value<'a>> {
        let direct = self.program.direct[term as usize].as_ref()?;
        // A plain record has no odd keys.
        if !self.slots.is_plain() || direct.through.iter().any(|&path| self.slots.get(path) == Member::Twice) {
            return None;
        }
        match self.slots.get(direct.at) {
            Member::Missing => Some(direct.default.value()),
            Member::Twice => None,
            Member::At(start, end) => match self.record.get(start as usize..end as usize)? {
                [b'"', text @ .., b'"'] => Some(Value::Text(Cow::Borrowed(text))),
                _ => None,
            },
        }
    }

    fn tested(&self, got: &Got<'a>, test: &'a Test) -> Outcomes {
        match got {
            Got::Value(value) => self.test(value, test),
            Got::Raises => Outcomes::R,
            Got::Unknown => Outcomes::ALL,
        }
    }

    fn some(&mut self, list: TermId, body: NodeId, item: Option<&Value<'a>>) -> Outcomes {
        match self.term(list, item) {
            Got::Value(Value::List(list)) => Outcomes::chain(
                Outcomes::F,
                list.values().map(|value| match self.items.checked_sub(1) {
                    Some(left) => {
                        self.items = left;
                        self.node(body, Some(&value))
                    }
                    None => Outcomes::ALL,
                }),
            ),
            Got::Value(Value::Null | Value::Bool(_) | Value::Number { .. } | Value::OddNumber { .. }) => Outcomes::R,
            Got::Raises => Outcomes::R,
            Got::Value(_) | Got::Unknown => Outcomes::ALL,
        }
    }

    /// The value of a term.
    pub(super) fn term(&self, id: TermId, item: Option<&Value<'a>>) -> Got<'a> {
        let term = &self.program.terms[id as usize];
        let mut value = match item {
            Some(item) if term.from_item => item.clone(),
            _ if term.from_item => return Got::Unknown,
            _ => Value::Object(Object::Event),
        };
        for step in &term.steps {
            value = match self.step(value, step) {
                Got::Value(value) => value,
                other => return other,
            };
        }
        Got::Value(value)
    }

    #[inline]
    fn step(&self, value: Value<'a>, step: &'a Step) -> Got<'a> {
        match step {
            Step::Get { key, default, null } => match self.member(&value, key) {
                None => Got::Raises,
                Some(Found::Unknown) => Got::Unknown,
                Some(Found::Missing) => Got::Value(default.value()),
                Some(Found::Value(Value::Null)) if *null => Got::Value(default.value()),
                Some(Found::Value(value)) => Got::Value(value),
            },
            Step::Item(key) => match self.member(&value, key) {
                None | Some(Found::Missing) => Got::Raises,
                Some(Found::Unknown) => Got::Unknown,
                Some(Found::Value(value)) => Got::Value(value),
            },
            Step::Deep { keys, default } => self.deep(value, keys, default),
            Step::At(index) => at(value, *index),
            Step::Or(constant) => match value.truth() {
                Outcomes::T => Got::Value(value),
                Outcomes::F => Got::Value(constant.value()),
                _ => Got::Unknown,
            },
            Step::Lower => printable(value, |text| Value::Text(text.to_ascii_lowercase().into())),
            Step::Upper => printable(value, |text| Value::Text(text.to_ascii_uppercase().into())),
            Step::Strip => printable(value, |text| {
                Value::Text(match text {
                    Cow::Borrowed(text) => text.trim_ascii().into(),
                    Cow::Owned(text) => text.trim_ascii().to_vec().into(),
                })
            }),
            Step::Split { separator, max } => printable(value, |text| {
                Value::List(List::Split(split(&text, separator.as_bytes(), max.unwrap_or(usize::MAX))))
            }),
            Step::Replace { old, new } => match value {
                Value::Text(text) => replaced(&text, old.as_bytes(), new.as_bytes()),
                Value::OddText => Got::Unknown,
                _ => Got::Raises,
            },
            Step::Len => len(&value),
            Step::Str => match value {
                Value::Text(_) | Value::OddText => Got::Value(value),
                _ => Got::Unknown,
            },
            Step::Unknown => Got::Unknown,
        }
    }

    /// The member of an object; `None` if the value is none.
    #[inline]
    fn member(&self, value: &Value<'a>, key: &Key) -> Option<Found<Value<'a>>> {
        match value {
            Value::Object(object) => Some(self.look_up(object, &key.name, key.path)),
            _ => None,
        }
    }

    #[inline]
    fn look_up(&self, object: &Object<'a>, name: &str, path: Option<u32>) -> Found<Value<'a>> {
        let raw = match (object, path) {
            (Object::Event, Some(path)) => return self.asked(Paths::ROOT, path),
            (Object::Asked(node, _), Some(path)) => return self.asked(*node, path),
            (Object::Event, None) => self.record,
            (Object::Asked(_, raw) | Object::Raw(raw), _) => raw,
        };
        match lookup(raw, name.as_bytes()) {
            Found::Missing => Found::Missing,
            Found::Unknown => Found::Unknown,
            Found::Value(raw) => Found::Value(Value::read(raw, false)),
        }
    }

    /// What the record holds under a path, `node` being the path of the object around it.
    #[inline]
    pub(super) fn asked(&self, node: u32, path: u32) -> Found<Value<'a>> {
        if self.slots.has_odd_keys(node) {
            return Found::Unknown;
        }
        let (start, end) = match self.slots.get(path) {
            Member::Missing => return Found::Missing,
            Member::Twice => return Found::Unknown,
            Member::At(start, end) => (start as usize, end as usize),
        };
        let Some(raw) = self.record.get(start..end) else { return Found::Unknown };
        Found::Value(match Value::read(raw, self.slots.is_plain()) {
            Value::Object(_) => Value::Object(Object::Asked(path, raw)),
            value => value,
        })
    }

    fn deep(&self, mut value: Value<'a>, keys: &[Key], default: &'a Const) -> Got<'a> {
        for key in keys {
            value = match self.member(&value, key) {
                Some(Found::Value(value)) => value,
                Some(Found::Unknown) => return Got::Unknown,
                Some(Found::Missing) | None => Value::Null,
            };
        }
        Got::Value(if value == Value::Null { default.value() } else { value })
    }

    fn test(&self, value: &Value<'a>, test: &'a Test) -> Outcomes {
        match (test, value) {
            (Test::Truthy, _) => value.truth(),
            (Test::IsNull, _) => Outcomes::of(*value == Value::Null),
            (Test::IsType(types), _) => Outcomes::of(types & types_of(value) != 0),
            (_, Value::OddText | Value::OddNumber { .. }) => Outcomes::ALL,
            (Test::Equals(constant), _) => value.equals(&constant.value()),
            (Test::In { texts, .. }, Value::Text(text)) => {
                Outcomes::of(texts.binary_search_by(|known| known.as_bytes().cmp(text)).is_ok())
            }
            (Test::In { hashed: true, .. }, Value::List(_) | Value::Object(_)) => Outcomes::R,
            (Test::In { others, .. }, _) => among(value, others),
            (Test::Within(text), Value::Text(part)) => Outcomes::of(has(text.as_bytes(), part)),
            (Test::Contains(what, member), _) => self.contains(value, what, *member),
            (Test::StartsWith(any), Value::Text(text)) => {
                Outcomes::of(any.iter().any(|start| text.starts_with(start.as_bytes())))
            }
            (Test::EndsWith(any), Value::Text(text)) => {
                Outcomes::of(any.iter().any(|end| text.ends_with(end.as_bytes())))
            }
            (Test::Matches(pattern), Value::Text(text)) => match self.program.patterns[*pattern as usize].regex() {
                Some(regex) if is_printable(text) => Outcomes::of(regex.is_match(text)),
                _ => Outcomes::ALL,
            },
            (Test::Compare(order, to), Value::Bool(_) | Value::Number { .. }) => {
                compare(value.number(), *order, to.value().number())
            }
            _ => Outcomes::R,
        }
    }

    fn contains(&self, value: &Value<'a>, what: &Const, member: Option<u32>) -> Outcomes {
        match (value, what) {
            (Value::Text(text), Const::Text(part)) => Outcomes::of(has(text, part.as_bytes())),
            (Value::List(list), _) => {
                let what = what.value();
                Outcomes::chain(Outcomes::F, list.clone().values().map(|element| element.equals(&what)))
            }
            (Value::Object(object), Const::Text(key)) if key.is_ascii() => match self.look_up(object, key, member) {
                Found::Missing => Outcomes::F,
                Found::Value(_) => Outcomes::T,
                Found::Unknown => Outcomes::ALL,
            },
            (Value::Object(_), _) => Outcomes::ALL,
            _ => Outcomes::R,
        }
    }
}

fn types_of(value: &Value<'_>) -> u8 {
    match value {
        Value::Null => type_bit(Type::Null),
        Value::Bool(_) => type_bit(Type::Bool) | type_bit(Type::Int),
        Value::Number { int: true, .. } | Value::OddNumber { int: true } => type_bit(Type::Int),
        Value::Number { .. } | Value::OddNumber { .. } => type_bit(Type::Float),
        Value::Text(_) | Value::OddText => type_bit(Type::Str),
        Value::List(_) => type_bit(Type::List),
        Value::Object(_) => type_bit(Type::Dict),
    }
}

/// A value that is no string among constants that are none.
fn among(value: &Value<'_>, constants: &[Const]) -> Outcomes {
    let mut found = Outcomes::F;
    for constant in constants {
        match value.equals(&constant.value()) {
            Outcomes::T => return Outcomes::T,
            Outcomes::F => {}
            _ => found = Outcomes::ALL,
        }
    }
    found
}

fn compare(value: Option<f64>, order: Order, to: Option<f64>) -> Outcomes {
    let (Some(value), Some(to)) = (value, to) else { return Outcomes::ALL };
    Outcomes::of(match order {
        Order::Less => value < to,
        Order::LessEqual => value <= to,
        Order::Greater => value > to,
        Order::GreaterEqual => value >= to,
    })
}

fn has(text: &[u8], part: &[u8]) -> bool {
    memmem::find(text, part).is_some()
}

fn is_printable(text: &[u8]) -> bool {
    text.iter().all(|byte| (0x20..=0x7e).contains(byte))
}

fn printable<'a>(value: Value<'a>, step: impl FnOnce(Cow<'a, [u8]>) -> Value<'a>) -> Got<'a> {
    match value {
        Value::Text(text) if is_printable(&text) => Got::Value(step(text)),
        Value::Text(_) | Value::OddText => Got::Unknown,
        _ => Got::Raises,
    }
}

/// At most `max` cuts.
fn split<'a>(text: &[u8], separator: &[u8], max: usize) -> Vec<Cow<'a, [u8]>> {
    let mut parts = Vec::new();
    let mut from = 0;
    for at in memmem::find_iter(text, separator).take(max) {
        parts.push(Cow::Owned(text[from..at].to_vec()));
        from = at + separator.len();
    }
    parts.push(Cow::Owned(text[from..].to_vec()));
    parts
}

fn replaced<'a>(text: &[u8], old: &[u8], new: &[u8]) -> Got<'a> {
    let mut out = Vec::with_capacity(text.len());
    let mut from = 0;
    for at in memmem::find_iter(text, old) {
        out.extend_from_slice(&text[from..at]);
        out.extend_from_slice(new);
        from = at + old.len();
    }
    out.extend_from_slice(&text[from..]);
    Got::Value(if out.is_ascii() { Value::Text(out.into()) } else { Value::OddText })
}

fn at<'a>(value: Value<'a>, index: i64) -> Got<'a> {
    let place = |len: usize| {
        let index = if index < 0 { i64::try_from(len).ok()?.checked_add(index)? } else { index };
        usize::try_from(index).ok().filter(|&index| index < len)
    };
    let found = match value {
        Value::List(list) => place(list.len()).and_then(|index| list.values().nth(index)),
        Value::Text(text) => place(text.len()).map(|index| Value::Text(vec![text[index]].into())),
        Value::OddText => return Got::Unknown,
        _ => None,
    };
    found.map_or(Got::Raises, Got::Value)
}

fn len<'a>(value: &Value<'_>) -> Got<'a> {
    let len = match value {
        Value::Text(text) => Some(text.len()),
        Value::List(list) => Some(list.len()),
        Value::Object(object) => object.len(),
        Value::OddText => None,
        _ => return Got::Raises,
    };
    len.map_or(Got::Unknown, |len| Got::Value(Value::Number { value: len as f64, int: true }))
}
