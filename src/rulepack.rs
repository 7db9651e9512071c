//! The compiled rules: what `iota compile` wrote, checked, and what the stages need to know of it.
//!
//! The digest covers every byte behind itself, so a damaged or edited pack is refused before it is parsed. What an
//! alert says about its rule is parsed only when there is an alert.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::error::SetupError;
use crate::model::Severity;

const HEAD: &str = r#"{"magic":"iota-rulepack","format":1,"digest":""#;
const DIGEST_HEX: usize = 64;

/// The entry of the engine's own rule. It has the pack's digest, for which it vouches.
const CANARY: &str = r#"{"id":"iota.canary","path":"iota_engine/_canary.py","digest":"DIGEST","severity":"INFO","create_alert":true,
    "dedup_period_minutes":0,"threshold":1,"condition":{"op":"never"},"metadata":{"description":"Sent on a schedule to show that alerts arrive.",
    "runbook":"Nothing to do when it comes. When it stays away: docs/troubleshooting.md."}}"#;

/// A rulepack that was found whole and of our version.
#[derive(Debug)]
pub(crate) struct Rulepack {
    /// Where it was read from.
    pub path: PathBuf,
    /// The folder its relative paths start from.
    pub rules_dir: PathBuf,
    /// SHA-256 of its content, 64 hex digits. Every printed line carries it.
    pub digest: String,
    /// The rules, by index.
    pub rules: Vec<Rule>,
    /// The engine's own rule, whose index comes after the last of them. It is none of the pack's rules: nothing counts it,
    /// and only the function's own canary records are put before it.
    canary: Rule,
    /// What could not load, and why.
    pub failed: Vec<Unloaded>,
    /// The organisation's accounts, by id.
    pub accounts: BTreeMap<String, Account>,
    /// Which matches are hidden.
    pub exceptions: Vec<Exception>,
}

/// Matches that somebody answers for.
#[derive(Debug, Deserialize)]
pub(crate) struct Exception {
    /// It is counted under this name.
    pub id: String,
    /// Ids of the rules whose matches it may hide.
    pub rules: Vec<String>,
    /// Who answers for it.
    pub owner: String,
    /// Why these are no findings.
    pub reason: String,
    /// The first day, UTC, on which it applies no more, as `2026-12-31`.
    pub expires: String,
    /// How many of a day it may hide before somebody is told.
    pub max_per_day: u64,
    /// It hides a match if one of these holds of the record.
    pub when: Vec<When>,
}

/// What must hold of a record, for certain.
#[derive(Debug, Deserialize)]
pub(crate) struct When {
    /// In the language of `docs/conditions.md`.
    pub condition: Box<RawValue>,
    /// Networks, of which one must hold `sourceIPAddress`; none if the address does not matter.
    pub source_ip: Vec<String>,
}

/// What `site.yml` says of an account.
#[derive(Debug, Default, Deserialize)]
pub(crate) struct Account {
    /// What people call it.
    pub name: Option<String>,
    /// What it is for, such as `prod`.
    pub environment: Option<String>,
    /// Whom to ask.
    pub owner: Option<String>,
}

/// One rule.
#[derive(Debug, Deserialize)]
pub(crate) struct Rule {
    /// Unique name.
    pub id: String,
    /// Its Python file, relative to the folder of rules.
    pub path: String,
    /// SHA-256 over the digests of its files.
    pub digest: String,
    /// How severe its alerts are unless it says otherwise itself.
    pub severity: Severity,
    /// `site.yml` has said so: the rule is not asked.
    #[serde(default)]
    pub severity_fixed: bool,
    /// False: its matches are signals, not alerts.
    pub create_alert: bool,
    /// How long matches with one dedup key belong together.
    pub dedup_period_minutes: u32,
    /// How many matches make an alert.
    pub threshold: u32,
    /// The functions it has beside `rule()`.
    #[serde(default)]
    functions: Vec<String>,
    metadata: Box<RawValue>,
    /// What a record needs for the rule to match it; `docs/conditions.md`. Read by the prefilter.
    pub condition: Box<RawValue>,
}

