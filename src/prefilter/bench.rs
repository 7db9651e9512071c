//! What the prefilter costs on real logs, beside gunzip and splitting of the same.
//!
//! `IOTA_BENCH_LOGS=FOLDER cargo test --release --lib prefilter::bench -- --ignored --nocapture`

#[cfg(test)]
mod tests {
    // It is run to be read.
    #![allow(clippy::print_stderr)]

    use std::hint::black_box;
    use std::io::{BufReader, Read as _};
    use std::path::Path;
    use std::time::{Duration, Instant};

    use serde_json::{Value as Json, json};

    use super::super::*;
    use crate::gunzip::Gunzip;
    use crate::records::{Limits, Piece, Splitter};

    const TIMES: usize = 100;
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

    /// What is measured, and its best time so far: other work on the machine only adds to it.
    struct Step<'a> {
        name: String,
        run: Box<dyn FnMut() + 'a>,
        best: Duration,
    }

    fn step<'a>(name: impl Into<String>, run: impl FnMut() + 'a) -> Step<'a> {
        Step { name: name.into(), run: Box::new(run), best: Duration::MAX }
    }

    /// By turns, so that a quiet moment is there for each.
    fn run_all(steps: &mut [Step<'_>]) {
        for _ in 0..TIMES {
            for step in &mut *steps {
                let started = Instant::now();
                (step.run)();
                step.best = step.best.min(started.elapsed());
            }
        }
    }

    #[test]
    #[ignore = "a measurement; needs IOTA_BENCH_LOGS"]
    fn cost() {
        let Some(folder) = std::env::var_os("IOTA_BENCH_LOGS") else { return };
        let mut packed = Vec::new();
        files(Path::new(&folder), &mut packed);
        let packed: Vec<Vec<u8>> = packed.into_iter().step_by(8).collect();
        let unpack = |file: &[u8]| {
            let mut text = Vec::new();
            Gunzip::new(BufReader::new(file), u64::MAX).expect("gzip").read_to_end(&mut text).expect("gzip");
            text
        };
        let json: Vec<Vec<u8>> = packed.iter().map(|file| unpack(file)).collect();
        let bytes: usize = json.iter().map(Vec::len).sum();
        let limits = Limits { record_bytes: 1 << 20, depth: 128 };
        let split = || {
            let mut records = Vec::new();
            for text in &json {
                let mut splitter = Splitter::new(&text[..], limits);
                while let Some(piece) = splitter.next().expect("whole") {
                    if let Piece::Record(record) = piece {
                        records.push(String::from_utf8_lossy(record).into_owned());
                    }
                }
            }
            records
        };
        let records = split();
        let packs = [1, 100, 1_000].map(|rules| (rules, prefilter(rules)));
        let mut steps = vec![
            step("gunzip", || packed.iter().for_each(|file| drop(black_box(unpack(file))))),
            step("split and copy", || drop(black_box(split()))),
            step("serde_json's IgnoredAny", || {
                for record in &records {
                    black_box(serde_json::from_str::<serde::de::IgnoredAny>(record).expect("JSON"));
                }
            }),
        ];
        for (rules, prefilter) in &packs {
            let paths = &prefilter.program.paths;
            let mut slots = Slots::default();
            let records = &records;
            steps.push(step(format!("{rules} rules: project {} paths", paths.len()), move || {
                for record in records {
                    assert!(project(paths, &mut slots, record.as_bytes()).is_some(), "{record}");
                }
            }));
            let mut scratch = Scratch::default();
            steps.push(step(format!("{rules} rules: candidates"), move || {
                for record in records {
                    black_box(prefilter.candidates(&mut scratch, record));
                }
            }));
        }
        run_all(&mut steps);
        eprintln!("\n{} records, {} MB of JSON", records.len(), bytes / 1_000_000);
        let gunzip = steps[0].best;
        for Step { name, best, .. } in &steps {
            let per_record = best.as_nanos() / records.len() as u128;
            let rate = bytes as f64 / best.as_secs_f64() / 1e6;
            let ratio = best.as_secs_f64() / gunzip.as_secs_f64();
            eprintln!("{name:<28} {rate:>7.0} MB/s {per_record:>6} ns a record {ratio:>6.3} of gunzip");
        }
        for (_, prefilter) in &packs {
            let mut scratch = Scratch::default();
            let count = |record: &String| match prefilter.candidates(&mut scratch, record) {
                Candidates::Rules(found) => found.len(),
                Candidates::All => panic!("not understood: {record}"),
            };
            let calls: Vec<usize> = records.iter().map(count).filter(|&calls| calls > 0).collect();
            eprintln!("{:?}: {} candidates, {} calls", prefilter.coverage(), calls.len(), calls.iter().sum::<usize>());
        }
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
        let pack = Rulepack::load(&path, None).expect("a pack");
        let mut steps = [
            // Kept, as in production: taking them apart again is no part of a start.
            step("load", || std::mem::forget(black_box(Rulepack::load(&path, None).expect("a pack")))),
            step("prefilter", || std::mem::forget(black_box(Prefilter::new(&pack).expect("conditions")))),
            step("SHA-256", || assert_eq!(black_box(sha2::Sha256::digest(&content)).len(), 32)),
        ];
        run_all(&mut steps);
        eprintln!("\n1,000 rules, {} kB, {} kB of it conditions", text.len() / 1000, conditions / 1000);
        for Step { name, best, .. } in &steps {
            eprintln!("{name:<28} {best:?}");
        }
    }
}
