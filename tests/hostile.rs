//! Rules that attack: everything around them, each other, and whoever started them.
//!
//! Each file in `tests/hostile` tries one thing. Those in `rules` say what they got, if they got anything; those in
//! `alone` hang, crash or forge, so each has a scan of its own; those in `meddling` change what becomes of others. Every attempt would leave evidence: a canary, a secret
//! in the output, a connection. Beside them stand two rules that mean well; their alerts must be complete, whatever
//! happens. All of it runs twice: as confined as this kernel allows, and as Lambda is reported to be, where the kernel
//! refuses to confine (`lambda_like.py`).

mod common;

use std::fs::{self, Permissions};
use std::net::{TcpListener, UdpSocket};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use common::{Done, done, file, record};
use tempfile::TempDir;

const SECRET: &str = "canary-secret-5b1d";
const BENIGN: &str = "BAD = 'Bad'\n\n\ndef rule(event):\n    return event.get('eventName') == BAD\n";
/// Every rule is asked about every record: one that attacks and says no could else be known not to match.
const ASK_ALL: [&str; 9] = ["scan", "logs", "--rules", "rules", "--lines", "all", "--jobs", "1", "--no-prefilter"];
/// So many records that match, so that what a rule does to the next record shows.
const RECORDS: usize = 2;

/// Where hostile rules run, and what they are after.
struct Range {
    dir: TempDir,
    tcp: TcpListener,
    udp: UdpSocket,
    unix: UnixListener,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kernel {
    /// As it is.
    Full,
    /// As in Lambda.
    LambdaLike,
}

/// One attempt: its name and its text.
type Attempt = (String, String);

static PROGRAM: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    // A copy that another user can reach: Lambda's is none of root's.
    let dir = open_dir();
    let path = dir.path().join("iota");
    fs::copy(env!("CARGO_BIN_EXE_iota"), &path).expect("a copy");
    fs::create_dir(dir.path().join("cache")).expect("a folder");
    fs::set_permissions(dir.path().join("cache"), Permissions::from_mode(0o777)).expect("an open folder");
    (dir, path)
});

