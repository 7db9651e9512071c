//! What the prefilter costs on real logs, beside gunzip and splitting of the same.
//!
//! `IOTA_BENCH_LOGS=FOLDER cargo test --release --lib prefilter::bench -- --ignored --nocapture`

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::io::{BufReader, Read as _};
    use std::path::Path;
    use std::time::Duration;

    use serde_json::{Value as Json, json};

    use super::super::*;
    use crate::gunzip::Gunzip;
    use crate::records::{Limits, Piece, Splitter};

    const TIMES: usize = 15;
    const NAMES: [&str; 24] = [
        "ConsoleLogin",
        "CreateUser",
        "CreateAccessKey",
        "AssumeRole",
        "PutBucketPolicy",
        "StopLogging",
        "DeleteTrail",
        "AttachUserPolicy",
        "PutUserPolicy",
        "RunInstances",
        "GetSecretValue",
        "CreateFunction20150331",
        "Decrypt",
        "UpdateTrail",
        "AuthorizeSecurityGroupIngress",
        "ModifySnapshotAttribute",
        "DescribeInstances",
        "GetObject",
        "ListBuckets",
        "PutObject",
        "DisableKey",
        "CreateLoginProfile",
        "UpdateAssumeRolePolicy",
        "DeleteDetector",
    ];

    fn files(path: &Path, found: &mut Vec<Vec<u8>>) {
        for entry in std::fs::read_dir(path).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                files(&path, found);
            } else if path.extension().is_some_and(|extension| extension == "gz") {
                found.push(std::fs::read(path).expect("bytes"));
            }
        }
    }

    /// A rule as rules are: most ask for names first; some for a source, some for anything at all.
    fn condition(number: usize) -> Json {
        let get = |key: &str| json!([{"get": key}]);
        let deep = |keys: &[&str]| json!([{"deep": keys, "default": ""}]);
        let success = json!({"op": "not", "of": {"op": "any", "of": [
            {"op": "truthy", "term": get("errorCode")}, {"op": "truthy", "term": get("errorMessage")}]}});
        let parameter = format!("parameter{}", number % 24);
        let more = match number % 5 {
            0 => json!({"op": "equals", "term": deep(&["userIdentity", "type"]), "to": "Root"}),
            1 => json!({"op": "contains", "term": deep(&["requestParameters", &parameter]), "const": "0.0.0.0/0"}),
            2 => {
                json!({"op": "starts_with", "term": deep(&["userIdentity", "sessionContext", "sessionIssuer", "userName"]), "any_of": ["AWS"]})
            }
            3 => {
                json!({"op": "not", "of": {"op": "equals", "term": deep(&["responseElements", &parameter]), "to": true}})
            }
            _ => json!({"op": "matches", "term": deep(&["userAgent"]), "pattern": "(?i:kali|pentoo|parrot)"}),
        };
        let first = match number % 10 {
            0 => {
                json!({"op": "equals", "term": get("eventSource"), "to": format!("{}.amazonaws.com", ["iam", "s3", "ec2"][number / 10 % 3])})
            }
            1 if number < 100 => json!({"op": "equals", "term": deep(&["additionalEventData", "MFAUsed"]), "to": "No"}),
            _ => json!({"op": "in", "term": get("eventName"), "set": [
                format!("{}{}", NAMES[number % NAMES.len()], if number < 100 { String::new() } else { number.to_string() }), "NeverSeen"]}),
        };
        json!({"op": "all", "of": [success, first, more]})
    }

    fn prefilter(rules: usize) -> Prefilter {
        let texts: Vec<String> = (0..rules).map(|number| condition(number).to_string()).collect();
        Prefilter::of(texts.iter().map(|text| ("rule", &**text))).expect("conditions")
    }

    /// How long this thread has run on a processor.
    fn busy() -> Duration {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
        Duration::from_nanos(text.split(' ').next().and_then(|word| word.parse().ok()).expect("nanoseconds"))
    }

    /// The best of some runs: other work on the machine only adds to it.
    fn best(mut run: impl FnMut()) -> Duration {
        let mut times: Vec<Duration> = (0..TIMES)
            .map(|_| {
                let started = busy();
                run();
                busy() - started
            })
            .collect();
        times.sort_unstable();
        times[0]
    }

    #[test]
    #[ignore = "a measurement; needs IOTA_BENCH_LOGS"]
    fn cost() {
        let Some(folder) = std::env::var_os("IOTA_BENCH_LOGS") else { return };
        let mut packed = Vec::new();
        files(Path::new(&folder), &mut packed);
        let mut json = Vec::new();
        let gunzip = best(|| {
            json.clear();
            for file in &packed {
                let mut text = Vec::new();
                Gunzip::new(BufReader::new(&file[..]), u64::MAX).expect("gzip").read_to_end(&mut text).expect("gzip");
                json.push(text);
            }
        });
        let bytes: usize = json.iter().map(Vec::len).sum();
        let mut records = Vec::new();
        let limits = Limits { record_bytes: 1 << 20, depth: 128 };
        let split = best(|| {
            records.clear();
            for text in &json {
                let mut splitter = Splitter::new(&text[..], limits);
                while let Some(piece) = splitter.next().expect("whole") {
                    if let Piece::Record(record) = piece {
                        records.push(String::from_utf8_lossy(record).into_owned());
                    }
                }
            }
        });
        eprintln!("{} records, {} MB of JSON", records.len(), bytes / 1_000_000);
        let say = |what: &str, time: Duration| {
            let per_record = time.as_nanos() / records.len() as u128;
            let rate = bytes as f64 / time.as_secs_f64() / 1e6;
            let ratio = time.as_secs_f64() / gunzip.as_secs_f64();
            eprintln!("{what:<32} {rate:>7.0} MB/s {per_record:>6} ns a record {ratio:>6.3} of gunzip");
        };
        say("gunzip", gunzip);
        say("split and copy", split);
        say(
            "serde_json's IgnoredAny",
            best(|| {
                for record in &records {
                    black_box(serde_json::from_str::<serde::de::IgnoredAny>(record).expect("JSON"));
                }
            }),
        );
        for rules in [1, 100, 1_000] {
            let built = best(|| drop(black_box(prefilter_of(rules))));
            let prefilter = prefilter(rules);
            let (mut slots, paths) = (Slots::default(), &prefilter.program.paths);
            say(
                &format!("{rules} rules: project, {} paths", paths.len()),
                best(|| {
                    for record in &records {
                        black_box(project(paths, &mut slots, record.as_bytes()).expect("JSON"));
                    }
                }),
            );
            let (mut scratch, mut candidates, mut calls) = (Scratch::default(), 0, 0);
            let time = best(|| {
                (candidates, calls) = (0, 0);
                for record in &records {
                    let Candidates::Rules(found) = prefilter.candidates(&mut scratch, record) else {
                        panic!("{record}")
                    };
                    candidates += usize::from(!found.is_empty());
                    calls += found.len();
                }
            });
            say(&format!("{rules} rules: candidates"), time);
            eprintln!("    {candidates} candidates, {calls} calls, {:?}, built in {built:?}", prefilter.coverage());
        }
    }

    fn prefilter_of(rules: usize) -> usize {
        prefilter(rules).rules.len()
    }

    /// 1,000 rules, from the file to the index.
    #[test]
    #[ignore = "a measurement"]
    fn load() {
        use sha2::Digest as _;
        let rule = |number: usize| {
            format!(
                r#"{{"id":"R{number}","path":"r{number}.py","digest":"{:064}","severity":"HIGH","create_alert":true,"dedup_period_minutes":60,"threshold":1,"metadata":{{"description":"{}"}},"condition":{}}}"#,
                number,
                "words ".repeat(60),
                condition(number)
            )
        };
        let rules: Vec<String> = (0..1_000).map(rule).collect();
        let content = format!(
            r#","engine_version":"{}","files":{{}},"rules":[{}],"failed":[],"listed":[]}}"#,
            env!("CARGO_PKG_VERSION"),
            rules.join(",")
        );
        let digest = crate::rulepack::hex(&sha2::Sha256::digest(&content));
        let text = format!(r#"{{"magic":"iota-rulepack","format":1,"digest":"{digest}"{content}"#);
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("rulepack.json");
        std::fs::write(&path, &text).expect("written");
        let conditions: usize = (0..1_000).map(|number| condition(number).to_string().len()).sum();
        let loaded = best(|| drop(black_box(Rulepack::load(&path, None).expect("a pack"))));
        let pack = Rulepack::load(&path, None).expect("a pack");
        let built = best(|| drop(black_box(Prefilter::new(&pack).expect("conditions"))));
        let hashed = best(|| drop(black_box(sha2::Sha256::digest(&content))));
        eprintln!(
            "{} kB, {} kB of it conditions: load {loaded:?} (SHA-256 {hashed:?}), prefilter {built:?}",
            text.len() / 1000,
            conditions / 1000
        );
    }
}
