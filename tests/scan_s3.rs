//! `iota scan s3://BUCKET/PREFIX`: the real command against the S3 endpoint that `iota local` embeds.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use common::{Bench, Done, done, file, gzip, record};
use serde_json::json;

/// A folder as a bucket, for as long as this lives.
struct Served {
    bench: Bench,
    local: Child,
    /// Where it is, and who may read it, in the words of the SDK.
    environment: Vec<(String, String)>,
}

/// `iota local` tells the function where the bucket is; this function writes it down, and waits until its folder is gone.
const SCRIBE: &str =
    "#!/bin/sh\nenv > DIR/told.tmp\nmv DIR/told.tmp DIR/told\nwhile [ -e DIR/told ]; do sleep 0.05; done\n";

impl Served {
    fn start(bench: Bench) -> Self {
        let (scribe, told) = (bench.path().join("scribe"), bench.path().join("told"));
        fs::write(&scribe, SCRIBE.replace("DIR", &bench.path().display().to_string())).expect("a written script");
        fs::set_permissions(&scribe, fs::Permissions::from_mode(0o755)).expect("a program");
        let mut command = bench.command(&["local", "logs", "--rules", "rules", "--bootstrap"]);
        let local = command.arg(&scribe).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let local = local.expect("the command starts");
        let started = Instant::now();
        while !told.exists() {
            assert!(started.elapsed() < Duration::from_secs(30), "the bucket is not served after 30 s");
            std::thread::sleep(Duration::from_millis(10));
        }
        let told = fs::read_to_string(told).expect("text");
        let pairs = told.lines().filter_map(|line| line.split_once('='));
        let environment = pairs.filter(|(name, _)| name.starts_with("AWS_") && !name.starts_with("AWS_LAMBDA"));
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        Self { bench, local, environment }
    }

    fn scan(&self, args: &[&str]) -> Done {
        let all = [&["scan", "--rules", "rules", "--lines", "all", "--stats", "stats.json"], args].concat();
        done(self.bench.command(&all).envs(self.environment.iter().cloned()))
    }

    fn stats(&self) -> serde_json::Value {
        serde_json::from_slice(&fs::read(self.bench.path().join("stats.json")).expect("stats")).expect("JSON")
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        let _ = fs::remove_file(self.bench.path().join("told"));
        let _ = self.local.kill();
        let _ = self.local.wait();
    }
}

fn key(account: &str, region: &str, day: &str) -> String {
    let folder = day.replace('-', "/");
    let name = format!("{account}_CloudTrail_{region}_{}T0905Z_x.json.gz", day.replace('-', ""));
    format!("AWSLogs/{account}/CloudTrail/{region}/{folder}/{name}")
}

fn event(id: &str, account: &str, region: &str, time: &str) -> serde_json::Value {
    let mut event = record(id, "Bad");
    event["recipientAccountId"] = json!(account);
    event["awsRegion"] = json!(region);
    event["eventTime"] = json!(time);
    event
}

/// Two accounts, two regions, three days, an event of a global service, a late one, and files whose names say nothing.
fn bucket() -> Served {
    let (one, other) = ("111122223333", "444455556666");
    let log = |key: String, event: serde_json::Value| (key, gzip(file(&[record("quiet", "Good"), event])));
    let files = [
        log(key(one, "eu-west-1", "2026-03-13"), event("day13", one, "eu-west-1", "2026-03-13T10:00:00Z")),
        log(key(one, "eu-west-1", "2026-03-14"), event("day14", one, "eu-west-1", "2026-03-14T09:00:00Z")),
        log(key(one, "eu-west-1", "2026-03-15"), event("late14", one, "eu-west-1", "2026-03-14T23:59:00Z")),
        log(key(one, "us-west-2", "2026-03-14"), event("global", one, "us-east-1", "2026-03-14T09:00:00Z")),
        log(key(other, "eu-west-1", "2026-03-14"), event("other", other, "eu-west-1", "2026-03-14T09:00:00Z")),
        log(key(other, "eu-west-1", "2026-04-14"), event("april", other, "eu-west-1", "2026-04-14T09:00:00Z")),
        log("copies/a b+c.json.gz".into(), event("copy", one, "eu-west-1", "2026-03-14T09:00:00Z")),
    ];
    Served::start(files.into_iter().fold(Bench::with_rule(), |bench, (key, body)| bench.log(&key, body)))
}

