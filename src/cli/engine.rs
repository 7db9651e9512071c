//! Finds what runs the rules: the interpreter, its packages, the engine; and has the rules compiled.
//!
//! The command carries the engine inside and unpacks it to the user's cache, named by its content; every use compares
//! all files, so what runs is what was built in.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context as _, bail};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::kept::{Inputs, Kept};
use super::{EngineArgs, RulesArgs};
use crate::config::{Defaults, credential_names, resolve_program, sandbox, worker_environment};
use crate::engine::{Ladder, Recipe};
use crate::rulepack::{Rulepack, hex};

/// The engine's files by name, as they were when this was built.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/engine_files.rs"));

/// An interpreter and the engine for it.
pub(super) struct Engine {
    pub(super) python: PathBuf,
    /// The folder that holds the package `iota_engine`.
    pub(super) folder: PathBuf,
    /// The interpreter's folders of third-party packages.
    pub(super) site: Vec<String>,
}

/// Compiled rules, and the folder they live in as long as this does.
pub(super) struct Rules {
    pub(super) pack: Rulepack,
    _folder: Option<TempDir>,
}

/// What `compile` reports.
#[derive(Deserialize)]
pub(super) struct Report {
    pub(super) digest: String,
    pub(super) rules: usize,
    pub(super) failed: Vec<crate::rulepack::Unloaded>,
    pub(super) listed: Vec<crate::rulepack::Unloaded>,
    pub(super) unconditioned: Vec<Unconditioned>,
    /// Rules that can't match, whatever comes.
    pub(super) never: Vec<String>,
    /// Places where a rule could reach beyond its own code.
    pub(super) flagged: Vec<Flagged>,
    /// What it has looked at; `None` if that can't be told.
    inputs: Option<Inputs>,
    pub(super) own: Own,
}

/// A place where a rule, or a helper, could reach beyond its own code.
#[derive(Deserialize)]
pub(super) struct Flagged {
    pub(super) path: String,
    pub(super) line: u32,
    /// What is used there.
    pub(super) what: String,
    /// What that could do.
    pub(super) why: String,
    /// Whose code it is, or who imports it.
    pub(super) rules: Vec<String>,
}

/// What the organisation's own files came to.
#[derive(Deserialize)]
pub(super) struct Own {
    /// The `site.yml` that counts.
    pub(super) file: Option<String>,
    /// Rules that it changes.
    pub(super) changed: Vec<Changed>,
    /// What rules ask for and it does not say.
    pub(super) wants: Vec<Wanted>,
    /// How many exceptions there are.
    pub(super) exceptions: usize,
    /// Those that apply no more.
    pub(super) expired: Vec<String>,
}

/// A rule that `site.yml` changes.
#[derive(Deserialize)]
pub(super) struct Changed {
    pub(super) id: String,
    #[serde(flatten)]
    pub(super) to: serde_json::Map<String, serde_json::Value>,
}

/// A value of `site.yml` that is not set.
#[derive(Deserialize)]
pub(super) struct Wanted {
    pub(super) value: String,
    pub(super) rules: Vec<String>,
}

/// A rule that goes to Python with every record, and why.
#[derive(Deserialize)]
pub(super) struct Unconditioned {
    pub(super) id: String,
    pub(super) reason: String,
}

impl Engine {
    pub(super) fn find(args: &EngineArgs) -> anyhow::Result<Self> {
        let defaults = Defaults::from_env();
        let python = args.python.clone().or(defaults.python.clone()).unwrap_or_else(|| "python3".into());
        let Some(python) = resolve_program(&python) else {
            bail!("`{}` is not there; install Python 3.11 or newer, or name it with --python", python.display());
        };
        let Interpreter { executable, site } = ask(&python)?;
        Ok(Self { python: executable, folder: folder(args, &defaults)?, site })
    }

    /// How workers are started.
    pub(super) fn recipe(&self) -> Recipe {
        Recipe { python: self.python.clone(), engine: self.folder.clone(), environment: worker_environment() }
    }

