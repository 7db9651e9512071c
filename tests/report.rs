//! `scan --report`: what a person reads, made of text that strangers wrote.

mod common;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use common::{Bench, file, record};
use serde_json::Value;

const RULE: &str = "def rule(event):\n    if event['eventName'] == 'Broken':\n        raise KeyError('<b>why</b>')\n    \
                    return event['eventName'] == 'Bad'\ndef title(event):\n    return event.get('user')\n\
                    def severity(event):\n    return 'HIGH'\n";

/// A match by somebody at a minute past nine.
fn by(user: &str, minute: usize) -> Value {
    let mut record = record(&format!("{user}{minute}"), "Bad");
    record["eventTime"] = format!("2026-03-14T09:{minute:02}:00Z").into();
    record["user"] = user.into();
    record["userIdentity"] = serde_json::json!({ "arn": format!("arn:aws:iam::111122223333:user/{user}") });
    record
}

fn page(bench: &Bench) -> String {
    let page = fs::read_to_string(bench.path().join("page.html")).expect("a page");
    let (head, body) = page.split_once("<style>").expect("a head with a style");
    format!("{head}{}", body.split_once("</style>").expect("the end of the style").1)
}

#[track_caller]
fn expect(page: &str, words: &[&str]) {
    for word in words {
        assert!(page.contains(word), "expected `{word}` in\n{page}");
    }
}

#[test]
fn a_page_tells_what_was_found_and_what_is_missing() {
    let records = [by("ann", 1), by("bob", 5), by("ann", 40), record("x", "Broken"), record("y", "Fine")];
    let bench = Bench::new()
        .rule("r", RULE)
        .rule("half", "def rule(event) return True")
        .log("x.json", file(&records))
        .log("y.json", file(&[by("carl", 3)]).trim_end_matches("]}"));
    let done = bench.scan_with(&["--report", "page.html", "--all-matches", "--no-prefilter"]).expect_code(2);
    let page = page(&bench);
    let titles = ["ann", "bob", "ann", "carl"].map(|user| format!("<span>{user}</span>"));
    expect(&page, &titles.each_ref().map(String::as_str));
    assert_eq!(page.matches("<details>").count(), done.kind("alert").len(), "one for each alert that was printed");
    let words = ["<h1>4 alerts in 6 records</h1>", "2026-03-14 09:01 to 2026-03-14 09:40 UTC", "<b>4</b>high"];
    expect(&page, &words);
    let gaps = ["1 file failed", "y.json", "could not be loaded: half.py", "failed 1 time: KeyError"];
    expect(&page, &gaps);
}

#[test]
fn what_strangers_wrote_stays_text() {
    let hostile = "</span><script>alert(1)</script>\" onload='x' &amp;\u{202e}\u{1b}[2J";
    let rule = format!("{RULE}def reference(event):\n    return 'javascript:alert(1)'\n");
    let bench = Bench::new().rule("r", &rule).log("x.json", file(&[by(hostile, 1)]));
    bench.scan_with(&["--report", "page.html"]).expect_code(0);
    let page = page(&bench);
    expect(&page, &["default-src 'none'", "&lt;script&gt;alert(1)&lt;/script&gt;&quot; onload='x' &amp;amp;"]);
    let lower = page.to_ascii_lowercase();
    for bad in ["<script", "href=\"javascript", "\u{1b}", "\u{202e}", "<img", "http-equiv=\"refresh"] {
        assert!(!lower.contains(bad), "`{bad}` in\n{page}");
    }
}

#[test]
fn of_many_alerts_the_gravest_are_shown_and_all_are_counted() {
    let records: Vec<Value> = (0..600).map(|n| by(&format!("user{n}"), n % 60)).collect();
    let code = RULE.replace("'HIGH'", "'CRITICAL' if event['user'] == 'user599' else 'LOW'");
    let bench = Bench::new().rule("r", &code).log("x.json", file(&records));
    bench.scan_with(&["--report", "page.html", "--all-matches"]).expect_code(0);
    let page = page(&bench);
    expect(
        &page,
        &["<h1>600 alerts in 600 records</h1>", "<b>599</b>low", "100 more are only in the scan's own output"],
    );
    assert_eq!(page.matches("<details>").count(), 500);
    let first = page.split("<details>").nth(1).expect("an alert");
    assert!(first.contains("<span>user599</span>"), "the gravest first:\n{first}");
}

#[test]
fn a_place_that_cannot_be_written_is_told_before_anything_runs() {
    let bench = Bench::with_rule().log("x.json", file(&[record("1", "Bad")]));
    for place in ["nowhere/page.html", "."] {
        let done = bench.scan_with(&["--report", place]).expect_code(2);
        assert!(done.stderr.contains(&format!("can't write `{place}`")), "{}", done.stderr);
        assert_eq!(done.lines.len(), 0, "nothing ran: {:?}", done.lines);
    }
}

#[test]
fn no_alert_makes_a_page_too() {
    let bench = Bench::with_rule().log("x.json", file(&[record("1", "Fine")]));
    bench.scan_with(&["--report", "page.html"]).expect_code(0);
    expect(&page(&bench), &["<h1>0 alerts in 1 record</h1>", "None."]);
    let mode = fs::metadata(bench.path().join("page.html")).expect("a page").permissions().mode();
    assert_eq!(mode & 0o444, 0o444, "others can read it, as the umask lets them: {mode:o}");
    let left: Vec<_> = fs::read_dir(bench.path()).expect("a folder").flatten().map(|entry| entry.file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".iota-")), "no draft is left: {left:?}");
}
