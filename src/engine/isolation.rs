//! The isolation ladder: which rungs a worker is to climb, and which of them the kernel says it has.
//!
//! In: how strict to be, what became of the first steps, what the engine's hello claims. Out: the rungs that do not
//! hold, before any record is sent. No rung is a condition for running unless it is required: what Lambda's kernel
//! refuses is Lambda's to say. The words are those of `docs/security.md`.

use std::collections::BTreeMap;
use std::io;
use std::process::{Child, Command};

use serde::Serialize;

use super::EngineError;
use crate::model::Sandbox;

/// `nobody`: it owns nothing, and every user namespace that maps the usual range knows it.
const NOBODY: u32 = 65534;
/// What the engine answers for when it is asked to confine itself.
const RUNGS: [&str; 6] = ["limits", "audit", "user", "no_new_privs", "landlock", "seccomp"];
const HELD: &str = "held";

/// What the engine is told to deny itself.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Confine {
    /// Filters in base64, to be installed one after the other.
    filters: Vec<String>,
    /// The user to become, if the engine finds itself root.
    user: Option<u32>,
    /// True if a refused rung is the end.
    required: bool,
}

/// A rung that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refused {
    /// Its name.
    pub(crate) rung: String,
    /// The error's name or a sentence.
    pub(crate) why: String,
}

impl Refused {
    /// The name of the system's error, where that was it.
    pub(crate) fn errno(&self) -> Option<&str> {
        let is_name = |word: &&str| word.starts_with('E') && word.bytes().all(|b| b.is_ascii_uppercase());
        self.why.split([' ', ':']).next().filter(is_name)
    }
}

/// What became of the steps before the interpreter's first instruction: why each did not hold.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    refused: Vec<Refused>,
}

/// What all workers of a pool are to be denied.
#[derive(Debug, Clone)]
pub(crate) struct Ladder {
    sandbox: Sandbox,
    confine: Option<Confine>,
}

impl Ladder {
    pub(crate) fn new(sandbox: Sandbox) -> Self {
        let required = sandbox == Sandbox::Require;
        let confine = (sandbox != Sandbox::Off).then(|| Confine { filters: filters(), user: Some(NOBODY), required });
        Self { sandbox, confine }
    }

    /// The same for the worker that the compiler imports the rules in. It stays the user it is: the copies that it
    /// reads are nobody else's.
    #[cfg(feature = "cli")]
    pub(crate) fn for_import(sandbox: Sandbox) -> Option<Confine> {
        Some(Confine { user: None, ..Self::new(sandbox).confine? })
    }

    /// What the start frame carries.
    pub(crate) fn confine(&self) -> Option<&Confine> {
        self.confine.as_ref()
    }

    /// Starts a process, denied what can be denied before it begins.
    pub(super) fn start(&self, command: &mut Command) -> io::Result<(Child, Outcome)> {
        if self.sandbox == Sandbox::Off {
            return Ok((command.spawn()?, Outcome::default()));
        }
        first_steps(command)
    }

    /// Compares what the worker says with what the kernel says; gives back the rungs that do not hold. An error if one
    /// is required, or if the worker claims what is not so.
    pub(super) fn check(
        &self,
        claimed: &BTreeMap<String, String>,
        outcome: &Outcome,
        pid: u32,
    ) -> Result<Vec<Refused>, EngineError> {
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let refused = self.refused(claimed, outcome, &status).map_err(EngineError::Handshake)?;
        if self.sandbox == Sandbox::Require && !refused.is_empty() {
            let rungs: Vec<String> =
                refused.iter().map(|refused| format!("`{}` does not hold ({})", refused.rung, refused.why)).collect();
            return Err(EngineError::Unconfined(rungs.join(", ")));
        }
        Ok(refused)
    }

    fn refused(
        &self,
        claimed: &BTreeMap<String, String>,
        outcome: &Outcome,
        status: &str,
    ) -> Result<Vec<Refused>, String> {
        let rungs = if self.confine.is_some() { &RUNGS[..] } else { &RUNGS[..2] };
        let mut refused = outcome.refused.clone();
        for rung in rungs {
            let said = claimed.get(*rung).map_or("the engine does not know it", String::as_str);
            let known = refused.iter().any(|other| other.rung == *rung);
            if said == HELD {
                if !known && is_denied(rung, status) {
                    return Err(format!("the engine says that `{rung}` holds, and the kernel says it does not"));
                }
            } else if !known {
                let why = said.strip_prefix("refused: ").unwrap_or(said).to_owned();
                refused.push(Refused { rung: (*rung).to_owned(), why });
            }
        }
        Ok(refused)
    }
}

/// Keeps this process's memory and environment, which hold credentials, from every other process of its user, and
/// out of core files. Where that is refused there is nothing else to try.
pub(crate) fn shield_ourselves() {
    #[cfg(target_os = "linux")]
    let _ = rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable);
    let none = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    let _ = rustix::process::setrlimit(rustix::process::Resource::Core, none);
}

