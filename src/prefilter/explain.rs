//! A condition in words, with what became of each part on one record.
//!
//! In: a node of the program and a record under evaluation. Out: [`Line`]s to print. Separate because only people read
//! it: the words are Python's where Python has them.

use super::evaluate::{Evaluation, Got};
use super::outcome::Outcomes;
use super::pattern::Pattern;
use super::program::{Const, Node, NodeId, Order, Program, Step, Term, TermId, Test};
use super::value::{List, Object, Value};

/// Longer values and sets are cut.
const SHOWN: usize = 80;
const SHOWN_SET: usize = 6;

/// One part of a condition.
pub(crate) struct Line {
    /// How many parts it lies in.
    pub(crate) depth: usize,
    /// What is asked.
    pub(crate) text: String,
    /// What came out; `None` if it was not asked.
    pub(crate) outcomes: Option<Outcomes>,
    /// What the event has there.
    pub(crate) note: String,
}

/// Writes lines.
pub(super) struct Explainer<'e, 'a> {
    pub(super) evaluation: &'e mut Evaluation<'a>,
    pub(super) lines: Vec<Line>,
}

impl Explainer<'_, '_> {
    /// Writes a node and its parts. It is not asked unless `reached`; `prefix` stands before its words.
    pub(super) fn node(&mut self, id: NodeId, depth: usize, reached: bool, prefix: &str) {
        let program = self.evaluation.program;
        let asked = reached && !program.of_item[id as usize];
        let outcomes = asked.then(|| self.evaluation.node(id, None));
        let (text, note) = match &program.nodes[id as usize] {
            Node::Not(of) if is_leaf(program, *of) => {
                return self.leaf(*of, depth, outcomes, &format!("{prefix}not "));
            }
            Node::Known(..) | Node::Test(..) => return self.leaf(id, depth, outcomes, prefix),
            Node::Not(_) => ("not", String::new()),
            Node::All(_) => ("all of", String::new()),
            Node::Any(_) => ("any of", String::new()),
            Node::If(..) => ("if, then, else", String::new()),
            Node::Rescue(..) => ("try, except", String::new()),
            Node::Some(list, _) => {
                let text = format!("{prefix}any item of {}", term(&program.terms[*list as usize]));
                let note = if outcomes.is_some() { self.value(*list) } else { String::new() };
                self.lines.push(Line { depth, text, outcomes, note });
                return self.parts(id, depth + 1, outcomes.is_some());
            }
        };
        self.lines.push(Line { depth, text: format!("{prefix}{text}"), outcomes, note });
        self.parts(id, depth + 1, outcomes.is_some());
    }

    fn leaf(&mut self, id: NodeId, depth: usize, outcomes: Option<Outcomes>, prefix: &str) {
        let program = self.evaluation.program;
        let (text, note) = match &program.nodes[id as usize] {
            Node::Test(of, test) => {
                let note = if outcomes.is_some() { self.value(*of) } else { String::new() };
                (words(&program.terms[*of as usize], test, &program.patterns), note)
            }
            Node::Known(_, Some(reason)) => ("what is not understood".to_owned(), reason.to_string()),
            Node::Known(bits, None) => match Outcomes::from_bits(*bits) {
                Outcomes::T => ("True".to_owned(), String::new()),
                Outcomes::F => ("False".to_owned(), String::new()),
                _ => ("an exception".to_owned(), String::new()),
            },
            _ => return,
        };
        self.lines.push(Line { depth, text: format!("{prefix}{text}"), outcomes, note });
    }

    fn parts(&mut self, id: NodeId, depth: usize, mut reached: bool) {
        let program = self.evaluation.program;
        match &program.nodes[id as usize] {
            Node::Known(..) | Node::Test(..) => {}
            Node::Not(of) => self.node(*of, depth, reached, ""),
            Node::Some(_, body) => self.node(*body, depth, reached, "it has: "),
            Node::All(of) | Node::Any(of) => {
                let is_all = matches!(&program.nodes[id as usize], Node::All(_));
                let on = if is_all { Outcomes::T } else { Outcomes::F };
                for &part in of {
                    self.node(part, depth, reached, "");
                    reached &= self.may(part, on);
                }
            }
            Node::If(condition, then, otherwise) => {
                self.node(*condition, depth, reached, "if ");
                let (yes, no) = (self.may(*condition, Outcomes::T), self.may(*condition, Outcomes::F));
                self.node(*then, depth, reached && yes, "then ");
                self.node(*otherwise, depth, reached && no, "else ");
            }
            Node::Rescue(tried, otherwise) => {
                self.node(*tried, depth, reached, "try ");
                let raises = self.may(*tried, Outcomes::R);
                self.node(*otherwise, depth, reached && raises, "except ");
            }
        }
    }

    /// What depends on an item may be anything here.
    fn may(&mut self, node: NodeId, outcome: Outcomes) -> bool {
        self.evaluation.program.of_item[node as usize] || self.evaluation.node(node, None).may(outcome)
    }

