//! The settings, and the only place that reads the environment.
//!
//! Every setting has a limit that is checked here, so that a bad value stops the start with its name instead of
//! surprising somebody in the middle of a file. The table of all of them is in the crate's documentation.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::error::SetupError;
use crate::json;
use crate::model::{Sandbox, WorkerPer};

/// One vCPU of a Lambda function, in MB of memory.
const MB_PER_VCPU: u64 = 1769;
const MIB: u64 = 1024 * 1024;
/// Address space of a worker that runs one rule, in MB. With one it takes 19, with all of the public rules' imports 53.
const ONE_RULE_MB: u64 = 128;
/// So many workers with one rule each are kept on a laptop, at some 19 MB apiece: a file seldom asks more rules.
const KEPT: u64 = 24;

/// All settings, checked.
#[derive(Debug, Clone)]
pub(crate) struct Config {
    /// `IOTA_MAX_OBJECT_BYTES`: decompressed bytes of one object.
    pub max_object_bytes: u64,
    /// `IOTA_MAX_RECORD_BYTES`: a longer record is counted as oversize and not judged.
    pub max_record_bytes: usize,
    /// `IOTA_MAX_DEPTH`: a record nested deeper is malformed.
    pub max_depth: u64,
    /// `IOTA_MAX_ALERT_BYTES`: no printed line is longer.
    pub max_alert_bytes: usize,
    /// `IOTA_RULE_TIMEOUT_MS`: one rule on one record, its other functions included.
    pub rule_timeout: Duration,
    /// `IOTA_WORKER_MEMORY_MB`: address space of one Python worker.
    pub worker_memory_bytes: u64,
    /// `IOTA_WORKERS`: Python workers, and objects handled at the same time.
    pub workers: usize,
    /// `IOTA_WORKER_PER`: whether rules may share a worker.
    pub worker_per: WorkerPer,
    /// Workers that live at the same time, idle ones included.
    pub workers_alive: usize,
    /// `IOTA_DEADLINE_MARGIN_MS`: how long before the function's deadline work stops.
    pub deadline_margin: Duration,
    /// `IOTA_ALERTS_TO`: who must acknowledge alerts, besides the log.
    pub alerts_to: Option<String>,
    /// `IOTA_SIGNALS=log`: print matches that are no alerts.
    pub log_signals: bool,
    /// `IOTA_MASK`: names of secrets besides the usual ones; `None` if none are masked.
    pub mask: Option<Vec<String>>,
    /// `IOTA_VERIFY_SAMPLE`: of so many records one is judged by every rule, whatever the prefilter says; 0 for none.
    pub verify_sample: u64,
    /// `IOTA_SANDBOX`: whether workers run without a rung of the ladder that the kernel refuses.
    pub sandbox: Sandbox,
    /// `IOTA_PYTHON`: the interpreter, if it was named.
    pub python: Option<PathBuf>,
    /// `IOTA_ENGINE`: the folder that holds the package `iota_engine`.
    pub engine: Option<PathBuf>,
    /// `IOTA_RULES`: the folder that relative paths of the pack start from.
    pub rules: Option<PathBuf>,
    /// `IOTA_RULEPACK`: the compiled rules.
    pub rulepack: PathBuf,
    /// The function's name, where we run as one.
    pub function_name: Option<String>,
    /// Our own log group: its events are refused, or every line would beget another.
    pub(crate) log_group: Option<String>,
    /// `IOTA_READER_ROLE_ARN`: the role that the function takes on to read log files, of the account that keeps them.
    pub reader_role: Option<String>,
    /// An S3 endpoint of the user's own (`AWS_ENDPOINT_URL_S3`, `AWS_ENDPOINT_URL`): addressed by path.
    pub custom_s3_endpoint: bool,
    /// Variables that begin with `IOTA_` and mean nothing to us: a misspelt setting is worth a line.
    pub unknown: Vec<String>,
}

