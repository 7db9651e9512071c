//! The function as it is deployed: which binary, in which environment variables.
//!
//! Input: the command line, the caller's settings, and the endpoints of the run. Output: a `Command` for one process.
//! It holds all that Lambda's configuration page would, and starts nothing itself.

use std::env;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};

use super::identity::{Credentials, FUNCTION, REGION};
use crate::config::worker_environment;

/// The binary's name, beside `iota` as in Lambda's `/var/task`.
const BOOTSTRAP: &str = "bootstrap";

/// One deployed function. Everything in it is the same for all its processes.
#[derive(Debug)]
pub(crate) struct Function {
    bootstrap: PathBuf,
    variables: Vec<(OsString, OsString)>,
}

impl Function {
    pub(crate) fn new(bootstrap: PathBuf, memory_mb: u32, settings: Vec<(String, String)>) -> Self {
        let mut function = Self { bootstrap, variables: Vec::new() };
        function.set("AWS_LAMBDA_FUNCTION_NAME", FUNCTION);
        function.set("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST");
        function.set("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", memory_mb.to_string());
        function.set("AWS_LAMBDA_INITIALIZATION_TYPE", "on-demand");
        function.set("AWS_LAMBDA_LOG_FORMAT", "JSON");
        function.set("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{FUNCTION}"));
        function.set("AWS_REGION", REGION);
        function.set("AWS_DEFAULT_REGION", REGION);
        function.set("_HANDLER", BOOTSTRAP);
        let root = function.bootstrap.parent().map(Path::to_owned).unwrap_or_default();
        function.set("LAMBDA_TASK_ROOT", root);
        // Of ours only what finding and loading an interpreter needs; nothing of our AWS profile or proxies.
        function.set("LANG", "C.UTF-8");
        for (name, value) in worker_environment() {
            function.set(name, value);
        }
        // Lambda's, so that a rule that looks at the local time answers as it will there.
        function.set("TZ", ":UTC");
        for (name, value) in settings {
            function.set(&name, value);
        }
        function
    }

    /// Lets the function read the bucket at `endpoint`, and nothing else of S3.
    pub(crate) fn connect(&mut self, endpoint: SocketAddr, credentials: &Credentials) {
        self.set("AWS_ENDPOINT_URL_S3", format!("http://{endpoint}"));
        self.set("AWS_ACCESS_KEY_ID", &credentials.access_key);
        self.set("AWS_SECRET_ACCESS_KEY", &credentials.secret_key);
    }

    /// The command of one process, which only `child` starts, whose Runtime API is at `runtime_api` and whose `/tmp` is
    /// `scratch`.
    pub(crate) fn command(&self, runtime_api: SocketAddr, scratch: &Path, log_stream: &str) -> Command {
        let mut command = Command::new(&self.bootstrap);
        command
            .env_clear()
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", runtime_api.to_string())
            .env("AWS_LAMBDA_LOG_STREAM_NAME", log_stream)
            .env("TMPDIR", scratch)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // Its own group, as in Lambda: a timeout takes the rule engine with it, and the terminal's Ctrl-C reaches
            // us alone, so that what is in flight can end.
            .process_group(0);
        command
    }

    pub(crate) fn bootstrap(&self) -> &Path {
        &self.bootstrap
    }

    /// Later settings replace earlier ones, as `Command::envs` takes the last.
    fn set(&mut self, name: &str, value: impl Into<OsString>) {
        self.variables.push((name.into(), value.into()));
    }
}

/// The binary to run: the one that was named, else the one beside this executable.
pub(crate) fn find_bootstrap(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(path) = named {
        let path = path
            .canonicalize()
            .with_context(|| format!("cannot find `{}`; `--bootstrap` names the Lambda binary", path.display()))?;
        ensure!(path.is_file(), "`{}` is not a file; `--bootstrap` names the Lambda binary", path.display());
        return Ok(path);
    }
    let this = env::current_exe().context("cannot find out where this program lies; pass `--bootstrap FILE`")?;
    // Both as it was called and with links resolved: package managers link single programs into a common folder.
    let places = [Some(this.clone()), this.canonicalize().ok()];
    for place in places.into_iter().flatten() {
        let bootstrap = place.with_file_name(BOOTSTRAP);
        if bootstrap.is_file() {
            return Ok(bootstrap);
        }
    }
    bail!(
        "there is no `{BOOTSTRAP}` beside `{}`; build it with `cargo build --release --bin {BOOTSTRAP}`, \
         or pass `--bootstrap FILE`",
        this.display()
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_is_lambdas_and_settings_win() {
        let settings = vec![("IOTA_RULES".to_owned(), "/r".to_owned()), ("TZ".to_owned(), "Europe/Berlin".to_owned())];
        let mut function = Function::new("/var/task/bootstrap".into(), 1769, settings);
        let address: SocketAddr = ([127, 0, 0, 1], 9001).into();
        let credentials = Credentials { access_key: "key".to_owned(), secret_key: "secret".to_owned() };
        function.connect(address, &credentials);
        let command = function.command(address, Path::new("/scratch"), "stream");
        let value =
            |name: &str| command.get_envs().find(|(known, _)| *known == name).and_then(|(_, value)| value?.to_str());
        for (name, expected) in [
            ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001"),
            ("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9001"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769"),
            ("LAMBDA_TASK_ROOT", "/var/task"),
            ("IOTA_RULES", "/r"),
            ("TZ", "Europe/Berlin"),
            ("TMPDIR", "/scratch"),
        ] {
            assert_eq!(value(name), Some(expected), "{name}");
        }
        assert_eq!(value("HOME"), None);
    }

    #[test]
    fn a_missing_binary_says_what_to_do() {
        let error = find_bootstrap(Some(Path::new("/no/such/file"))).unwrap_err().to_string();
        assert!(error.contains("`/no/such/file`") && error.contains("--bootstrap"), "{error}");
    }
}