    /// The rules that were asked for: loaded if they are compiled, else compiled into a folder that goes away.
    pub(super) fn rules(&self, args: &RulesArgs) -> anyhow::Result<Rules> {
        // What is typed outweighs what is set.
        let set = || Defaults::from_env().rulepack.filter(|_| args.rules.is_empty());
        if let Some(path) = args.rulepack.clone().or_else(set) {
            return Ok(Rules { pack: Rulepack::load(&path, None)?, _folder: None });
        }
        let rules = rules_folders(args)?;
        let more: &[&str] = if args.include_disabled { &["--include-disabled"] } else { &[] };
        let base = std::path::absolute(&rules[0])?;
        let folder = tempfile::Builder::new().prefix("iota-").tempdir().context("can't make a temporary folder")?;
        let path = folder.path().join("rulepack.json");
        let kept = self.kept(&rules, &args.engine, more)?;
        if kept.as_ref().is_some_and(|kept| kept.find(&path).is_some())
            && let Ok(pack) = Rulepack::load(&path, Some(&base))
        {
            return Ok(Rules { pack, _folder: Some(folder) });
        }
        let report = self.compile(&rules, &args.engine, &path, more)?;
        // A rule that can't load may load tomorrow, for reasons that nobody here knows of.
        if let (Some(kept), Some(inputs), true) = (kept, report.inputs, report.failed.is_empty()) {
            // The next command compiles again; this one has its rules.
            let _ = kept.keep(inputs, &report.digest, &path);
        }
        let pack = Rulepack::load(&path, Some(&base))?;
        if pack.rules.is_empty() {
            super::show::unloaded(&pack);
            bail!("no rule in `{}` could be loaded; start one with the examples in the README", rules[0].display());
        }
        Ok(Rules { pack, _folder: Some(folder) })
    }

    /// Where such a compilation is kept: only of the built-in engine, for others change.
    fn kept(&self, rules: &[PathBuf], args: &EngineArgs, more: &[&str]) -> anyhow::Result<Option<Kept>> {
        let cache = Defaults::from_env().cache;
        if !self.folder.starts_with(&cache) {
            return Ok(None);
        }
        Ok(Some(Kept::new(&cache, &arguments(rules, args, more)?, &self.python, &self.site, &self.folder)))
    }

    /// Runs the interpreter for a tool of Python's own, as its user would.
    pub(super) fn tool(&self, args: &[&str]) -> anyhow::Result<()> {
        let done = Command::new(&self.python)
            .args(args)
            .stdin(Stdio::null())
            .output()
            .with_context(|| format!("can't start `{}`", self.python.display()))?;
        if !done.status.success() {
            bail!("`python {}`: {}", args.join(" "), String::from_utf8_lossy(&done.stderr).trim());
        }
        Ok(())
    }

    /// Runs the engine's compiler.
    pub(super) fn compile(
        &self,
        rules: &[PathBuf],
        args: &EngineArgs,
        output: &Path,
        more: &[&str],
    ) -> anyhow::Result<Report> {
        let mut command = Command::new(&self.python);
        command.args(["-P", "-s", "-B", "-m", "iota_engine", "compile"]);
        command.args(arguments(rules, args, more)?).arg("--output").arg(output);
        command.env_clear().envs(worker_environment()).env("PYTHONPATH", &self.folder);
        let done = command
            .stdin(Stdio::null())
            .stderr(Stdio::piped())
            .output()
            .with_context(|| format!("can't start `{}`", self.python.display()))?;
        if !done.status.success() {
            bail!("{}", String::from_utf8_lossy(&done.stderr).trim());
        }
        serde_json::from_slice(&done.stdout).context("the engine's compiler gave no report; is it of another version?")
    }
}