/// Every setting by name: what is not here and begins with `IOTA_` is reported.
const NAMES: [&str; 19] = [
    "IOTA_MAX_OBJECT_BYTES",
    "IOTA_MAX_RECORD_BYTES",
    "IOTA_MAX_DEPTH",
    "IOTA_MAX_ALERT_BYTES",
    "IOTA_RULE_TIMEOUT_MS",
    "IOTA_WORKER_MEMORY_MB",
    "IOTA_WORKERS",
    "IOTA_WORKER_PER",
    "IOTA_DEADLINE_MARGIN_MS",
    "IOTA_ALERTS_TO",
    "IOTA_SIGNALS",
    "IOTA_MASK",
    "IOTA_VERIFY_SAMPLE",
    "IOTA_SANDBOX",
    "IOTA_PYTHON",
    "IOTA_ENGINE",
    "IOTA_RULES",
    "IOTA_RULEPACK",
    "IOTA_READER_ROLE_ARN",
];

impl Config {
    /// From the process's environment.
    pub(crate) fn from_env() -> Result<Self, SetupError> {
        let known = |name: &str| NAMES.contains(&name);
        let mut config = Self::from_lookup(|name| std::env::var_os(name))?;
        config.unknown = std::env::vars_os()
            .filter_map(|(name, _)| name.into_string().ok())
            .filter(|name| name.starts_with("IOTA_") && !known(name))
            .collect();
        config.unknown.sort();
        Ok(config)
    }

    fn from_lookup(lookup: impl Fn(&str) -> Option<OsString>) -> Result<Self, SetupError> {
        let env = Lookup { lookup: &lookup };
        let function_memory_mb = env.number("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", None, 1, 1 << 20)?;
        // A whole core or none in sight: a function of 512 MB has 0.29 of one, and a rule takes that much longer.
        let memory = function_memory_mb.unwrap_or(MB_PER_VCPU);
        let slower = (MB_PER_VCPU as f64 / memory as f64).max(1.0);
        let cores = memory.div_ceil(MB_PER_VCPU).clamp(1, 6);
        let workers = env.number("IOTA_WORKERS", Some(cores), 1, 64)?.unwrap_or(cores);
        let worker_per = env.worker_per()?;
        // What the function has, less what Rust needs; on a laptop as much as any rule's imports may want.
        let for_workers = function_memory_mb.map(|mb| mb.saturating_sub(96));
        let memory_for_worker = for_workers.map_or(1024, |mb| (mb / workers).max(96));
        let memory_for_worker =
            if worker_per == WorkerPer::Rule { memory_for_worker.min(ONE_RULE_MB) } else { memory_for_worker };
        let worker_mb =
            env.number("IOTA_WORKER_MEMORY_MB", Some(memory_for_worker), 64, 1 << 20)?.unwrap_or(memory_for_worker);
        // Idle workers hold what their rule left in them, so all of them together must fit.
        let kept = for_workers.map_or(KEPT, |mb| mb / worker_mb).clamp(workers, 64);
        let workers_alive = if worker_per == WorkerPer::Rule { kept } else { workers };
        // To ask every rule would start a process for each.
        let sample = if worker_per == WorkerPer::Rule { 0 } else { 10_000 };
        let rule_timeout = env.number("IOTA_RULE_TIMEOUT_MS", Some(2000), 10, 600_000)?.unwrap_or_default();
        Ok(Self {
            max_object_bytes: env.bytes("IOTA_MAX_OBJECT_BYTES", 512 * MIB, 1024, 1 << 40)?,
            max_record_bytes: usize::try_from(env.bytes("IOTA_MAX_RECORD_BYTES", MIB, 1024, 6 * MIB)?)
                .unwrap_or(usize::MAX),
            max_depth: env.number("IOTA_MAX_DEPTH", Some(128), json::SHALLOW, 900)?.unwrap_or_default(),
            max_alert_bytes: usize::try_from(env.bytes("IOTA_MAX_ALERT_BYTES", 64 * 1024, 32 * 1024, MIB)?)
                .unwrap_or(usize::MAX),
            rule_timeout: Duration::from_millis(rule_timeout).mul_f64(slower),
            worker_memory_bytes: MIB * worker_mb,
            worker_per,
            workers_alive: usize::try_from(workers_alive).unwrap_or(1),
            workers: usize::try_from(workers).unwrap_or(1),
            deadline_margin: Duration::from_millis(
                env.number("IOTA_DEADLINE_MARGIN_MS", Some(2000), 100, 300_000)?.unwrap_or_default(),
            ),
            alerts_to: env.text("IOTA_ALERTS_TO"),
            mask: env.mask()?,
            log_signals: env.word("IOTA_SIGNALS", &["count", "log"])? == "log",
            verify_sample: env.number("IOTA_VERIFY_SAMPLE", Some(sample), 0, u64::MAX)?.unwrap_or_default(),
            sandbox: env.sandbox()?,
            python: env.path("IOTA_PYTHON"),
            engine: env.path("IOTA_ENGINE"),
            rules: env.path("IOTA_RULES"),
            rulepack: env.path("IOTA_RULEPACK").unwrap_or_else(|| "/opt/iota/rulepack.json".into()),
            function_name: env.text("AWS_LAMBDA_FUNCTION_NAME"),
            log_group: env.text("AWS_LAMBDA_LOG_GROUP_NAME"),
            reader_role: env.role("IOTA_READER_ROLE_ARN")?,
            custom_s3_endpoint: env.text("AWS_ENDPOINT_URL_S3").or(env.text("AWS_ENDPOINT_URL")).is_some(),
            unknown: Vec::new(),
        })
    }

