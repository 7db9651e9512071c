//! The rules of the code base, checked: which part may know which, where the outside world is touched, what every
//! file begins with.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Every part of `src`, and all that it may import of ours. Data goes down this list and never up: a part that is not
/// in another's list is none of its business.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    // The shared nouns.
    ("error", &[]),
    ("model", &[]),
    ("json", &[]),
    ("mask", &["json"]),
    ("config", &["error", "json", "model"]),
    ("rulepack", &["error", "model"]),
    // The stages: the shared nouns and themselves.
    ("canary", &[]),
    ("invoke", &["canary", "gunzip", "model"]),
    ("source", &["error", "model"]),
    ("gunzip", &["error"]),
    ("records", &["error", "json"]),
    ("repeats", &["json"]),
    ("scope", &["json"]),
    ("prefilter", &["error", "json", "rulepack"]),
    ("engine", &["model", "rulepack"]),
    ("alert", &["json", "mask", "model", "rulepack"]),
    ("hidden", &[]),
    ("alerts_to", &["error"]),
    ("windows", &["error", "model", "rulepack"]),
    ("sink", &["error", "json"]),
    // What is told: counters, and things that happen, in the words of the sink.
    ("report", &["engine", "error", "model"]),
    ("observe", &["config", "engine", "mask", "model", "report", "rulepack", "sink"]),
    ("digest", &["error", "model", "sink"]),
    // The wiring, and the doors.
    (
        "pipeline",
        &[
            "alert",
            "alerts_to",
            "config",
            "digest",
            "engine",
            "error",
            "gunzip",
            "hidden",
            "json",
            "mask",
            "model",
            "observe",
            "records",
            "repeats",
            "prefilter",
            "report",
            "rulepack",
            "scope",
            "sink",
            "windows",
        ],
    ),
    (
        "lambda",
        &[
            "alerts_to",
            "canary",
            "config",
            "engine",
            "error",
            "invoke",
            "model",
            "observe",
            "pipeline",
            "report",
            "rulepack",
            "sink",
            "source",
        ],
    ),
    (
        "cli",
        &[
            "config",
            "engine",
            "error",
            "gunzip",
            "invoke",
            "model",
            "pipeline",
            "prefilter",
            "records",
            "report",
            "rulepack",
            "scope",
            "sink",
            "source",
        ],
    ),
];

struct Source {
    /// Relative to `src`.
    path: PathBuf,
    /// Without its tests.
    code: String,
    whole: String,
}

impl Source {
    /// The part it belongs to.
    fn part(&self) -> String {
        let first = self.path.components().next().expect("a name").as_os_str().to_string_lossy().into_owned();
        first.trim_end_matches(".rs").to_owned()
    }
}

fn sources() -> Vec<Source> {
    fn walk(folder: &Path, root: &Path, found: &mut Vec<Source>) {
        for entry in fs::read_dir(folder).expect("a readable folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                walk(&path, root, found);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let whole = fs::read_to_string(&path).expect("text");
                let path = path.strip_prefix(root).expect("below").to_path_buf();
                let code = whole.split("\n#[cfg(test)]\nmod tests").next().unwrap_or_default();
                let code = if all_tests(&path) { String::new() } else { code.to_owned() };
                found.push(Source { path, code, whole });
            }
        }
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    assert!(found.len() > 20, "only {} files found", found.len());
    found
}

/// Property runs, which their parents name as `#[cfg(test)] mod fuzz`: they may look at anything.
fn all_tests(path: &Path) -> bool {
    path.starts_with("fuzz") || path.ends_with("fuzz.rs")
}

/// The files (but for those in `allowed`) whose code has `words`, with the line.
fn uses(words: &str, allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources() {
        if allowed.iter().any(|allowed| source.path.starts_with(allowed)) {
            continue;
        }
        for (number, line) in source.code.lines().enumerate() {
            if line.contains(words) && !line.trim_start().starts_with("//") {
                found.push(format!("src/{}:{}: {}", source.path.display(), number + 1, line.trim()));
            }
        }
    }
    found
}

#[track_caller]
fn expect_none(found: &[String], rule: &str) {
    assert!(found.is_empty(), "{rule}:\n  {}", found.join("\n  "));
}