#[test]
fn a_bucket_gives_what_its_folder_gives_and_filters_leave_out_what_they_can() {
    let served = bucket();
    let check = |args: &[&str], ids: &[&str], objects: u64| {
        let done = served.scan(args).expect_code(0);
        let mut expected: Vec<String> = ids.iter().map(|id| format!("bad:{id}")).collect();
        expected.sort();
        assert_eq!(done.alerts(), expected, "{args:?}; stderr: {}", done.stderr);
        assert_eq!(served.stats()["objects"]["done"], objects, "{args:?}; stderr: {}", done.stderr);
        for line in done.kind("object") {
            let remote = args[0].starts_with("s3:");
            assert_eq!(line["bucket"] == "logs", remote, "{line}");
            let sum =
                ["evaluated", "repeat", "malformed", "oversize"].map(|name| line[name].as_u64().expect("a count"));
            assert_eq!(line["records"], sum.iter().sum::<u64>(), "{line}");
        }
        done
    };
    let bucket = "s3://logs";
    let everything = ["day13", "day14", "late14", "global", "other", "april", "copy"];
    check(&[bucket], &everything, 7);
    check(&["logs"], &everything, 7);
    check(&["s3://logs/copies/"], &["copy"], 1);
    check(&["s3://logs/copies/a b+c.json.gz"], &["copy"], 1);
    // The day before is not looked into, the day after is: an event may come late.
    let day = ["--since", "2026-03-14", "--until", "2026-03-15"];
    let done = check(&[&[bucket], &day[..]].concat(), &["day14", "late14", "global", "other", "copy"], 5);
    assert!(done.stderr.contains("2 folders can hold nothing"), "{}", done.stderr);
    let nine = ["--since", "2026-03-14T09:00:00Z", "--until", "2026-03-14T09:00:01Z"];
    check(&[&[bucket], &nine[..]].concat(), &["day14", "global", "other", "copy"], 5);
    check(&[&[bucket, "--account", "444455556666"], &day[..]].concat(), &["other"], 2);
    check(&[bucket, "--region", "us-west-2"], &[], 2);
    check(&[bucket, "--region", "us-east-1"], &["global"], 7);
    // A folder of files is asked the same.
    check(&[&["logs"], &nine[..]].concat(), &["day14", "global", "other", "copy"], 7);
    // The index counts all records of the file, those that were not asked for too.
    let copy =
        served.scan(&[&["s3://logs/copies"], &nine[..]].concat()).expect_code(0).expect_counts(&[("records", 1)]);
    let log = json!({"bucket": "logs", "key": "copies/a b+c.json.gz", "version_id": null, "index": 1});
    assert_eq!(copy.kind("alert")[0]["log"], log);
}

#[test]
fn what_can_not_be_read_is_said() {
    let served = bucket();
    served.scan(&["s3://logs/nothing/"]).expect_code(2).expect_stderr("no log file under `s3://logs/nothing/`");
    served.scan(&["s3://elsewhere/x"]).expect_code(2).expect_stderr("can't list `s3://elsewhere/x`");
    served.scan(&["s3://"]).expect_code(2).expect_stderr("names no bucket");
    served.scan(&["s3://logs", "--since", "yesterday"]).expect_code(2).expect_stderr("expected a day like 2026-03-14");
    served.scan(&["s3://logs", "--account", "12"]).expect_code(2).expect_stderr("12 digits");
    served.scan(&["s3://logs", "--since", "2026-03-15", "--until", "2026-03-14"]).expect_code(2).expect_stderr("after");
    let mut alone: Command = served.bench.command(&["scan", "s3://logs", "--rules", "rules"]);
    done(alone.env("AWS_EC2_METADATA_DISABLED", "true")).expect_code(2).expect_stderr("AWS_REGION");
}
