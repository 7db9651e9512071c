//! Real CloudTrail, and an object far larger than memory should be.

mod common;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::Command;

use common::{Bench, Done, record, shared};
use flate2::{Compression, write::GzEncoder};
use serde_json::json;

/// The real data set, unpacked; `None` (with a message) where it is not there.
fn unpacked(bench: &Bench) -> Option<PathBuf> {
    let archive = shared("sans-504.tar.gz")?;
    let folder = bench.path().join("real");
    std::fs::create_dir(&folder).expect("a folder");
    let untar = Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(&folder).status().expect("tar");
    assert!(untar.success(), "tar: {untar}");
    Some(folder)
}

/// Matches a few hundred records of that data set, some of which occur twice.
const RULE: &str = "def rule(event):\n    return event.get('eventName') in ('PutBucketAcl', 'CreateAccessKey', 'ConsoleLogin', 'AssumeRole')\n";

fn ids(done: &Done) -> BTreeSet<String> {
    let ids: Vec<String> = done.kind("alert").iter().map(|alert| alert["alert_id"].to_string()).collect();
    let set: BTreeSet<String> = ids.iter().cloned().collect();
    assert_eq!(ids.len(), set.len(), "a match was printed twice");
    set
}

#[test]
fn every_record_of_the_real_data_set_is_accounted_for() {
    let bench = Bench::new().rule("some", RULE);
    if unpacked(&bench).is_none() {
        return;
    }
    let scan = |jobs: &str| {
        let args = ["scan", "real", "--rules", "rules", "--lines", "all", "--jobs", jobs, "--stats", "stats.json"];
        bench.run(&args).expect_code(0)
    };
    let one = scan("1");
    let stats: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON");
    assert_eq!(stats["objects"], json!({"done": 3871, "skipped": 0, "failed": 0}));
    let counts = ["records", "repeat", "evaluated", "malformed", "oversize"].map(|name| stats[name].clone());
    assert_eq!(counts, [30476, 6496, 23980, 0, 0].map(|n| json!(n)));
    for object in one.kind("object") {
        let n = |name: &str| object[name].as_u64().unwrap_or_default();
        let accounted = n("evaluated") + n("repeat") + n("malformed") + n("oversize");
        assert_eq!(n("records"), accounted, "does not balance: {object}");
    }
    assert!(stats["peak_bytes"].as_u64().unwrap_or(u64::MAX) <= 100_000_000, "peak memory: {}", stats["peak_bytes"]);
    let expected = ids(&one);
    assert!(expected.len() > 50, "only {} alerts", expected.len());
    assert_eq!(ids(&scan("3")), expected, "any number of jobs finds the same");
    // The function itself, file by file, each an invocation of its own: a match may be told twice, with one id.
    let local = bench.run(&["local", "real", "--once", "--rules", "rules"]).expect_code(0);
    let told: BTreeSet<String> = local.kind("alert").iter().map(|alert| alert["alert_id"].to_string()).collect();
    assert_eq!(told, expected, "the function finds what a scan finds");
}

#[test]
fn our_rules_raise_what_docs_noise_md_defends_and_nothing_else() {
    let bench = Bench::new();
    if !common::has_yaml() || unpacked(&bench).is_none() {
        return;
    }
    let rules = concat!(env!("CARGO_MANIFEST_DIR"), "/rules");
    let done = bench.run(&["scan", "real", "--rules", rules]).expect_code(0);
    let mut found: Vec<String> = done
        .kind("alert")
        .iter()
        .filter(|alert| !matches!(alert["severity"].as_str(), Some("INFO" | "LOW")))
        .map(|alert| alert["rule_id"].as_str().unwrap_or_default().replace("IOTA.AWS.", ""))
        .collect();
    found.sort();
    let root = "RootConsoleLogin";
    let rest = ["AdminInlinePolicy", "IamReadThrough", "InventoryRefused", "ObjectsReadInBulk", "RootActivity"];
    assert_eq!(found, [&rest[..], &[root, root, root]].concat(), "a rule raises more or less than docs/noise.md says");
}

#[test]
fn memory_does_not_grow_with_the_object() {
    let bench = Bench::with_rule();
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(b"{\"Records\":[").expect("written");
    let padding = "x".repeat(400_000);
    for n in 0..1250 {
        let mut record = record(&n.to_string(), if n == 1249 { "Bad" } else { "Good" });
        record["requestParameters"] = json!({"padding": padding});
        let comma = if n == 0 { "" } else { "," };
        write!(encoder, "{comma}{record}").expect("written");
    }
    encoder.write_all(b"]}").expect("written");
    let bench = bench.log("big.json.gz", encoder.finish().expect("finished"));
    let done = bench.scan_with(&["--stats", "stats.json"]).expect_code(0);
    assert_eq!(done.alerts(), ["bad:1249"]);
    assert!(done.object()["bytes_json"].as_u64().unwrap_or_default() > 500_000_000, "{}", done.object());
    let stats: serde_json::Value =
        serde_json::from_slice(&std::fs::read(bench.path().join("stats.json")).expect("stats")).expect("JSON");
    assert!(
        stats["peak_bytes"].as_u64().unwrap_or(u64::MAX) <= 64_000_000,
        "peak of all processes: {}",
        stats["peak_bytes"]
    );
}