    /// The interpreter: as set, else as the exec wrapper was told (`wrapped`), else the managed runtime's, else
    /// `python3` on the path.
    pub(crate) fn interpreter(&self, wrapped: Option<PathBuf>) -> PathBuf {
        let managed = Path::new("/var/lang/bin/python3");
        self.python
            .clone()
            .or(wrapped)
            .or_else(|| managed.exists().then(|| managed.to_path_buf()))
            .unwrap_or_else(|| "python3".into())
    }
}

/// What the command takes from the environment where an option does not say it.
#[cfg(feature = "cli")]
#[derive(Debug)]
pub(crate) struct Defaults {
    /// `IOTA_PYTHON`
    pub(crate) python: Option<PathBuf>,
    /// `IOTA_ENGINE`
    pub(crate) engine: Option<PathBuf>,
    /// `IOTA_RULES`
    pub(crate) rules: Option<PathBuf>,
    /// `IOTA_RULEPACK`
    pub(crate) rulepack: Option<PathBuf>,
    /// Where a user's caches go.
    pub(crate) cache: PathBuf,
}

#[cfg(feature = "cli")]
impl Defaults {
    pub(crate) fn from_env() -> Self {
        let lookup = |name: &str| std::env::var_os(name);
        let env = Lookup { lookup: &lookup };
        let cache = env.path("XDG_CACHE_HOME").or_else(|| Some(env.path("HOME")?.join(".cache")));
        Self {
            python: env.path("IOTA_PYTHON"),
            engine: env.path("IOTA_ENGINE"),
            rules: env.path("IOTA_RULES"),
            rulepack: env.path("IOTA_RULEPACK"),
            cache: cache.unwrap_or_else(std::env::temp_dir).join("iota"),
        }
    }
}

/// The settings of ours that are set, to be passed on to the function that `iota local` runs.
#[cfg(feature = "cli")]
pub(crate) fn own_settings() -> Vec<(String, String)> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).filter(|(name, _)| name.starts_with("IOTA_")).collect()
}

/// Where Lambda is, if it is not where AWS has it.
#[cfg(feature = "cli")]
pub(crate) fn lambda_endpoint() -> Option<String> {
    let env = Lookup { lookup: &|name| std::env::var_os(name) };
    env.text("AWS_ENDPOINT_URL_LAMBDA").or_else(|| env.text("AWS_ENDPOINT_URL"))
}

/// True if a person asked for no colours, by the convention of `no-color.org`.
#[cfg(feature = "cli")]
pub(crate) fn no_color() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty())
}

/// The variables that may hold credentials: no child of the command needs them.
#[cfg(feature = "cli")]
pub(crate) fn credential_names() -> Vec<OsString> {
    std::env::vars_os().map(|(name, _)| name).filter(|name| name.as_encoded_bytes().starts_with(b"AWS_")).collect()
}