fn open_dir() -> TempDir {
    tempfile::Builder::new().permissions(Permissions::from_mode(0o777)).tempdir().expect("a temporary folder")
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// An interpreter that every user can read, so that root's workers can become another; else any.
fn python() -> PathBuf {
    let system = PathBuf::from("/usr/bin/python3");
    let fits = |python: &Path| {
        let asked = "import ctypes, sys; sys.exit(sys.version_info < (3, 11))";
        Command::new(python).args(["-c", asked]).status().is_ok_and(|status| status.success())
    };
    if is_root() && fits(&system) { system } else { "python3".into() }
}

impl Range {
    fn new() -> Self {
        let dir = open_dir();
        for folder in ["rules", "logs", "home", "home/.aws"] {
            fs::create_dir(dir.path().join(folder)).expect("a folder");
            fs::set_permissions(dir.path().join(folder), Permissions::from_mode(0o777)).expect("an open folder");
        }
        let records: Vec<_> = (0..RECORDS).map(|id| record(&id.to_string(), "Bad")).collect();
        for (name, text) in
            [("logs/x.json", file(&records)), ("home/.aws/credentials", SECRET.into()), ("home/victim", "whole".into())]
        {
            fs::write(dir.path().join(name), text).expect("a file");
            fs::set_permissions(dir.path().join(name), Permissions::from_mode(0o666)).expect("an open file");
        }
        let tcp = TcpListener::bind("127.0.0.1:0").expect("a port");
        let udp = UdpSocket::bind(tcp.local_addr().expect("an address")).expect("the same port");
        let unix = UnixListener::bind(dir.path().join("socket")).expect("a socket");
        fs::set_permissions(dir.path().join("socket"), Permissions::from_mode(0o777)).expect("an open socket");
        tcp.set_nonblocking(true).expect("no waiting");
        udp.set_nonblocking(true).expect("no waiting");
        unix.set_nonblocking(true).expect("no waiting");
        Self { dir, tcp, udp, unix }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The text of a rule, told what it is after.
    fn fill(&self, text: &str) -> String {
        let path = |name| self.path(name).display().to_string();
        text.replace("@SECRET@", SECRET)
            .replace("@HOME@", &path("home"))
            .replace("@VICTIM@", &path("home/victim"))
            .replace("@CANARY@", &path("home/canary"))
            .replace("@UNIX@", &path("socket"))
            .replace("@PORT@", &self.tcp.local_addr().expect("an address").port().to_string())
    }

    /// Scans with these rules and the two that mean well.
    fn scan(&self, attempts: &[Attempt], kernel: Kernel) -> Done {
        for name in ["a_benign", "z_benign"] {
            fs::write(self.path(&format!("rules/{name}.py")), BENIGN).expect("a rule");
        }
        for (name, text) in attempts {
            fs::write(self.path(&format!("rules/{name}.py")), self.fill(text)).expect("a rule");
        }
        done(&mut self.command(&ASK_ALL, kernel))
    }

    fn command(&self, args: &[&str], kernel: Kernel) -> Command {
        let mut command = match kernel {
            Kernel::Full => Command::new(&PROGRAM.1),
            Kernel::LambdaLike => {
                // The launcher's text by option: its own folder may be closed to the user that it becomes.
                let mut command = Command::new(python());
                command.args(["-c", include_str!("hostile/lambda_like.py")]).arg(&PROGRAM.1);
                command
            }
        };
        command
            .args(args)
            .current_dir(self.dir.path())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", self.path("home"))
            .env("XDG_CACHE_HOME", PROGRAM.0.path().join("cache"))
            .env("IOTA_PYTHON", python())
            .env("IOTA_RULE_TIMEOUT_MS", "100")
            .env("AWS_SECRET_ACCESS_KEY", SECRET)
            .env("AWS_LAMBDA_RUNTIME_API", self.tcp.local_addr().expect("an address").to_string());
        command
    }

    /// What an attempt left behind. Only evidence counts, not what the rule was told.
    #[track_caller]
    fn expect_no_evidence(&self, ran: &Done, what: &str) {
        let said = format!("{:?}{}", ran.lines, ran.stderr);
        assert!(!said.contains(SECRET), "{what}: a secret got out");
        assert!(!self.path("home/canary").exists(), "{what}: it wrote");
        assert_eq!(fs::read_to_string(self.path("home/victim")).expect("the victim"), "whole", "{what}: it changed");
        let mode = fs::metadata(self.path("home/victim")).expect("the victim").permissions().mode();
        assert_eq!(mode & 0o777, 0o666, "{what}: it changed the mode");
        assert!(self.tcp.accept().is_err(), "{what}: it connected");
        assert!(self.unix.accept().is_err(), "{what}: it connected to a socket in the file system");
        assert!(self.udp.recv(&mut [0; 9]).is_err(), "{what}: it sent a datagram");
    }
}

/// The attempts in a folder, by name. Rules are written for any kernel unless they say that they need a full ladder.
fn attempts(folder: &str, kernel: Kernel) -> Vec<Attempt> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/hostile").join(folder);
    let mut found: Vec<Attempt> = fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| {
            let name = path.file_stem().expect("a name").to_string_lossy().into_owned();
            (name, fs::read_to_string(&path).expect("text"))
        })
        .filter(|(_, text)| kernel == Kernel::Full || !text.contains("# full only"))
        // Machine code is written for one architecture.
        .filter(|(_, text)| cfg!(target_arch = "x86_64") || !text.contains("prot=mmap"))
        .collect();
    found.sort();
    found
}

