//! One test and what its rule answered: did it pass, and if not, exactly why.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::engine::{Failure, Tested};
use crate::rulepack::Unloaded;

/// One test, as the compiler wrote it down.
#[derive(Deserialize)]
pub(super) struct Case {
    /// Index into the pack's rules.
    pub(super) rule: u32,
    pub(super) id: String,
    pub(super) name: String,
    pub(super) expected: bool,
    pub(super) log: Box<RawValue>,
    pub(super) mocks: Box<RawValue>,
    /// The file it stands in.
    pub(super) path: String,
    /// What other functions must say: `title`, `severity`, `dedup`.
    #[serde(default)]
    values: BTreeMap<String, String>,
}

impl Case {
    pub(super) fn answers_to(&self, word: Option<&str>) -> bool {
        let has = |text: &str, word: &str| text.to_lowercase().contains(&word.to_lowercase());
        word.is_none_or(|word| has(&self.id, word) || has(&self.name, word))
    }
}

/// A test that was run.
pub(super) struct Verdict {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) path: String,
    pub(super) expected: bool,
    pub(super) got: Option<bool>,
    /// Why it did not pass; empty if it did.
    pub(super) problems: Vec<String>,
    /// What the other functions said.
    pub(super) functions: serde_json::Map<String, Value>,
    /// What rule code printed.
    pub(super) printed: Vec<String>,
}

pub(super) fn verdict(case: &Case, tested: Tested) -> Verdict {
    Verdict {
        id: case.id.clone(),
        name: case.name.clone(),
        path: case.path.clone(),
        expected: case.expected,
        got: tested.outcome,
        problems: problems(case, &tested),
        functions: tested.functions,
        printed: tested.printed,
    }
}

fn problems(case: &Case, tested: &Tested) -> Vec<String> {
    let what = |matched: bool| if matched { "a match" } else { "no match" };
    let mut problems = Vec::new();
    match tested.outcome {
        Some(got) if got != case.expected => {
            problems.push(format!("expected {}, got {}", what(case.expected), what(got)));
        }
        // What other functions do on a record that does not match is of no consequence.
        Some(false) => {}
        _ => problems.extend(tested.errors.iter().map(shown)),
    }
    for (name, expected) in &case.values {
        let got = tested.functions.get(name).map(|answer| &answer["value"]);
        if got != Some(&Value::String(expected.clone())) {
            let got = got.map_or("nothing".to_owned(), Value::to_string);
            problems.push(format!("{name}: expected {}, got {got}", Value::String(expected.clone())));
        }
    }
    problems
}

fn shown(failure: &Failure) -> String {
    let place = match (&failure.file, failure.line) {
        (Some(file), Some(line)) => format!(" at {file}:{line}"),
        _ => String::new(),
    };
    format!("{}() failed{place}: {}", failure.phase, failure.exception)
}

/// A rule that could not be imported, in the words of its first failure.
pub(super) fn not_loaded(id: &str, path: &str, tested: &Tested) -> Option<Unloaded> {
    let failure = tested.errors.first()?;
    Some(Unloaded {
        id: Some(id.to_owned()),
        path: failure.file.clone().unwrap_or_else(|| path.to_owned()),
        line: failure.line,
        reason: failure.exception.clone(),
    })
}
