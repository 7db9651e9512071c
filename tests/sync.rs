//! `iota sync s3://BUCKET/PREFIX DIR`: the real command against an S3 that lists what it is told to, and fails as told.

mod common;

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use common::server::{Answer, Request, respond, s3, serve};
use common::{Bench, Done, done, file, gzip, record};

/// When everything in the bucket was written: 2026-03-14T09:05:00Z.
const WRITTEN: u64 = 1_773_479_100;

/// What the bucket lists, and how long it says each is.
type Listed = Arc<Mutex<BTreeMap<String, usize>>>;

struct Bucket {
    bench: Bench,
    address: String,
    listed: Listed,
    objects: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
    /// Paths of objects that were asked for.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Bucket {
    fn new() -> Self {
        let (listed, objects, asked) = (Listed::default(), Arc::default(), Arc::<Mutex<Vec<String>>>::default());
        let address = serve({
            let (listed, objects, asked) = (Arc::clone(&listed), Arc::clone(&objects), Arc::clone(&asked));
            move |stream: TcpStream, request: Request| {
                let target = request.line.split(' ').nth(1).unwrap_or_default();
                if target.contains("list-type=2") {
                    let body = listing(target, &listed.lock().expect("not poisoned"));
                    respond(&stream, "200 OK", "content-type: application/xml\r\n", body.as_bytes());
                    return;
                }
                let path = target.split('?').next().unwrap_or_default().to_owned();
                asked.lock().expect("not poisoned").push(path);
                s3(stream, request, &objects);
            }
        });
        Self { bench: Bench::with_rule(), address, listed, objects, asked }
    }

    /// An object as it should be.
    fn put(&self, key: &str, bytes: &[u8]) -> &Self {
        self.answer(key, bytes.len(), &[Answer::Bytes(bytes.to_vec())])
    }

    fn answer(&self, key: &str, length: usize, answers: &[Answer]) -> &Self {
        self.listed.lock().expect("not poisoned").insert(key.to_owned(), length);
        self.objects.lock().expect("not poisoned").insert(format!("/logs/{key}"), answers.to_vec());
        self
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let mut command = self.bench.command(args);
        command
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret")
            .env("AWS_ENDPOINT_URL_S3", format!("http://{}", self.address));
        command
    }

    fn run(&self, args: &[&str]) -> Done {
        done(&mut self.command(args))
    }

    /// Everything into `evidence`.
    fn sync(&self, more: &[&str]) -> Done {
        self.run(&[&["sync", "s3://logs", "evidence"], more].concat())
    }

    /// How many objects were asked for since the last time.
    fn gets(&self) -> usize {
        std::mem::take(&mut *self.asked.lock().expect("not poisoned")).len()
    }

    fn evidence(&self) -> PathBuf {
        self.bench.path().join("evidence")
    }

    /// Every file below `evidence`, sorted.
    fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        let mut folders = vec![self.evidence()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.expect("an entry").path();
                if fs::symlink_metadata(&path).expect("metadata").is_dir() {
                    folders.push(path);
                } else {
                    let below = path.strip_prefix(self.evidence()).expect("below");
                    files.push(below.to_string_lossy().into_owned());
                }
            }
        }
        files.sort();
        files
    }
}

/// ListObjectsV2's answer: all in one page, folders where they are asked for.
fn listing(target: &str, listed: &BTreeMap<String, usize>) -> String {
    let parameter = |name: &str| {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(percent_encoding::percent_decode_str(value).decode_utf8_lossy().into_owned())
    };
    let (prefix, step) = (parameter("prefix").unwrap_or_default(), parameter("delimiter").is_some());
    let (mut contents, mut folders) = (String::new(), Vec::new());
    for (key, length) in listed.iter().filter(|(key, _)| key.starts_with(&prefix)) {
        if let Some(at) = key[prefix.len()..].find('/').filter(|_| step) {
            folders.push(key[..=prefix.len() + at].to_owned());
            continue;
        }
        contents += &format!(
            "<Contents><Key>{key}</Key><LastModified>2026-03-14T09:05:00.000Z</LastModified><Size>{length}</Size></Contents>"
        );
    }
    folders.dedup();
    let folder = |folder: &String| format!("<CommonPrefixes><Prefix>{folder}</Prefix></CommonPrefixes>");
    let folders: String = folders.iter().map(folder).collect();
    format!("<ListBucketResult><IsTruncated>false</IsTruncated>{contents}{folders}</ListBucketResult>")
}

