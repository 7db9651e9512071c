//! `iota local`, driven as a person drives it.
//!
//! The first half runs the real `bootstrap` beside `iota`: names, damage, watching, ending. The second half replaces it
//! by `local/misbehaving_bootstrap.py`, which hangs, crashes and lies on demand, and so shows what the embedded Runtime
//! API enforces. That half skips, with a message, where there is no `python3`.

#![allow(clippy::unwrap_used, clippy::disallowed_methods)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use serde_json::{Value, json};
use tempfile::TempDir;

/// A folder of log files, rules beside it, and maybe a function that misbehaves.
struct Place {
    dir: TempDir,
}

impl Place {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("logs")).unwrap();
        fs::create_dir_all(dir.path().join("rules")).unwrap();
        let rule = "def rule(event):\n    return event.get(\"eventName\") == \"StopLogging\"\n\n\n\
                    def title(event):\n    return \"a trail was stopped\"\n\n\n\
                    def severity(event):\n    return \"HIGH\"\n";
        fs::write(dir.path().join("rules/stop_logging.py"), rule).unwrap();
        Self { dir }
    }

    fn logs(&self) -> PathBuf {
        self.dir.path().join("logs")
    }

    /// Writes a log file of one event that the rule matches.
    fn write(&self, name: &str, event_id: &str) -> PathBuf {
        let path = self.logs().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, log_file(name, event_id)).unwrap();
        path
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_iota"));
        command.arg("local").arg(self.logs()).arg("--rules").arg(self.dir.path().join("rules")).args(arguments);
        // What a run that is killed leaves behind goes with the test.
        command.env("TMPDIR", self.dir.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().unwrap())
    }

    /// Installs the misbehaving function; `None` where it cannot run.
    fn misbehaving(&self) -> Option<String> {
        if Command::new("python3").arg("--version").output().is_err() {
            let _ = writeln!(std::io::stderr(), "skipped: there is no `python3`");
            return None;
        }
        let path = self.dir.path().join("bootstrap");
        fs::write(&path, include_str!("local/misbehaving_bootstrap.py")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        Some(path.to_str().unwrap().to_owned())
    }

    /// What the misbehaving function recorded, if it has the member `name`.
    fn calls(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.dir.path().join("calls.jsonl")).unwrap_or_default();
        let calls = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
        calls.filter(|call| !call[name].is_null()).collect()
    }
}

fn log_file(name: &str, event_id: &str) -> Vec<u8> {
    let record = json!({
        "eventVersion": "1.11", "eventID": event_id, "eventTime": "2026-03-14T09:25:03Z",
        "eventSource": "cloudtrail.amazonaws.com", "eventName": "StopLogging", "eventType": "AwsApiCall",
        "awsRegion": "us-east-1", "recipientAccountId": "111122223333", "sourceIPAddress": "203.0.113.66",
        "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/mallory"},
    });
    let text = json!({ "Records": [record] }).to_string();
    if !name.ends_with(".gz") {
        return text.into_bytes();
    }
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

/// A run that has ended.
#[derive(Debug)]
struct Ran {
    code: Option<i32>,
    lines: Vec<Value>,
    stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        let lines = stdout.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { code: output.status.code(), lines, stderr }
    }

    fn of_kind(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["kind"] == kind).collect()
    }

    /// The status of every line of the object `key`.
    fn statuses(&self, key: &str) -> Vec<&str> {
        let objects = self.of_kind("object").into_iter().filter(|line| line["key"] == key);
        objects.filter_map(|line| line["status"].as_str()).collect()
    }
}