/// Both rules that mean well have alerted on every record, and the object is done.
#[track_caller]
fn expect_the_others_complete(ran: &Done, what: &str) {
    let of = |rule: &str| {
        let alerts = ran.kind("alert").into_iter().filter(|alert| alert["rule_id"] == rule);
        let mut ids: Vec<String> =
            alerts.map(|alert| format!("{}:{}", alert["event_id"].as_str().unwrap_or("-"), alert["title"])).collect();
        ids.sort();
        ids
    };
    for rule in ["a_benign", "z_benign"] {
        let expected: Vec<String> = (0..RECORDS).map(|id| format!("{id}:\"{rule}\"")).collect();
        assert_eq!(of(rule), expected, "{what}: alerts of `{rule}`; stderr: {}", ran.stderr);
    }
    assert_eq!((ran.code, ran.object()["status"].as_str()), (Some(0), Some("done")), "{what}: {}", ran.stderr);
}

/// All attempts in one scan: each must come away empty-handed.
fn try_all(kernel: Kernel) {
    let range = Range::new();
    let attempts = attempts("rules", kernel);
    assert!(attempts.len() > 50, "only {} attempts", attempts.len());
    let wrapped: Vec<Attempt> = attempts
        .iter()
        .map(|(name, text)| {
            let asked = "got = None\n\n\ndef rule(event):\n    global got\n    got = attempt()\n    return got is not None\n\n\n\
                         def title(event):\n    return f'SUCCEEDED {got!r}'\n";
            // `from __future__` and the doc come first in a file, so what is asked comes last.
            (name.clone(), format!("{text}\n\n{asked}"))
        })
        .collect();
    let ran = range.scan(&wrapped, kernel);
    let succeeded: Vec<String> = ran
        .kind("alert")
        .iter()
        .filter(|alert| !alert["rule_id"].as_str().unwrap_or_default().ends_with("_benign"))
        .map(|alert| format!("{}: {}", alert["rule_id"], alert["title"]))
        .collect();
    assert!(succeeded.is_empty(), "{kernel:?}:\n  {}", succeeded.join("\n  "));
    range.expect_no_evidence(&ran, "all attempts");
    expect_the_others_complete(&ran, "all attempts");
    // An attempt that could not even start proves nothing.
    let unloaded = ran.kind("health");
    assert!(unloaded.is_empty(), "{kernel:?}: {unloaded:?}");
    let told = ran.kind("rule_error");
    for (name, _) in &attempts {
        let how = told.iter().find(|line| line["rule_id"] == **name).map(|line| line["exception"].to_string());
        let quiet = ["env_own", "audit"].contains(&name.as_str());
        let words = how.clone().unwrap_or_default();
        let refused = ["PermissionError", "refused", "No usable temporary directory", "File too large"];
        // `raw` looks at each of its calls itself.
        let fine = match name.as_str() {
            "raw" => how.is_none(),
            _ => quiet || refused.iter().any(|word| words.contains(word)),
        };
        assert!(fine, "{kernel:?}: `{name}` was not refused but failed otherwise: {how:?}; stderr: {}", ran.stderr);
    }
}

#[test]
fn with_the_full_ladder_every_attempt_is_refused() {
    try_all(Kernel::Full);
}

#[test]
fn without_the_kernels_rungs_every_attempt_in_plain_python_is_refused() {
    try_all(Kernel::LambdaLike);
}

/// Attempts that break the worker, one scan each: those whose name begins with one of `letters`.
fn try_alone(kernel: Kernel, begins: impl Fn(char) -> bool) {
    let mut failed = Vec::new();
    for attempt in attempts("alone", kernel) {
        if begins(attempt.0.chars().next().expect("a name")) {
            // All of them are tried, so that one run tells everything.
            let tried = std::panic::catch_unwind(|| try_one(kernel, &attempt));
            failed.extend(tried.is_err().then_some(attempt.0));
        }
    }
    assert!(failed.is_empty(), "{kernel:?}: {failed:?}");
}