fn key(region: &str, day: &str) -> String {
    let name = format!("111122223333_CloudTrail_{region}_{}T0905Z_x.json.gz", day.replace('-', ""));
    format!("AWSLogs/111122223333/CloudTrail/{region}/{}/{name}", day.replace('-', "/"))
}

fn log(id: &str) -> Vec<u8> {
    gzip(file(&[record("quiet", "Good"), record(id, "Bad")]))
}

const DIGEST: &str = "AWSLogs/111122223333/CloudTrail-Digest/eu-west-1/2026/03/14/d.json.gz";

/// Three log files, a digest, and something else.
fn bucket() -> Bucket {
    let bucket = Bucket::new();
    bucket.put(&key("eu-west-1", "2026-03-12"), &log("day12")).put(&key("eu-west-1", "2026-03-14"), &log("day14"));
    bucket.put(&key("us-west-2", "2026-03-14"), &log("west")).put("AWSLogs/notes.txt", b"notes");
    bucket.put(DIGEST, &gzip(r#"{"digestS3Object":"d","logFiles":[]}"#));
    bucket
}

#[test]
fn a_folder_becomes_what_the_bucket_is_and_a_second_run_fetches_nothing() {
    let bucket = bucket();
    let dry = bucket.sync(&["--dry-run"]).expect_code(0).expect_stderr("4 files would be fetched");
    assert_eq!((bucket.gets(), bucket.evidence().exists()), (0, false), "{}", dry.stderr);
    let first = bucket.sync(&[]).expect_code(0);
    let words = "0 there already, 1 passed by (0 outside what is asked for, 1 of other names), 0 failed";
    assert!(first.stderr.contains("4 files fetched") && first.stderr.contains(words), "{}", first.stderr);
    let mut keys = vec![key("eu-west-1", "2026-03-12"), key("eu-west-1", "2026-03-14"), key("us-west-2", "2026-03-14")];
    keys.push(DIGEST.to_owned());
    keys.sort();
    assert_eq!(bucket.files(), keys);
    let one = bucket.evidence().join(key("eu-west-1", "2026-03-14"));
    assert_eq!(fs::read(&one).expect("a file"), log("day14"), "the bytes as stored");
    assert_eq!(bucket.gets(), 4);
    bucket.sync(&[]).expect_code(0).expect_stderr("0 files fetched (0 bytes), 4 there already");
    assert_eq!(bucket.gets(), 0, "a second run asks for nothing");
    // Another length, or older than the object: fetched again.
    fs::write(&one, "cut").expect("a written file");
    let old = fs::File::options().write(true).open(bucket.evidence().join(DIGEST)).expect("a file");
    old.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(WRITTEN - 1)).expect("a time");
    bucket.sync(&[]).expect_code(0).expect_stderr("2 files fetched").expect_stderr("2 there already");
    assert_eq!(fs::read(&one).expect("a file"), log("day14"));
    // The folder alerts as the bucket does.
    let scan = |from: &str| bucket.run(&["scan", from, "--rules", "rules"]).expect_code(0).alerts();
    let expected = ["bad:day12", "bad:day14", "bad:west"];
    assert_eq!(
        (scan("s3://logs"), scan("evidence")),
        (expected.map(String::from).into(), expected.map(String::from).into())
    );
}

#[test]
fn filters_choose_by_key_and_keep_what_may_hold_a_wanted_event() {
    let check = |args: &[&str], expected: &[String]| {
        let bucket = bucket();
        // Delivered the day after: its events may be of the day before.
        bucket.put(&key("eu-west-1", "2026-03-15"), &log("late")).put(&key("eu-west-1", "2026-03-16"), &log("day16"));
        let done = bucket.sync(args).expect_code(0);
        assert_eq!(bucket.files(), expected, "{args:?}; stderr: {}", done.stderr);
    };
    let of = |days: &[&str]| -> Vec<String> { days.iter().map(|day| key("eu-west-1", day)).collect() };
    let day = ["--since", "2026-03-14T08:00:00Z", "--until", "2026-03-14T10:00:00Z"];
    let digest = vec![DIGEST.to_owned()];
    check(&[&day[..], &["--region", "eu-west-1"]].concat(), &[digest, of(&["2026-03-14", "2026-03-15"])].concat());
    check(&["--region", "us-west-2"], &[key("us-west-2", "2026-03-14")]);
    check(&["--account", "444455556666"], &[]);
}

#[test]
fn what_fails_is_named_and_comes_with_the_next_run() {
    let bucket = bucket();
    let body = log("broken");
    let good = Answer::Bytes(body.clone());
    let wrong = Answer::Told(
        body.clone(),
        "etag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\nx-amz-server-side-encryption: AES256\r\n",
    );
    let whole = body.len();
    bucket.answer("a/cut.json.gz", whole, &[Answer::Cut(body.clone(), 20), good.clone()]);
    bucket.answer("a/gone.json.gz", whole, &[Answer::Error(404, "NoSuchKey"), good.clone()]);
    bucket.answer("a/secret.json.gz", whole, &[Answer::Error(403, "AccessDenied"), good.clone()]);
    bucket.answer("a/wrong.json.gz", whole, &[wrong, good.clone()]);
    // The checksum that an object carries is compared, too.
    let crc = Answer::Told(body.clone(), "x-amz-checksum-crc32: AAAAAA==\r\n");
    bucket.answer("a/crc.json.gz", whole, &[crc, good.clone()]);
    // An ETag is no MD5 where the object is encrypted with a key of KMS.
    let kms = "etag: \"d41d8cd98f00b204e9800998ecf8427e\"\r\nx-amz-server-side-encryption: aws:kms\r\n";
    bucket.answer("a/kms.json.gz", whole, &[Answer::Told(body.clone(), kms)]);
    let done = bucket.sync(&["--jobs", "2"]).expect_code(2).expect_stderr("5 files fetched");
    for (name, words) in
        [("cut", "read: "), ("gone", "not_found"), ("secret", "access_denied"), ("wrong", "MD5"), ("crc", "checksum")]
    {
        let line = done.stderr.lines().find(|line| line.contains(&format!("failed `s3://logs/a/{name}.json.gz`")));
        assert!(line.is_some_and(|line| line.contains(words)), "{name}: {words}; stderr: {}", done.stderr);
    }
    assert!(done.stderr.contains("5 failed"), "{}", done.stderr);
    let below = |names: Vec<String>| names.into_iter().filter(|name| name.starts_with("a/")).collect::<Vec<_>>();
    assert_eq!(below(bucket.files()), ["a/kms.json.gz"], "nothing of what failed lies there");
    bucket.gets();
    bucket.sync(&[]).expect_code(0).expect_stderr("5 files fetched").expect_stderr("5 there already");
    assert_eq!(bucket.gets(), 5);
    assert_eq!(fs::read(bucket.evidence().join("a/cut.json.gz")).expect("a file"), body);
}

#[test]
fn nothing_is_written_outside_and_odd_keys_are_named() {
    let bucket = Bucket::new();
    let body = log("x");
    let long = format!("b/{}.json", "n".repeat(300));
    let odd = [
        "../out.json",
        "a/../../out.json",
        "/abs.json",
        "a//x.json",
        "./x.json",
        "a\\..\\x.json",
        "link/x.json",
        &long,
    ];
    for key in odd {
        bucket.put(key, &body);
    }
    // A file, and a folder of its name; a link where a file belongs.
    bucket.put("c.json", &body).put("c.json/d.json", &body).put("e/linked.json", &body).put("good.json", &body);
    let outside = bucket.bench.path().join("outside");
    fs::create_dir(&outside).expect("a folder");
    fs::create_dir_all(bucket.evidence().join("e")).expect("a folder");
    fs::write(outside.join("kept"), "kept").expect("a file");
    symlink(&outside, bucket.evidence().join("link")).expect("a link");
    symlink(outside.join("kept"), bucket.evidence().join("e/linked.json")).expect("a link");
    let done = bucket.sync(&["--jobs", "1"]).expect_code(2).expect_stderr("2 files fetched").expect_stderr("10 failed");
    for key in odd.iter().chain(&["c.json/d.json", "e/linked.json"]) {
        let named = format!("failed `s3://logs/{}`", key.escape_debug());
        assert!(done.stderr.contains(&named), "{named}; stderr: {}", done.stderr);
    }
    assert_eq!(bucket.files(), ["c.json", "e/linked.json", "good.json", "link"]);
    let names = |folder: PathBuf| {
        let entries = fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
        let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
        names.retain(|name| !name.starts_with('.'));
        names.sort();
        names
    };
    assert_eq!(names(outside.clone()), ["kept"]);
    assert_eq!(fs::read_to_string(outside.join("kept")).expect("text"), "kept");
    assert_eq!(names(bucket.bench.path().to_path_buf()), ["evidence", "logs", "outside", "rules"]);
    bucket.sync(&["--dry-run"]).expect_code(2).expect_stderr("10 failed");
}

/// As on a file system that makes no difference between capitals: both names are one file.
#[test]
fn two_keys_never_share_a_file() {
    let bucket = Bucket::new();
    bucket.put("A.json", &log("one")).put("a.json", &log("one"));
    fs::create_dir(bucket.evidence()).expect("a folder");
    fs::write(bucket.evidence().join("A.json"), log("one")).expect("a file");
    fs::hard_link(bucket.evidence().join("A.json"), bucket.evidence().join("a.json")).expect("a second name");
    bucket.sync(&["--jobs", "1"]).expect_code(2).expect_stderr("another key's file").expect_stderr("1 failed");
}

#[test]
fn a_run_that_is_killed_or_stopped_leaves_no_half_file_and_the_next_one_goes_on() {
    let bucket = bucket();
    let body = log("slow");
    // The body stops in the middle, and the connection stays open: a file is half there for as long as we like.
    let held = Arc::new(Mutex::new(Vec::new()));
    let address = serve({
        let (held, objects, listed, body) =
            (Arc::clone(&held), Arc::clone(&bucket.objects), Arc::clone(&bucket.listed), body.clone());
        move |stream: TcpStream, request: Request| {
            let target = request.line.split(' ').nth(1).unwrap_or_default().to_owned();
            if target.contains("list-type=2") {
                respond(&stream, "200 OK", "", listing(&target, &listed.lock().expect("not poisoned")).as_bytes());
            } else if target.starts_with("/logs/zz/slow") {
                use std::io::Write as _;
                let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len());
                (&stream).write_all(&[head.as_bytes(), &body[..20]].concat()).expect("written");
                held.lock().expect("not poisoned").push(stream);
            } else {
                s3(stream, request, &objects);
            }
        }
    });
    bucket.put("zz/slow.json.gz", &body);
    let half = || fs::read_dir(bucket.evidence().join("zz")).into_iter().flatten().count() > 0;
    let args = ["sync", "s3://logs", "evidence", "--jobs", "1"];
    let begin = || {
        let mut command = bucket.command(&args);
        command.env("AWS_ENDPOINT_URL_S3", format!("http://{address}")).stderr(std::process::Stdio::piped());
        let child = command.spawn().expect("the command starts");
        let started = Instant::now();
        while !half() {
            assert!(started.elapsed() < Duration::from_secs(30), "no file is begun after 30 s");
            std::thread::sleep(Duration::from_millis(5));
        }
        child
    };
    let mut child = begin();
    // A second one would write to the same names.
    bucket.sync(&[]).expect_code(2).expect_stderr("another `iota sync`");
    child.kill().expect("killed");
    child.wait().expect("ended");
    let mine = |name: &String| name.starts_with("zz/");
    let left: Vec<String> = bucket.files().into_iter().filter(mine).collect();
    assert!(left.len() == 1 && left[0].ends_with(".part"), "only a temporary name: {left:?}");
    // Ctrl-C, while the same file hangs: told, and not even that is left.
    let _ = fs::remove_file(bucket.evidence().join(&left[0]));
    let child = begin();
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).expect("fits")).expect("a process");
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("a signal");
    std::thread::sleep(Duration::from_millis(300));
    held.lock().expect("not poisoned").clear();
    let output = child.wait_with_output().expect("ended");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{stderr}");
    assert_eq!(bucket.files().into_iter().filter(mine).count(), 0, "{stderr}");
    bucket.gets();
    bucket.sync(&[]).expect_code(0).expect_stderr("4 files fetched").expect_stderr("1 there already");
    assert_eq!(bucket.gets(), 4);
    assert_eq!(fs::read(bucket.evidence().join("zz/slow.json.gz")).expect("a file"), body);
}

#[test]
fn what_can_not_be_done_is_said() {
    let bucket = bucket();
    bucket.run(&["sync", "logs", "evidence"]).expect_code(2).expect_stderr("`logs` is no s3://BUCKET/PREFIX");
    bucket.run(&["sync", "s3://", "evidence"]).expect_code(2).expect_stderr("names no bucket");
    bucket.run(&["sync", "s3://logs/nothing/", "evidence"]).expect_code(2).expect_stderr("no log file under");
    fs::write(bucket.evidence(), "a file").expect("a file");
    bucket.sync(&[]).expect_code(2).expect_stderr("can't make the folder `evidence`");
}