/// True if the kernel's words on a process contradict that a rung holds. Silence contradicts nothing.
fn is_denied(rung: &str, status: &str) -> bool {
    let field = |name: &str| status.lines().find_map(|line| Some(line.strip_prefix(name)?.strip_prefix(':')?.trim()));
    match rung {
        "no_new_privs" => field("NoNewPrivs").is_some_and(|value| value != "1"),
        "seccomp" => field("Seccomp").is_some_and(|value| value != "2"),
        "user" => {
            let root = field("Uid").is_some_and(|ids| ids.split_whitespace().any(|id| id == "0"));
            root || field("CapEff").is_some_and(|set| set.bytes().any(|digit| digit != b'0'))
        }
        _ => false,
    }
}

#[cfg(target_os = "linux")]
fn filters() -> Vec<String> {
    use base64::Engine as _;
    let encode = |program| base64::engine::general_purpose::STANDARD.encode(super::seccomp::bytes(program));
    let programs = super::seccomp::Arch::own().and_then(|arch| super::seccomp::lasting(arch).ok());
    programs.iter().flatten().map(encode).collect()
}

#[cfg(target_os = "linux")]
fn first_steps(command: &mut Command) -> io::Result<(Child, Outcome)> {
    let Some(filter) = super::seccomp::Arch::own().and_then(|arch| super::seccomp::early(arch).ok()) else {
        return Ok((command.spawn()?, Outcome::default()));
    };
    let report = super::confine::prepare(command, filter)?;
    let child = command.spawn()?;
    let steps = report.read();
    let refused = [("no_new_privs", steps.no_new_privs), ("seccomp", steps.filter)];
    let named = |(rung, errno): (&str, Option<rustix::io::Errno>)| {
        Some(Refused { rung: rung.to_owned(), why: name_of(errno?) })
    };
    Ok((child, Outcome { refused: refused.into_iter().filter_map(named).collect() }))
}

#[cfg(target_os = "linux")]
fn name_of(errno: rustix::io::Errno) -> String {
    use rustix::io::Errno;
    match errno {
        Errno::PERM => "EPERM".to_owned(),
        Errno::ACCESS => "EACCES".to_owned(),
        Errno::NOSYS => "ENOSYS".to_owned(),
        Errno::INVAL => "EINVAL".to_owned(),
        other => format!("error {}", other.raw_os_error()),
    }
}

#[cfg(not(target_os = "linux"))]
fn filters() -> Vec<String> {
    Vec::new()
}

#[cfg(not(target_os = "linux"))]
fn first_steps(command: &mut Command) -> io::Result<(Child, Outcome)> {
    Ok((command.spawn()?, Outcome::default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const FINE: &str = "Uid:\t65534\t65534\t65534\t65534\nCapEff:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n";

    fn all_held() -> BTreeMap<String, String> {
        RUNGS.iter().map(|rung| ((*rung).to_owned(), HELD.to_owned())).collect()
    }

    #[test]
    fn what_the_engine_claims_is_compared_with_what_the_kernel_says() {
        let ladder = Ladder::new(Sandbox::Auto);
        let check = |status: &str, expected: Result<usize, &str>| {
            let got = ladder.refused(&all_held(), &Outcome::default(), status);
            match (&got, expected) {
                (Ok(refused), Ok(count)) => assert_eq!(refused.len(), count, "{status}"),
                (Err(error), Err(words)) => assert!(error.contains(words), "{error}"),
                _ => panic!("{status}: expected {expected:?}, got {got:?}"),
            }
        };
        check(FINE, Ok(0));
        check("", Ok(0));
        check(&FINE.replace("Seccomp:\t2", "Seccomp:\t0"), Err("`seccomp`"));
        check(&FINE.replace("NoNewPrivs:\t1", "NoNewPrivs:\t0"), Err("`no_new_privs`"));
        check(&FINE.replace("Uid:\t65534", "Uid:\t0"), Err("`user`"));
        check(&FINE.replace("CapEff:\t0", "CapEff:\t1"), Err("`user`"));
    }

    #[test]
    fn every_rung_that_does_not_hold_is_named_with_its_cause() {
        let mut claimed = all_held();
        claimed.insert("landlock".to_owned(), "refused: ENOSYS".to_owned());
        claimed.remove("user");
        let early = Outcome { refused: vec![Refused { rung: "seccomp".to_owned(), why: "EPERM".to_owned() }] };
        let refused = Ladder::new(Sandbox::Auto).refused(&claimed, &early, FINE).expect("no lie");
        let got: Vec<_> = refused.iter().map(|refused| (refused.rung.as_str(), refused.errno())).collect();
        assert_eq!(got, [("seccomp", Some("EPERM")), ("user", None), ("landlock", Some("ENOSYS"))]);
        let strict = Ladder::new(Sandbox::Require).check(&claimed, &early, std::process::id());
        assert!(strict.is_err());
    }

    #[test]
    fn without_a_sandbox_only_the_engines_own_rungs_count() {
        let ladder = Ladder::new(Sandbox::Off);
        assert!(ladder.confine().is_none());
        let claimed = BTreeMap::from([("limits".to_owned(), HELD.to_owned()), ("audit".to_owned(), HELD.to_owned())]);
        assert_eq!(ladder.refused(&claimed, &Outcome::default(), "Seccomp:\t0\n"), Ok(Vec::new()));
    }
}