#[test]
fn names_of_every_kind_reach_the_function_whole() {
    let place = Place::new();
    let names = [
        "AWSLogs/111122223333/CloudTrail/us-east-1/2026/03/14/111122223333_CloudTrail_us-east-1_20260314T0925Z_a.json.gz",
        "with space.json.gz",
        "1+1=2.json",
        "100%25.json",
        "a%2Fb.json.gz",
        "a&b=c?d#e.json",
        "quotes'\"`.json",
        "back\\slash;~*!$().json",
        "für/日志/🦀.jsonl",
        "decomposed-u\u{308}.json",
        "line\nbreak.json",
        " leading and trailing .json",
        "deep/er/and/../deeper.json",
    ];
    let names: Vec<String> = names.iter().map(|name| name.replace("/../", "/x../")).collect();
    for (number, name) in names.iter().enumerate() {
        place.write(name, &format!("event-{number}"));
    }
    place.write(".hidden.json", "hidden");
    place.write("notes.txt", "notes");
    let ran = place.run(&["--once", "--lines", "all"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    for name in &names {
        assert_eq!(ran.statuses(name), ["done"], "{name}\n{}", ran.stderr);
    }
    let mut found: Vec<&str> = ran.of_kind("alert").iter().filter_map(|alert| alert["log"]["key"].as_str()).collect();
    let mut expected: Vec<&str> = names.iter().map(String::as_str).collect();
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
    assert!(ran.stderr.contains("13 alerts in account 111122223333: 13 HIGH"), "{}", ran.stderr);
    assert!(ran.stderr.contains("13 log files: 13 done"), "{}", ran.stderr);
}

#[test]
fn only_what_people_are_told_is_printed_unless_asked() {
    let place = Place::new();
    place.write("a.json.gz", "1");
    let ran = place.run(&["--once"]);
    // What this machine's kernel refuses is told too.
    let expected = ran.lines.iter().filter(|line| line["event"] != "isolation_refused");
    let kinds: Vec<&Value> = expected.map(|line| &line["kind"]).collect();
    assert_eq!(kinds, ["alert"], "{}", ran.stderr);
    let row = ran.stderr.lines().find(|line| line.starts_with("HIGH")).unwrap();
    assert!(ran.stderr.contains("1 alert in account 111122223333: 1 HIGH"), "{}", ran.stderr);
    for part in ["2026-03-14 09:25:03", "a trail was stopped", "user/mallory", "203.0.113.66"] {
        assert!(row.contains(part), "{row}");
    }
}

#[test]
fn a_damaged_file_is_tried_three_times_and_then_queued_as_a_failure() {
    let place = Place::new();
    place.write("good.json.gz", "1");
    let damaged = place.write("dam aged.json.gz", "2");
    let bytes = fs::read(&damaged).unwrap();
    fs::write(&damaged, &bytes[..bytes.len() / 2]).unwrap();
    let ran = place.run(&["--once", "--lines", "all"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.statuses("dam aged.json.gz"), ["failed"; 3]);
    assert_eq!(ran.statuses("good.json.gz"), ["done"]);
    assert!(ran.stderr.contains("2 log files: 1 done, 1 failed"), "{}", ran.stderr);
    let queue = ran.stderr.split_once("failure queue").unwrap().1;
    assert!(queue.contains("`dam aged.json.gz`: "), "{}", ran.stderr);
}

#[cfg(target_os = "linux")]
#[test]
fn a_name_that_s3_cannot_carry_is_a_failure_that_is_named() {
    use std::os::unix::ffi::OsStrExt;
    let place = Place::new();
    place.write("good.json", "1");
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.json");
    if fs::write(place.logs().join(name), log_file("x.json", "2")).is_err() {
        return; // this file system itself refuses such names
    }
    let ran = place.run(&["--once"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert!(ran.stderr.contains("not UTF-8"), "{}", ran.stderr);
    assert!(ran.stderr.contains("2 log files: 1 done, 1 failed"), "{}", ran.stderr);
}

#[test]
fn what_is_missing_is_named_with_what_to_do() {
    let place = Place::new();
    fs::remove_dir(place.logs()).unwrap();
    let ran = place.run(&["--once"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("logs` ") || ran.stderr.contains("logs`;"), "{}", ran.stderr);
    fs::create_dir(place.logs()).unwrap();
    let ran = place.run(&["--once", "--bootstrap", "/no/such/bootstrap"]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("`/no/such/bootstrap`") && ran.stderr.contains("--bootstrap"), "{}", ran.stderr);
    let ran = place.run(&["--once"]);
    assert_eq!(ran.code, Some(0));
    assert!(ran.stderr.contains("no file in"), "{}", ran.stderr);
}

/// A run that goes on; killed if a test ends before it.
struct Running {
    process: Child,
    stdout: Receiver<String>,
    stderr: thread::JoinHandle<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut process = command.spawn().unwrap();
        let (sender, stdout) = mpsc::channel();
        let output = BufReader::new(process.stdout.take().unwrap());
        thread::spawn(move || {
            for line in output.lines() {
                let _ = sender.send(line.unwrap());
            }
        });
        let mut errors = process.stderr.take().unwrap();
        let stderr = thread::spawn(move || {
            let mut text = Vec::new();
            errors.read_to_end(&mut text).unwrap();
            String::from_utf8_lossy(&text).into_owned()
        });
        Self { process, stdout, stderr }
    }

    fn next_alert(&self) -> Value {
        loop {
            let line = self.stdout.recv_timeout(Duration::from_secs(20)).expect("an alert within 20 s");
            let line: Value = serde_json::from_str(&line).unwrap();
            if line["kind"] == "alert" {
                return line;
            }
        }
    }

    fn no_line_for(&self, time: Duration) {
        let line = self.stdout.recv_timeout(time);
        assert!(line.is_err(), "{line:?}");
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.process), signal).unwrap();
    }

    fn end(mut self) -> (Option<i32>, String) {
        let code = self.process.wait().unwrap().code();
        (code, self.stderr.join().unwrap())
    }
}

#[test]
fn watching_sends_each_file_once_it_is_complete_and_again_when_it_changes() {
    let place = Place::new();
    place.write("there.json.gz", "there");
    let running = Running::start(place.command(&[]));
    assert_eq!(running.next_alert()["event"]["eventID"], "there");

    // Renamed into a folder that is new.
    let whole = place.dir.path().join("whole");
    fs::write(&whole, log_file("x.json.gz", "renamed")).unwrap();
    fs::create_dir_all(place.logs().join("new/er")).unwrap();
    fs::rename(&whole, place.logs().join("new/er/renamed.json.gz")).unwrap();
    assert_eq!(running.next_alert()["log"]["key"], "new/er/renamed.json.gz");

    // Written slowly.
    let bytes = log_file("slow.json", "slow");
    let mut file = fs::File::create(place.logs().join("slow.json")).unwrap();
    for part in bytes.chunks(bytes.len() / 4) {
        file.write_all(part).unwrap();
        thread::sleep(Duration::from_millis(120));
    }
    drop(file);
    assert_eq!(running.next_alert()["event"]["eventID"], "slow");

    // Changed, and then only read.
    place.write("there.json.gz", "there, changed");
    assert_eq!(running.next_alert()["event"]["eventID"], "there, changed");
    fs::read(place.logs().join("there.json.gz")).unwrap();
    running.no_line_for(Duration::from_millis(900));

    running.signal(Signal::INT);
    let (code, stderr) = running.end();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stderr.contains("4 log files: 4 done"), "{stderr}");
    assert!(stderr.contains("4 alerts in account 111122223333: 4 HIGH"), "{stderr}");
}

#[cfg(target_os = "linux")]
#[test]
fn the_function_ends_even_if_we_are_killed() {
    let place = Place::new();
    place.write("a.json", "1");
    let running = Running::start(place.command(&["--jobs", "1"]));
    running.next_alert();
    let children = children_of(running.process.id());
    assert_eq!(children.len(), 1);
    running.signal(Signal::KILL);
    running.end();
    wait_until("the function ends", || children.iter().all(|pid| !is_running(*pid)));
}

#[test]
fn a_function_that_hangs_is_killed_with_what_it_started_and_the_event_retried() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    place.write("hang once.json", "1");
    let began = Instant::now();
    let ran = place.run(&["--once", "--bootstrap", &bootstrap, "--timeout", "1", "--lines", "all"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(began.elapsed() >= Duration::from_secs(1));
    assert_eq!(ran.statuses("hang once.json"), ["done"]);

    let calls = place.calls("key");
    assert_eq!(calls.len(), 2);
    assert_eq!(calls[0]["request_id"], calls[1]["request_id"]);
    for (member, is) in [("invocation_id", "each delivery's own"), ("pid", "a new process")] {
        assert_ne!(calls[0][member], calls[1][member], "{member} is {is}");
    }
    for call in &calls {
        let left = call["left_ms"].as_f64().unwrap();
        assert!((1.0..=1000.0).contains(&left), "{left} ms to the deadline");
        assert_eq!(call["arn"], "arn:aws:lambda:us-east-1:000000000000:function:iota-local");
        assert!(call["trace"].as_str().unwrap().starts_with("Root=1-"));
        assert!(call["home"].is_null(), "the environment is not ours");
    }
    let sleeper = place.calls("sleeper")[0]["sleeper"].as_i64().unwrap();
    wait_until("what it started is gone", || !is_running(sleeper as i32));
}

#[test]
fn a_function_that_crashes_or_always_hangs_costs_its_own_event_only() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    for name in ["crash.json", "good.json", "hang always.json", "torn.json"] {
        place.write(name, name);
    }
    let ran = place.run(&["--once", "--bootstrap", &bootstrap, "--timeout", "1", "--lines", "all"]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    assert_eq!(ran.statuses("good.json"), ["done"]);
    for (name, reason) in
        [("crash.json", "exit status: 3"), ("hang always.json", "timed out after 1 s"), ("torn.json", "exit status: 1")]
    {
        assert_eq!(place.calls("key").iter().filter(|call| call["key"] == name).count(), 3, "{name}");
        let entry = ran.stderr.lines().find(|line| line.starts_with(&format!("  `{name}`: "))).unwrap();
        assert!(entry.contains(reason), "{entry}");
    }
    assert!(ran.of_kind("alert").is_empty(), "a torn line is no line");
    assert!(
        ran.stderr.contains(r#"bootstrap[1]: {"kind":"alert","title":"to"#) || ran.stderr.contains("bootstrap[2]: {")
    );
}

#[test]
fn the_runtime_api_refuses_what_lambda_refuses() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    place.write("confused.json", "1");
    place.write("plain.json", "2");
    let ran = place.run(&["--once", "--bootstrap", &bootstrap, "--jobs", "1"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(place.calls("statuses")[0]["statuses"], json!([403, 400, 400, 404]));
    assert_eq!(place.calls("answered").len(), 2);
    assert!(place.calls("answered").iter().all(|call| call["answered"] == 202));
    assert!(ran.stderr.contains("bootstrap[1]: no line of ours"), "{}", ran.stderr);
}

#[test]
fn the_bucket_answers_to_signatures_only() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    let file = place.write("unsigned.json", "1");
    let before = fs::read(&file).unwrap();
    let ran = place.run(&["--once", "--bootstrap", &bootstrap]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(place.calls("unsigned")[0]["unsigned"], json!([403, 403]));
    assert_eq!(fs::read(&file).unwrap(), before);
}

#[test]
fn a_function_that_does_not_start_ends_the_run_and_says_why() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    fs::write(place.dir.path().join("no-start"), "").unwrap();
    for number in 0..9 {
        place.write(&format!("{number}.json"), "1");
    }
    let ran = place.run(&["--once", "--bootstrap", &bootstrap]);
    assert_eq!(ran.code, Some(2));
    assert!(ran.stderr.contains("the function does not start: Rules: no rules here"), "{}", ran.stderr);
    assert!(ran.stderr.contains("9 log files: 0 done, 9 not processed"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("no alerts"), "nobody has looked: {}", ran.stderr);
}

#[test]
fn a_second_ctrl_c_does_not_wait() {
    let place = Place::new();
    let Some(bootstrap) = place.misbehaving() else { return };
    place.write("hang always.json", "1");
    let running = Running::start(place.command(&["--once", "--bootstrap", &bootstrap]));
    wait_until("it hangs", || !place.calls("sleeper").is_empty());
    let sleeper = place.calls("sleeper")[0]["sleeper"].as_i64().unwrap();
    let began = Instant::now();
    running.signal(Signal::INT);
    thread::sleep(Duration::from_millis(300));
    assert!(is_running(sleeper as i32), "the first lets what is in flight end");
    running.signal(Signal::INT);
    let (code, stderr) = running.end();
    assert_eq!(code, Some(2), "{stderr}");
    assert!(began.elapsed() < Duration::from_secs(4), "{:?}", began.elapsed());
    assert!(stderr.contains("1 log file: 0 done, 1 not processed"), "{stderr}");
    wait_until("nothing is left", || !is_running(sleeper as i32));
}

fn wait_until(what: &str, condition: impl Fn() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether a process is there and not merely waiting to be reaped by a parent that never does.
fn is_running(pid: i32) -> bool {
    let there = Pid::from_raw(pid).is_some_and(|pid| test_kill_process(pid).is_ok());
    there && stat(pid).is_none_or(|(state, _)| state != "Z")
}

/// State and parent of a process, where the system has `/proc`.
fn stat(pid: i32) -> Option<(String, u32)> {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("stat")).ok()?;
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}

#[cfg(target_os = "linux")]
fn children_of(parent: u32) -> Vec<i32> {
    let pids = fs::read_dir("/proc").unwrap().flatten();
    let pids = pids.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(|pid| stat(*pid).is_some_and(|(_, of)| of == parent)).collect()
}