/// A file that yields no rule.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Unloaded {
    /// The rule's id, where it was found out.
    pub id: Option<String>,
    /// The file.
    pub path: String,
    /// The line, where there is one.
    #[serde(default)]
    pub line: Option<u64>,
    /// What is wrong and what to do.
    pub reason: String,
}

/// What an alert tells about its rule.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Metadata {
    /// Title of alerts without one of their own.
    pub display_name: String,
    /// What it detects.
    pub description: String,
    /// What to do.
    pub runbook: String,
    /// Where to read more.
    pub reference: String,
    /// Free labels.
    pub tags: Vec<String>,
    /// Framework to techniques, as `MITRE ATT&CK` to `TA0003:T1098`.
    pub reports: BTreeMap<String, Vec<String>>,
    /// Names of alert destinations.
    pub destinations: Vec<String>,
}

#[derive(Deserialize)]
struct Body {
    engine_version: String,
    rules: Vec<Rule>,
    failed: Vec<Unloaded>,
    accounts: BTreeMap<String, Account>,
    exceptions: Vec<Exception>,
}

impl Rule {
    /// Its threshold counts different answers of `unique()` instead of matches.
    pub(crate) fn counts_values(&self) -> bool {
        self.functions.iter().any(|name| name == "unique")
    }

    /// Its condition as the pack has it, the beginning if it is long.
    pub(crate) fn condition_text(&self, limit: usize) -> &str {
        let text = self.condition.get();
        &text[..text.floor_char_boundary(limit)]
    }

    /// Parses what alerts tell about the rule.
    pub(crate) fn metadata(&self) -> Metadata {
        // The pack's digest vouches for the text; a field of another type than ours says nothing.
        serde_json::from_str(self.metadata.get()).unwrap_or_default()
    }
}

impl Rulepack {
    /// A rule by its index, that of the canary included.
    pub(crate) fn rule(&self, index: u32) -> Option<&Rule> {
        if index == self.canary_index() { Some(&self.canary) } else { self.rules.get(index as usize) }
    }

    /// Files that a folder has no more, or otherwise than the pack, and modules in it that the pack has never seen.
    #[cfg(feature = "cli")]
    pub(crate) fn changed_files(&self, folder: &Path) -> std::io::Result<Vec<String>> {
        #[derive(Deserialize)]
        struct Files {
            files: BTreeMap<String, String>,
            listed: Vec<Unloaded>,
            failed: Vec<Unloaded>,
        }
        let pack: Files = serde_json::from_slice(&std::fs::read(&self.path)?)?;
        let same = |(path, digest): &(String, String)| {
            std::fs::read(folder.join(path)).is_ok_and(|bytes| hex(&Sha256::digest(bytes)) == *digest)
        };
        let told = pack.listed.iter().chain(&pack.failed).map(|file| &file.path);
        let known: std::collections::BTreeSet<String> = told.chain(pack.files.keys()).cloned().collect();
        let mut changed: Vec<String> =
            pack.files.into_iter().filter(|file| !same(file)).map(|(path, _)| path).collect();
        for entry in walkdir::WalkDir::new(folder).into_iter().filter_map(Result::ok) {
            let name = entry.path().strip_prefix(folder).unwrap_or(entry.path()).to_string_lossy().into_owned();
            let is_hidden = name.split('/').any(|part| part.starts_with('.') || part == "__pycache__");
            if name.ends_with(".py") && !is_hidden && !known.contains(&name) {
                changed.push(name);
            }
        }
        Ok(changed)
    }

    /// Where the engine has its own rule.
    pub(crate) fn canary_index(&self) -> u32 {
        u32::try_from(self.rules.len()).unwrap_or(u32::MAX)
    }