/// What the compiler is told, but for where its result goes.
fn arguments(rules: &[PathBuf], args: &EngineArgs, more: &[&str]) -> anyhow::Result<Vec<OsString>> {
    let mut arguments: Vec<OsString> = more.iter().map(OsString::from).collect();
    if let Some(confine) = Ladder::for_import(sandbox()?) {
        arguments.extend(["--confine".into(), serde_json::to_string(&confine)?.into()]);
    }
    for folder in &args.include {
        arguments.extend(["--include".into(), folder.into()]);
    }
    arguments.extend(rules.iter().map(OsString::from));
    Ok(arguments)
}

/// The folders of rules that were named; `rules` in the current folder if none was.
pub(super) fn rules_folders(args: &RulesArgs) -> anyhow::Result<Vec<PathBuf>> {
    if !args.rules.is_empty() {
        return Ok(args.rules.clone());
    }
    let default = Defaults::from_env().rules.unwrap_or_else(|| "rules".into());
    if default.is_dir() {
        return Ok(vec![default]);
    }
    bail!("no rules: there is no folder `{}` here; name one with --rules DIR", default.display())
}

/// The engine that was named, else the built-in one.
fn folder(args: &EngineArgs, defaults: &Defaults) -> anyhow::Result<PathBuf> {
    if let Some(named) = &args.engine {
        if named.join("iota_engine").is_dir() {
            return Ok(std::path::absolute(named)?);
        }
        super::show::note(&format!("`--engine {}` is not iota's; the built-in engine is used", named.display()));
    } else if let Some(named) = &defaults.engine {
        if named.join("iota_engine").is_dir() {
            return Ok(std::path::absolute(named)?);
        }
        bail!("`IOTA_ENGINE` is `{}`, which holds no package `iota_engine`", named.display());
    }
    unpack(&defaults.cache)
        .context("can't unpack the built-in engine; set XDG_CACHE_HOME to a folder that can be written")
}

/// Brings the cache to what is built in.
fn unpack(cache: &Path) -> io::Result<PathBuf> {
    let mut hash = Sha256::new();
    for (name, content) in FILES {
        hash.update(name.as_bytes());
        hash.update(content);
    }
    let digest = hex(&hash.finalize());
    let folder = cache.join(format!("engine-{}-{}", env!("CARGO_PKG_VERSION"), &digest[..16]));
    for (name, content) in FILES {
        let path = folder.join(name);
        if fs::read(&path).is_ok_and(|found| found == *content) {
            continue;
        }
        let parent = path.parent().unwrap_or(&folder);
        fs::create_dir_all(parent)?;
        // Renamed into place: another command may be unpacking, or importing, at this moment.
        // Readable for all, for root's workers are another user.
        let readable = fs::Permissions::from_mode(0o644);
        let mut file = tempfile::Builder::new().permissions(readable).tempfile_in(parent)?;
        io::Write::write_all(&mut file, content)?;
        file.persist(&path)?;
    }
    Ok(folder)
}

/// What an interpreter says of itself.
#[derive(Deserialize)]
struct Interpreter {
    /// The program itself, where the command that was named is only a script that finds it.
    executable: PathBuf,
    /// Where it keeps third-party packages. Workers start without them and add them at the end.
    site: Vec<String>,
}

fn ask(python: &Path) -> anyhow::Result<Interpreter> {
    const ASK: &str = "import json, sys\n\
        if sys.version_info < (3, 11): sys.exit('it is Python %d.%d' % sys.version_info[:2])\n\
        site = [p for p in sys.path if p.endswith('-packages')]\n\
        print(json.dumps({'executable': sys.executable, 'site': site}))";
    let mut command = Command::new(python);
    // A script that finds the interpreter may need the rest of the environment; credentials it does not.
    for name in credential_names() {
        command.env_remove(name);
    }
    let done = command
        .args(["-P", "-s", "-B", "-c", ASK])
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("can't start `{}`", python.display()))?;
    match serde_json::from_slice(&done.stdout) {
        Ok(interpreter) if done.status.success() => Ok(interpreter),
        _ => bail!(
            "`{}` is no Python 3.11 or newer ({}); name one with --python",
            python.display(),
            String::from_utf8_lossy(&done.stderr).trim().lines().last().unwrap_or("it said nothing")
        ),
    }
}
