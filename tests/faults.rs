//! The fixed set of the fault runs, and damaged payloads, against the binaries of this build. `docs/delivery.md` says
//! what is injected, what must hold, and how to run thousands more.

use std::path::Path;
use std::process::Command;

#[track_caller]
fn run(script: &str, args: &[&str]) {
    let bootstrap = Path::new(env!("CARGO_BIN_EXE_bootstrap"));
    let done = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faults").join(script))
        .args(args)
        .env("IOTA_BINARIES", bootstrap.parent().expect("a folder"))
        .output()
        .expect("python3 starts");
    let told = [done.stdout, done.stderr].concat();
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&told));
}

#[test]
fn every_fault_and_some_mixtures() {
    run("run.py", &["--each", "--runs", "80", "--seed", "fixed"]);
}

#[test]
fn damaged_payloads() {
    run("payloads.py", &["--count", "2000", "--seed", "fixed"]);
}