    /// Reads and checks a pack. Relative paths in it start from `rules_dir`, else from the folder `rules` beside it.
    pub(crate) fn load(path: &Path, rules_dir: Option<&Path>) -> Result<Self, SetupError> {
        let bad = |reason: String| SetupError::Pack { path: path.display().to_string(), reason };
        let text = std::fs::read_to_string(path)
            .map_err(|e| bad(format!("{e}; build one with `iota compile RULES -o rulepack.json`")))?;
        let digest = check(&text).map_err(|reason| bad(reason.into()))?.to_owned();
        let body: Body = serde_json::from_str(&text)
            .map_err(|e| bad(format!("{e}; compile the rules again with this version of iota")))?;
        if body.engine_version != env!("CARGO_PKG_VERSION") {
            return Err(bad(format!(
                "made by iota {}, this is {}; compile the rules again",
                body.engine_version,
                env!("CARGO_PKG_VERSION")
            )));
        }
        let canary = serde_json::from_str(&CANARY.replace("DIGEST", &digest)).map_err(|e| bad(e.to_string()))?;
        let beside = || path.parent().unwrap_or(Path::new(".")).join("rules");
        Ok(Self {
            path: path.to_path_buf(),
            rules_dir: rules_dir.map_or_else(beside, Path::to_path_buf),
            digest,
            rules: body.rules,
            canary,
            failed: body.failed,
            accounts: body.accounts,
            exceptions: body.exceptions,
        })
    }
}

/// The digest a pack carries, if it is the digest of what follows it.
fn check(text: &str) -> Result<&str, &'static str> {
    let Some(rest) = text.strip_prefix(HEAD) else {
        let foreign = !text.trim_start().starts_with(r#"{"magic":"iota-rulepack""#);
        return Err(if foreign {
            "not a rulepack; build one with `iota compile RULES -o rulepack.json`"
        } else {
            "a rulepack of another format; compile the rules again with this version of iota"
        });
    };
    let damaged = "damaged or edited: its digest does not match; compile the rules again";
    let (digest, rest) = rest.split_at_checked(DIGEST_HEX).ok_or(damaged)?;
    let content = rest.strip_prefix('"').ok_or(damaged)?;
    if hex(&Sha256::digest(content)) == digest { Ok(digest) } else { Err(damaged) }
}

/// Lower-case hex digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    impl Rule {
        /// One that groups its matches like this.
        pub(crate) fn for_tests(period: u32, threshold: u32, unique: bool) -> Self {
            let functions = if unique { r#"["unique"]"# } else { "[]" };
            serde_json::from_str(&format!(
                r#"{{"id":"R","path":"r.py","digest":"d","severity":"LOW","create_alert":true,"dedup_period_minutes":{period},"threshold":{threshold},
                    "functions":{functions},"metadata":{{}},"condition":{{}}}}"#
            ))
            .expect("a rule")
        }
    }

    fn pack(content: &str) -> String {
        format!("{HEAD}{}\"{content}", hex(&Sha256::digest(content)))
    }

    #[track_caller]
    fn check_load(text: &str, expected: Result<usize, &str>) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("rulepack.json");
        std::fs::write(&path, text).expect("a written file");
        match (Rulepack::load(&path, None), expected) {
            (Ok(pack), Ok(rules)) => assert_eq!(pack.rules.len(), rules),
            (Err(error), Err(words)) => assert!(error.to_string().contains(words), "{error}"),
            (got, expected) => panic!("expected {expected:?}, got {got:?}"),
        }
    }

    #[test]
    fn only_a_whole_pack_of_ours_is_taken() {
        let version = env!("CARGO_PKG_VERSION");
        let rule = r#"{"id":"R","path":"r.py","digest":"d","severity":"HIGH","create_alert":true,"dedup_period_minutes":60,"threshold":1,"metadata":{},"condition":{}}"#;
        let body = |version: &str| {
            format!(
                r#","engine_version":"{version}","files":{{}},"accounts":{{}},"exceptions":[],"rules":[{rule}],"failed":[],"listed":[]}}"#
            )
        };
        check_load(&pack(&body(version)), Ok(1));
        check_load(&pack(&body("0.0.0")), Err("made by iota 0.0.0"));
        check_load(&pack(&body(version)).replace("\"R\"", "\"S\""), Err("digest does not match"));
        check_load(&pack(&body(version))[..80], Err("digest does not match"));
        check_load(&pack(&body(version)).replace("\"format\":1", "\"format\":9"), Err("another format"));
        check_load("{}", Err("not a rulepack"));
        check_load(&pack(","), Err("compile the rules again"));
    }
}