#[test]
fn imports_go_one_way() {
    let may: BTreeMap<_, _> = MAY_IMPORT.iter().copied().collect();
    let mut found = Vec::new();
    for source in sources() {
        let part = source.part();
        if part == "lib" || part == "bin" || all_tests(&source.path) {
            continue;
        }
        let Some(allowed) = may.get(part.as_str()) else {
            found.push(format!("src/{} is no part of the table in tests/tidy.rs", source.path.display()));
            continue;
        };
        for (number, line) in source.code.lines().enumerate() {
            for import in line.split("crate::").skip(1) {
                // `use crate::{a, b}` names several.
                let names = import.trim_start_matches('{').split(['}', ';']).next().unwrap_or_default();
                let several = import.starts_with('{');
                for name in names.split(", ").take(if several { usize::MAX } else { 1 }) {
                    let name = name.split("::").next().unwrap_or_default();
                    let name: String = name.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
                    if name != part && !allowed.contains(&name.as_str()) {
                        found.push(format!("src/{}:{}: {}", source.path.display(), number + 1, line.trim()));
                    }
                }
            }
        }
    }
    expect_none(&found, "a part imports what it may not know (see MAY_IMPORT)");
}

#[test]
fn every_file_says_what_it_is() {
    let silent = sources().into_iter().filter(|source| !source.whole.starts_with("//! "));
    let silent: Vec<String> = silent.map(|source| source.path.display().to_string()).collect();
    expect_none(&silent, "files begin with a module doc");
}

#[test]
fn property_runs_are_in_no_binary() {
    let names = |source: &Source| source.whole.contains("\nmod fuzz;\n");
    let parents: Vec<Source> = sources().into_iter().filter(names).collect();
    assert!(parents.len() > 1, "only {} parts have property runs", parents.len());
    let linked = parents.iter().filter(|source| !source.whole.contains("\n#[cfg(test)]\nmod fuzz;\n"));
    let linked: Vec<String> = linked.map(|source| source.path.display().to_string()).collect();
    expect_none(&linked, "`mod fuzz` is for tests only");
}

#[test]
fn nothing_panics_on_purpose() {
    for words in [".unwrap()", ".expect(", "panic!(", "unreachable!(", "todo!(", "unimplemented!("] {
        expect_none(&uses(words, &[]), &format!("no `{words}` outside tests"));
    }
}

#[test]
fn the_outside_world_is_touched_in_few_places() {
    expect_none(&uses("env::var", &["config.rs"]), "the environment is read in `config`");
    let spawners = ["engine/spawn.rs", "cli/aws.rs", "cli/engine.rs", "cli/local"];
    expect_none(&uses("Command::new", &spawners), "processes are started in few places");
    expect_none(&uses("io::stdout()", &["lambda.rs", "cli"]), "lines are written by the sink that a door opened");
    for words in ["println!", "print!(", "dbg!("] {
        expect_none(&uses(words, &[]), &format!("no `{words}`"));
    }
    expect_none(&uses("async ", &["lambda.rs", "source/s3.rs", "alerts_to", "cli"]), "async lives where AWS is");
}

#[test]
fn unsafe_code_is_in_one_audited_place() {
    expect_none(&uses("unsafe", &["engine/confine.rs"]), "unsafe code is in `engine/confine.rs`");
    expect_none(&uses("allow(unsafe_code)", &["engine/confine.rs"]), "and allowed only there");
    let audited = sources().into_iter().find(|source| source.path.ends_with("engine/confine.rs")).expect("the file");
    let blocks = audited.code.lines().filter(|line| line.trim_start().starts_with("unsafe {")).count();
    assert_eq!((blocks, audited.code.matches("// SAFETY: ").count()), (1, 1), "one block, and why it is sound");
}

#[test]
fn nothing_is_left_for_later() {
    for words in ["TODO", "FIXME", "XXX"] {
        let mut found = Vec::new();
        for source in sources() {
            if source.whole.contains(words) {
                found.push(source.path.display().to_string());
            }
        }
        expect_none(&found, &format!("no `{words}`"));
    }
}