    fn value(&self, id: TermId) -> String {
        if self.evaluation.program.terms[id as usize].from_item {
            return String::new();
        }
        match self.evaluation.term(id, None) {
            Got::Value(Value::Null) => "event has null, or nothing there".into(),
            Got::Value(value) => format!("event has {}", shown(&value)),
            Got::Raises => "raises on the way there".into(),
            Got::Unknown => "not known: key twice, another alphabet, or beyond what is read".into(),
        }
    }
}

fn is_leaf(program: &Program, node: NodeId) -> bool {
    matches!(&program.nodes[node as usize], Node::Known(..) | Node::Test(..))
}

fn words(asked: &Term, test: &Test, patterns: &[Pattern]) -> String {
    let of = term(asked);
    match test {
        Test::Truthy => of,
        Test::IsNull => format!("{of} is None"),
        Test::IsType(bits) => {
            let names = ["str", "int", "float", "bool", "list", "dict", "None"];
            let names: Vec<&str> =
                (0..).zip(names).filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, name)| name).collect();
            format!("isinstance({of}, {})", names.join(" | "))
        }
        Test::Equals(to) => format!("{of} == {}", constant(to)),
        Test::In { texts, others, .. } => {
            let all = others.iter().map(constant).chain(texts.iter().map(|text| quoted(text)));
            format!("{of} in {}", several(all, ('{', '}')))
        }
        Test::Within(text) => format!("{of} in {}", quoted(text)),
        Test::Contains(what, _) => format!("{} in {of}", constant(what)),
        Test::StartsWith(any) => format!("{of}.startswith{}", several(any.iter().map(|text| quoted(text)), ('(', ')'))),
        Test::EndsWith(any) => format!("{of}.endswith{}", several(any.iter().map(|text| quoted(text)), ('(', ')'))),
        Test::Matches(pattern) => format!("re.search({}, {of})", quoted(&patterns[*pattern as usize].text)),
        Test::Compare(order, to) => {
            let sign = match order {
                Order::Less => "<",
                Order::LessEqual => "<=",
                Order::Greater => ">",
                Order::GreaterEqual => ">=",
            };
            format!("{of} {sign} {}", constant(to))
        }
    }
}

fn several(all: impl Iterator<Item = String>, brackets: (char, char)) -> String {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(SHOWN_SET);
    all.truncate(SHOWN_SET);
    if more > 0 {
        all.push(format!("and {more} more"));
    }
    format!("{}{}{}", brackets.0, all.join(", "), brackets.1)
}

/// A term, the way a person would point at it: `userIdentity.arn.split(":")[4]`.
fn term(term: &Term) -> String {
    let mut out = if term.from_item { "item".to_owned() } else { String::new() };
    for step in &term.steps {
        match step {
            Step::Get { key, .. } | Step::Item(key) => dot(&mut out, &key.name),
            Step::Deep { keys, .. } => keys.iter().for_each(|key| dot(&mut out, &key.name)),
            Step::At(index) => out += &format!("[{index}]"),
            Step::Or(to) => out = format!("({out} or {})", constant(to)),
            Step::Lower => out += ".lower()",
            Step::Upper => out += ".upper()",
            Step::Strip => out += ".strip()",
            Step::Split { separator, max: None } => out += &format!(".split({})", quoted(separator)),
            Step::Split { separator, max: Some(max) } => out += &format!(".split({}, {max})", quoted(separator)),
            Step::Replace { old, new } => out += &format!(".replace({}, {})", quoted(old), quoted(new)),
            Step::Len => out = format!("len({out})"),
            Step::Str => out = format!("str({out})"),
            Step::Unknown => out += ".(not understood)",
        }
    }
    if out.is_empty() { "event".into() } else { out }
}

fn dot(out: &mut String, key: &str) {
    if !out.is_empty() {
        out.push('.');
    }
    out.push_str(key);
}

fn constant(constant: &Const) -> String {
    match constant {
        Const::Text(text) => quoted(text),
        Const::List(raw) => String::from_utf8_lossy(raw).into_owned(),
        other => shown(&other.value()),
    }
}

fn shown(value: &Value<'_>) -> String {
    let text = match value {
        Value::Null => "None".into(),
        Value::Bool(true) => "True".into(),
        Value::Bool(false) => "False".into(),
        Value::Number { value, .. } => value.to_string(),
        Value::OddNumber { .. } => "a number that is not read".into(),
        Value::Text(text) => quoted(&String::from_utf8_lossy(text)),
        Value::OddText => "a text that is not ASCII".into(),
        Value::List(List::Raw(raw)) | Value::Object(Object::Raw(raw) | Object::Asked(_, raw)) => {
            String::from_utf8_lossy(raw).into_owned()
        }
        Value::List(List::Split(parts)) => {
            format!(
                "[{}]",
                parts.iter().map(|part| quoted(&String::from_utf8_lossy(part))).collect::<Vec<_>>().join(", ")
            )
        }
        Value::Object(Object::Event) => "members".into(),
    };
    match text.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text,
    }
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