fn try_one(kernel: Kernel, attempt: &Attempt) {
    let (name, text) = attempt;
    let range = Range::new();
    let ran = range.scan(std::slice::from_ref(attempt), kernel);
    let what = format!("{kernel:?} {name}");
    range.expect_no_evidence(&ran, &what);
    expect_the_others_complete(&ran, &what);
    let forged = ran.kind("alert").into_iter().any(|alert| alert["title"] == "FORGED");
    assert!(!forged, "{what}: a forged alert was believed");
    let expected = text.lines().find_map(|line| line.strip_prefix("# expect: ")).expect("what is expected");
    let mut failures: Vec<&str> = ran.kind("rule_error").iter().filter_map(|line| line["failure"].as_str()).collect();
    if ran.kind("health").iter().any(|line| line["event"] == "rule_not_loaded") {
        failures.push("unloaded");
    }
    let blamed: Vec<_> = ran.kind("rule_error").iter().map(|line| line["rule_id"].clone()).collect();
    assert!(blamed.iter().all(|rule| rule == name.as_str()), "{what}: {blamed:?} were blamed");
    let fine = if failures.is_empty() {
        expected.contains("nothing")
    } else {
        failures.iter().all(|failure| expected.split(' ').any(|word| word == *failure))
    };
    assert!(fine, "{what}: expected {expected}, got {failures:?}; stderr: {}", ran.stderr);
    for alert in ran.kind("alert") {
        assert!(alert.to_string().len() <= 64 * 1024, "{what}: a line of {} bytes", alert.to_string().len());
    }
}

#[test]
fn forged_frames_are_not_believed() {
    try_alone(Kernel::Full, |letter| letter == 'f');
}

#[test]
fn forged_frames_are_not_believed_in_lambda() {
    try_alone(Kernel::LambdaLike, |letter| letter == 'f');
}

#[test]
fn a_rule_that_breaks_its_worker_costs_no_other_rule_an_alert() {
    try_alone(Kernel::Full, |letter| letter < 'f');
    try_alone(Kernel::Full, |letter| letter > 'f');
}

#[test]
fn nor_does_it_in_lambda() {
    try_alone(Kernel::LambdaLike, |letter| letter < 'f');
    try_alone(Kernel::LambdaLike, |letter| letter > 'f');
}

/// What a rule that changes others' verdicts comes to in an interpreter that they share.
fn meddle(attempt: &Attempt) {
    let (name, text) = attempt;
    let range = Range::new();
    let ran = range.scan(std::slice::from_ref(attempt), Kernel::Full);
    let expected = text.lines().find_map(|line| line.strip_prefix("# expect: ")).expect("what is expected");
    let failures: Vec<_> =
        ran.kind("rule_error").iter().map(|line| (line["rule_id"].clone(), line["failure"].clone())).collect();
    if expected == "unseen" {
        // What docs/security.md says is not prevented there. Were it, this attempt would prove nothing elsewhere.
        let whole = ran.kind("alert").len() == 2 * RECORDS;
        assert!(!whole && failures.is_empty(), "{name}: it did no harm, or was told: {failures:?}");
        return;
    }
    expect_the_others_complete(&ran, name);
    let unloaded: Vec<_> = ran.kind("health").iter().map(|line| line["rule_id"].clone()).collect();
    let told = if expected == "unloaded" {
        (vec![], vec![name.as_str().into()])
    } else {
        (vec![(name.as_str().into(), expected.into())], vec![])
    };
    assert_eq!((failures, unloaded), told, "{name}: {}", ran.stderr);
}

#[test]
fn who_changes_what_all_rules_share_is_found_or_the_docs_say_not() {
    let attempts = attempts("meddling", Kernel::Full);
    assert!(attempts.len() > 20, "only {} attempts", attempts.len());
    let failed: Vec<_> = attempts
        .iter()
        .filter(|attempt| std::panic::catch_unwind(|| meddle(attempt)).is_err())
        .map(|(name, _)| name)
        .collect();
    assert!(failed.is_empty(), "{failed:?}");
}

