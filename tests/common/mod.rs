//! A folder to work in, and the real `iota` binary to run in it.

// Each test file uses its own part of this.
#![allow(dead_code)]
// A skipped test says so.
#![allow(clippy::print_stderr)]

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use flate2::{Compression, write::GzEncoder};
use serde_json::{Value, json};
use tempfile::TempDir;

pub(crate) mod aws;
pub(crate) mod desk;
pub(crate) mod server;

/// A temporary folder with a folder of rules and a folder of logs.
pub(crate) struct Bench {
    dir: TempDir,
}

/// What one command came to.
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<Value>,
    pub(crate) stderr: String,
    pub(crate) took: Duration,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        fs::create_dir(dir.path().join("rules")).expect("a folder");
        fs::create_dir(dir.path().join("logs")).expect("a folder");
        Self { dir }
    }

    /// With one rule that matches records whose `eventName` is `Bad`.
    pub(crate) fn with_rule() -> Self {
        Self::new().rule("bad", "def rule(event):\n    return event.get('eventName') == 'Bad'\n")
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    pub(crate) fn rules(&self) -> PathBuf {
        self.dir.path().join("rules")
    }

    pub(crate) fn rule(self, name: &str, code: &str) -> Self {
        fs::write(self.rules().join(format!("{name}.py")), code).expect("a written rule");
        self
    }

    pub(crate) fn log(self, name: &str, content: impl AsRef<[u8]>) -> Self {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
        fs::write(path, content).expect("a written log");
        self
    }

    /// The command, set up so that nothing of the caller's environment decides its outcome.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iota"));
        command
            .args(args)
            .current_dir(self.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path())
            .env("XDG_CACHE_HOME", std::env::temp_dir().join("iota-test-cache"));
        command
    }

    /// Runs `iota` in the folder.
    pub(crate) fn run(&self, args: &[&str]) -> Done {
        done(&mut self.command(args))
    }

    /// Scans the logs with the rules, one file at a time, printing every kind of line.
    pub(crate) fn scan(&self) -> Done {
        self.scan_with(&[])
    }

    pub(crate) fn scan_with(&self, more: &[&str]) -> Done {
        self.run(&[&["scan", "logs", "--rules", "rules", "--lines", "all", "--jobs", "1"], more].concat())
    }
}

pub(crate) fn done(command: &mut Command) -> Done {
    let started = Instant::now();
    let output: Output = command.stdin(Stdio::null()).output().expect("the command starts");
    let stdout = String::from_utf8(output.stdout).expect("stdout is text");
    let line = |line: &str| serde_json::from_str(line).unwrap_or_else(|e| panic!("not a JSON line ({e}): {line}"));
    Done {
        code: output.status.code(),
        lines: stdout.lines().map(line).collect(),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        took: started.elapsed(),
    }
}

impl Done {
    /// All but what this machine's kernel refuses: that is the machine's to say.
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["kind"] == kind && line["event"] != "isolation_refused").collect()
    }

    /// `rule_id:event_id` of every alert, sorted.
    pub(crate) fn alerts(&self) -> Vec<String> {
        let name = |alert: &&Value| {
            let id = |field: &str| alert[field].as_str().unwrap_or("-").to_owned();
            format!("{}:{}", id("rule_id"), id("event_id"))
        };
        let mut alerts: Vec<String> = self.kind("alert").iter().map(name).collect();
        alerts.sort();
        alerts
    }

    /// The one `object` line.
    #[track_caller]
    pub(crate) fn object(&self) -> &Value {
        let objects = self.kind("object");
        assert_eq!(objects.len(), 1, "one object was expected; stderr: {}", self.stderr);
        objects[0]
    }

    #[track_caller]
    pub(crate) fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "exit code; stderr: {}", self.stderr);
        self
    }

    /// Some counters of the one object line.
    #[track_caller]
    pub(crate) fn expect_counts(self, expected: &[(&str, u64)]) -> Self {
        let object = self.object();
        for (name, count) in expected {
            assert_eq!(object[*name], json!(count), "`{name}` of {object}; stderr: {}", self.stderr);
        }
        self
    }

    #[track_caller]
    pub(crate) fn expect_stderr(self, words: &str) -> Self {
        assert!(self.stderr.contains(words), "expected `{words}` in: {}", self.stderr);
        self
    }
}

pub(crate) fn gzip(bytes: impl AsRef<[u8]>) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes.as_ref()).expect("write to a vector");
    encoder.finish().expect("finish a vector")
}

/// A record that the rule of [`Bench::with_rule`] matches if `name` is `Bad`.
pub(crate) fn record(id: &str, name: &str) -> Value {
    json!({
        "eventVersion": "1.11", "eventTime": "2026-03-14T09:05:00Z", "eventSource": "iam.amazonaws.com",
        "eventName": name, "awsRegion": "us-east-1", "sourceIPAddress": "203.0.113.9", "userAgent": "aws-cli/2",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/u", "accountId": "111122223333"},
        "requestParameters": null, "responseElements": null, "eventID": id, "eventType": "AwsApiCall",
        "recipientAccountId": "111122223333",
    })
}

pub(crate) fn file(records: &[Value]) -> String {
    json!({"Records": records}).to_string()
}

/// True if the interpreter of the tests can read YAML; a test that can't do without passes with a message.
pub(crate) fn has_yaml() -> bool {
    let python = Command::new("python3").args(["-c", "import yaml"]).output().expect("python3");
    if !python.status.success() {
        eprintln!("skipped: python3 has no PyYAML");
    }
    python.status.success()
}

/// A folder of test data beside the project; tests that need it pass with a message where it is not there.
pub(crate) fn shared(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: `{}` is not there", path.display());
    None
}
