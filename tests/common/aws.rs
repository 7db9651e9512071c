//! A stand-in for the AWS CLI (`doctor/aws.sh`), and commands that use it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::{Value, json};

use super::{Bench, Done};

/// One answer: the command line, `ok`, `once` or `error`, and the text.
pub(crate) type Answer = (String, &'static str, String);

/// The command with the stand-in for its only `aws`.
pub(crate) fn command(bench: &Bench, args: &[&str], answers: &[Answer]) -> Command {
    let bin = bench.path().join("bin");
    fs::create_dir_all(&bin).expect("a folder");
    fs::write(bin.join("aws"), include_str!("../doctor/aws.sh")).expect("a stand-in");
    fs::set_permissions(bin.join("aws"), fs::Permissions::from_mode(0o755)).expect("runnable");
    let lines: Vec<String> = answers.iter().map(|(name, kind, text)| format!("{name}\n{kind}\n{text}\n")).collect();
    fs::write(bench.path().join("answers"), lines.concat()).expect("written");
    let mut command = bench.command(args);
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", bin.display())).env("ANSWERS", bench.path());
    command
}

/// Runs a command whose answer is text, not JSON lines.
pub(crate) fn text_of(command: &mut Command) -> Done {
    let started = std::time::Instant::now();
    let output = command.output().expect("the command starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let stdout = text(&output.stdout);
    let lines = stdout.lines().map(|line| json!(line)).collect();
    Done { code: output.status.code(), lines, stderr: text(&output.stderr), took: started.elapsed() }
}

/// Its lines as text.
pub(crate) fn said(done: &Done) -> Vec<&str> {
    done.lines.iter().filter_map(Value::as_str).collect()
}

/// Every question that was put.
pub(crate) fn asked(bench: &Bench) -> Vec<String> {
    let text = fs::read_to_string(bench.path().join("asked")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