/// All of those at once, each in a process of its own.
fn meddle_apart(kernel: Kernel) {
    let range = Range::new();
    let attempts = attempts("meddling", kernel);
    range.scan(&attempts, kernel);
    let mut command = range.command(&ASK_ALL, kernel);
    let ran = done(command.env("IOTA_WORKER_PER", "rule"));
    expect_the_others_complete(&ran, "a process for each rule");
    let blamed: Vec<_> = ran.kind("rule_error").iter().map(|line| line["rule_id"].to_string()).collect();
    assert!(blamed.iter().all(|rule| !rule.contains("benign")), "{blamed:?}");
    let others: Vec<_> = ran
        .kind("alert")
        .into_iter()
        .filter(|alert| !alert["rule_id"].as_str().unwrap_or_default().ends_with("_benign"))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

#[test]
fn a_rule_with_a_process_of_its_own_changes_no_other_verdict() {
    meddle_apart(Kernel::Full);
}

#[test]
fn nor_does_it_where_the_kernel_refuses_to_confine() {
    meddle_apart(Kernel::LambdaLike);
}

/// Says that no record can be read; the other rule's word must not count for less.
#[test]
fn a_rule_that_calls_records_unreadable_speaks_for_itself_alone() {
    const LIAR: &str = "import sys\n\n\ndef rule(event):\n    batch = sys.modules['iota_engine._batch']\n    \
        sys.modules['iota_engine._vouch'].Vouch.changed = lambda *_: None\n    \
        batch.parse_record = lambda data: (None, 'a lie')\n    return len(event) == 0\n";
    let range = Range::new();
    fs::write(range.path("logs/y.json"), "{\"Records\":[{\"eventName\":\"Bad\",}]}").expect("a file");
    range.scan(&[("m_liar".to_owned(), LIAR.to_owned())], Kernel::Full);
    let mut command =
        range.command(&["scan", "logs", "--rules", "rules", "--lines", "all", "--jobs", "1"], Kernel::Full);
    let ran = done(command.env("IOTA_WORKER_PER", "rule"));
    let of = |rule: &str| ran.kind("alert").iter().filter(|alert| alert["rule_id"] == rule).count();
    assert_eq!((of("a_benign"), of("z_benign")), (RECORDS, RECORDS), "{}", ran.stderr);
    let told: Vec<_> =
        ran.kind("rule_error").iter().map(|line| (&line["rule_id"], &line["failure"], &line["count"])).collect();
    assert_eq!(told, [(&"m_liar".into(), &"crash".into(), &1.into())], "the second record it called so");
    let malformed: u64 = ran.kind("object").iter().filter_map(|line| line["malformed"].as_u64()).sum();
    assert_eq!(malformed, 1, "the one that really is");
}

#[test]
fn what_the_kernel_refuses_is_told_once_and_can_be_insisted_on() {
    let range = Range::new();
    let ran = range.scan(&[], Kernel::LambdaLike);
    let told: Vec<&str> = ran
        .lines
        .iter()
        .filter(|line| line["event"] == "isolation_refused")
        .map(|line| line["rung"].as_str().unwrap_or_default())
        .collect();
    let expected = if is_root() { vec!["no_new_privs", "seccomp", "landlock"] } else { vec!["seccomp", "landlock"] };
    let mut sorted = told.clone();
    sorted.sort_by_key(|rung| expected.iter().position(|other| other == rung));
    assert_eq!(sorted, expected);
    let errno = |rung: &str| {
        let line = ran.lines.iter().find(|line| line["rung"] == rung).expect("a line");
        (line["kind"].clone(), line["errno"].clone())
    };
    assert_eq!(errno("seccomp"), ("health".into(), "EPERM".into()));
    assert_eq!(errno("landlock"), ("health".into(), "ENOSYS".into()));
    assert!(ran.stderr.contains("rules ran without"), "{}", ran.stderr);

    let mut strict = range.command(&["scan", "logs", "--rules", "rules"], Kernel::LambdaLike);
    let ran = done(strict.env("IOTA_SANDBOX", "require"));
    assert_eq!(ran.code, Some(2));
    assert!(ran.lines.is_empty(), "{:?}", ran.lines);
    assert!(ran.stderr.contains("does not hold (EPERM"), "{}", ran.stderr);
}

#[test]
fn the_ladder_can_be_left_out() {
    let range = Range::new();
    let reads = ("reads".to_owned(), "def rule(e): return 'root' in open('/etc/passwd').read()\n".to_owned());
    fs::write(range.path("rules/reads.py"), &reads.1).expect("a rule");
    let mut off = range.command(&["scan", "logs", "--rules", "rules", "--lines", "all"], Kernel::Full);
    let ran = done(off.env("IOTA_SANDBOX", "off"));
    assert_eq!(ran.kind("alert").len(), RECORDS, "{}", ran.stderr);
    assert!(ran.lines.iter().all(|line| line["event"] != "isolation_refused"));
    let ran = done(&mut range.command(&["scan", "logs", "--rules", "rules", "--lines", "all"], Kernel::Full));
    assert_eq!(ran.kind("alert").len(), 0, "with the ladder it may not read that");

    // And that the attempts by machine code would succeed, were there no filter.
    if let Some((_, raw)) = attempts("alone", Kernel::Full).into_iter().find(|(name, _)| name == "import_raw") {
        fs::write(range.path("rules/raw.py"), range.fill(&raw)).expect("a rule");
        done(off.env("IOTA_SANDBOX", "off"));
        assert!(range.path("home/canary").exists(), "without the ladder it writes");
    }
}

#[test]
fn what_a_rule_says_is_one_valid_line_whatever_it_is() {
    const WORDS: &str = r#"
def rule(event): return True
def title(event): return "a\nb\x1b[2J\x00\ud800\r\"}"
def dedup(event): return "\x07\udfff\n" * 2000
def severity(event): return "HIGH\n"
def alert_context(event):
    return {1: float("nan"), "1": float("-inf"), "k\n": "\udcff", "\ud800": 1, "\udfff": 2, (1, 2): {3}, None: b"\xff"}
"#;
    let range = Range::new();
    range.scan(&[("words".to_owned(), WORDS.to_owned())], Kernel::Full);
    let mut command = range.command(&["scan", "logs", "--rules", "rules", "--lines", "all"], Kernel::Full);
    let output = command.output().expect("it runs").stdout;
    let raw = output.iter().filter(|&&byte| byte < 0x20 && byte != b'\n').count();
    assert_eq!(raw, 0, "control characters are escaped");
    let lines: Vec<serde_json::Value> = output
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).expect("one JSON object a line"))
        .collect();
    let alerts: Vec<_> = lines.iter().filter(|line| line["kind"] == "alert" && line["rule_id"] == "words").collect();
    assert_eq!(alerts.len(), RECORDS, "{lines:?}");
    assert_eq!(alerts[0]["title"], "a\nb\u{1b}[2J\0\u{fffd}\r\"}");
    assert!(alerts[0]["context"].is_object(), "{}", alerts[0]["context"]);
    assert!(alerts[0]["dedup"].as_str().is_some_and(|dedup| dedup.starts_with("\u{7}\u{fffd}\n")), "{}", alerts[0]);
}

#[test]
#[allow(clippy::print_stderr)]
fn a_scan_needs_no_network() {
    let alone = Command::new("unshare").args(["-n", "true"]).status();
    if !is_root() || !alone.is_ok_and(|status| status.success()) {
        eprintln!("skipped: a network namespace of its own needs root and `unshare`");
        return;
    }
    let range = Range::new();
    range.scan(&[], Kernel::Full);
    let inside = range.command(&["scan", "logs", "--rules", "rules", "--lines", "all"], Kernel::Full);
    let mut command = Command::new("unshare");
    command.arg("-n").arg(inside.get_program()).args(inside.get_args()).current_dir(range.path("")).env_clear();
    command.envs(inside.get_envs().filter_map(|(name, value)| Some((name, value?))));
    expect_the_others_complete(&done(&mut command), "without a network");
}