/// What a worker's environment is made of: nothing of ours but these, if they are set.
pub(crate) fn worker_environment() -> Vec<(&'static str, OsString)> {
    ["PATH", "LD_LIBRARY_PATH", "LANG", "TZ"]
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)))
        .collect()
}

/// Finds a program the way a shell would, and follows links to the file itself.
pub(crate) fn resolve_program(program: &Path) -> Option<PathBuf> {
    let found = if program.components().count() > 1 {
        program.to_path_buf()
    } else {
        let path = std::env::var_os("PATH")?;
        std::env::split_paths(&path).map(|dir| dir.join(program)).find(|file| file.is_file())?
    };
    // A virtual environment's interpreter is a link that must stay one: Python finds its packages beside it.
    std::path::absolute(found).ok().filter(|file| file.is_file())
}

struct Lookup<'a> {
    lookup: &'a dyn Fn(&str) -> Option<OsString>,
}

impl Lookup<'_> {
    /// A set variable that is not empty.
    fn text(&self, name: &str) -> Option<String> {
        (self.lookup)(name).filter(|value| !value.is_empty()).map(|value| value.to_string_lossy().into_owned())
    }

    fn path(&self, name: &str) -> Option<PathBuf> {
        (self.lookup)(name).filter(|value| !value.is_empty()).map(PathBuf::from)
    }

    fn number(&self, name: &str, default: Option<u64>, min: u64, max: u64) -> Result<Option<u64>, SetupError> {
        let Some(value) = self.text(name) else { return Ok(default) };
        let in_range = |n: &u64| (min..=max).contains(n);
        let bad = || bad(name, &value, format!("expected a whole number from {min} to {max}"));
        value.trim().parse().ok().filter(in_range).map(Some).ok_or_else(bad)
    }

    /// A number of bytes, as such or with one of the suffixes KiB, MiB, GiB.
    fn bytes(&self, name: &str, default: u64, min: u64, max: u64) -> Result<u64, SetupError> {
        let Some(value) = self.text(name) else { return Ok(default) };
        let units = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("", 1)];
        let parsed = units.iter().find_map(|(suffix, unit)| {
            value.trim().strip_suffix(suffix)?.trim().parse::<u64>().ok()?.checked_mul(*unit)
        });
        let bad = || bad(name, &value, format!("expected bytes (or KiB, MiB, GiB) from {min} to {max}"));
        parsed.filter(|n| (min..=max).contains(n)).ok_or_else(bad)
    }

    fn role(&self, name: &str) -> Result<Option<String>, SetupError> {
        let Some(value) = self.text(name) else { return Ok(None) };
        let parts: Vec<&str> = value.split(':').collect();
        match parts[..] {
            ["arn", _, "iam", "", account, role] if account.len() == 12 && role.starts_with("role/") => Ok(Some(value)),
            _ => {
                Err(bad(name, &value, "expected the ARN of a role, such as arn:aws:iam::111122223333:role/name".into()))
            }
        }
    }

    fn worker_per(&self) -> Result<WorkerPer, SetupError> {
        let word = self.word("IOTA_WORKER_PER", &["pack", "rule"])?;
        Ok(if word == "rule" { WorkerPer::Rule } else { WorkerPer::Pack })
    }

    fn mask(&self) -> Result<Option<Vec<String>>, SetupError> {
        let value = self.text("IOTA_MASK").unwrap_or_default();
        if value.trim() == "off" {
            return Ok(None);
        }
        let names: Vec<String> =
            value.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        let is_name = |name: &String| {
            name.len() <= 64
                && name.bytes().any(|byte| byte.is_ascii_alphanumeric())
                && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-'))
        };
        let bad = || bad("IOTA_MASK", &value, "expected `off`, or names of members such as apiKey,licence_key".into());
        if names.iter().all(is_name) { Ok(Some(names)) } else { Err(bad()) }
    }

    fn sandbox(&self) -> Result<Sandbox, SetupError> {
        Ok(match self.word("IOTA_SANDBOX", &["auto", "require", "off"])? {
            "require" => Sandbox::Require,
            "off" => Sandbox::Off,
            _ => Sandbox::Auto,
        })
    }

    fn word(&self, name: &str, words: &[&'static str]) -> Result<&'static str, SetupError> {
        let Some(value) = self.text(name) else { return Ok(words[0]) };
        let bad = || bad(name, &value, format!("expected one of {}", words.join(", ")));
        words.iter().find(|word| **word == value).copied().ok_or_else(bad)
    }
}

/// The function's name, for what is told before the settings are known to be good.
pub(crate) fn function_name() -> Option<String> {
    Lookup { lookup: &|name| std::env::var_os(name) }.text("AWS_LAMBDA_FUNCTION_NAME")
}

/// `IOTA_SANDBOX`, for what runs rules without any other setting.
#[cfg(feature = "cli")]
pub(crate) fn sandbox() -> Result<Sandbox, SetupError> {
    Lookup { lookup: &|name| std::env::var_os(name) }.sandbox()
}

fn bad(name: &str, value: &str, expected: String) -> SetupError {
    SetupError::Setting { name: name.into(), value: value.into(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(set: &[(&str, &str)]) -> Result<Config, String> {
        let lookup = |name: &str| set.iter().find(|(n, _)| *n == name).map(|(_, v)| OsString::from(v));
        Config::from_lookup(lookup).map_err(|e| e.to_string())
    }

    #[test]
    fn defaults() {
        let got = config(&[]).expect("no setting is required");
        assert_eq!((got.max_object_bytes, got.max_record_bytes, got.max_alert_bytes), (512 << 20, 1 << 20, 65536));
        assert_eq!((got.rule_timeout, got.workers), (Duration::from_secs(2), 1));
    }

    #[test]
    fn a_small_function_is_given_more_time() {
        let got = config(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "512")]).expect("valid");
        assert_eq!((got.rule_timeout.as_millis(), got.workers), (6910, 1));
        let got = config(&[("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "3538")]).expect("valid");
        assert_eq!((got.rule_timeout.as_millis(), got.workers), (2000, 2));
    }

    #[test]
    fn a_worker_for_each_rule_takes_no_more_memory() {
        let got = |set: &[(&str, &str)]| {
            let config = config(&[set, &[("IOTA_WORKER_PER", "rule")]].concat()).expect("valid");
            (config.workers_alive, config.worker_memory_bytes >> 20)
        };
        let memory = |mb| ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", mb);
        assert_eq!(got(&[memory("1024")]), (7, 128));
        assert_eq!(got(&[memory("1024"), ("IOTA_WORKER_MEMORY_MB", "300")]), (3, 300));
        assert_eq!(got(&[memory("128")]), (1, 96), "one there must be");
        assert_eq!(got(&[("IOTA_WORKERS", "30")]), (30, 128), "no fewer than may be busy");
        assert_eq!(
            config(&[memory("3538")]).expect("valid").workers_alive,
            2,
            "as many as workers, where they are shared"
        );
    }

    #[test]
    fn bad_values_are_named() {
        let check = |name, value, expected: &str| {
            let got = config(&[(name, value)]).expect_err("must be refused");
            assert!(got.contains(name) && got.contains(value) && got.contains(expected), "{got}");
        };
        check("IOTA_MAX_OBJECT_BYTES", "lots", "KiB");
        check("IOTA_MAX_RECORD_BYTES", "1 GiB", "from 1024 to 6291456");
        check("IOTA_WORKERS", "0", "from 1 to 64");
        check("IOTA_SIGNALS", "yes", "count, log");
        check("IOTA_MASK", "a.b", "`off`, or names");
        check("IOTA_SANDBOX", "on", "auto, require, off");
        check("IOTA_WORKER_PER", "record", "pack, rule");
        check("IOTA_READER_ROLE_ARN", "iota-log-reader", "the ARN of a role");
        check("IOTA_READER_ROLE_ARN", "arn:aws:iam::111122223333:user/u", "the ARN of a role");
        let masked = |value| config(&[("IOTA_MASK", value)]).expect("valid").mask;
        assert_eq!(
            [masked("off"), masked(""), masked("a, b_c,")],
            [None, Some(vec![]), Some(vec!["a".into(), "b_c".into()])]
        );
        assert_eq!(config(&[("IOTA_MAX_OBJECT_BYTES", "2 GiB")]).expect("valid").max_object_bytes, 2 << 30);
    }
}
