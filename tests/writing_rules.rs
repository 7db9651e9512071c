//! `docs/writing-rules.md`, literally: its files are written and its commands run, one after the other, as a reader would.

mod common;

use std::fs;
use std::path::Path;
use std::process::Command;

/// A block of code and what stands behind its three backticks.
fn blocks(page: &str) -> Vec<(&str, String)> {
    let mut found: Vec<(&str, String)> = Vec::new();
    let mut open = false;
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(word) if !open => {
                found.push((word, String::new()));
                open = true;
            }
            Some(_) => open = false,
            None if open => found.last_mut().expect("a block").1 += &format!("{line}\n"),
            None => {}
        }
    }
    found
}

#[test]
fn the_page_does_what_it_says() {
    if !common::has_yaml() {
        return;
    }
    let clone = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(clone.join("docs/writing-rules.md")).expect("the page");
    let folder = tempfile::tempdir().expect("a folder");
    let iota = Path::new(env!("CARGO_BIN_EXE_iota")).parent().expect("a folder");
    let path = format!("{}:{}", iota.display(), std::env::var("PATH").unwrap_or_default());
    let mut done = 0;
    for (word, text) in blocks(&page) {
        match word.split_once(' ') {
            None if word == "sh" => {
                let mut command = Command::new("bash");
                command.args(["-euo", "pipefail", "-c", &text]).current_dir(folder.path());
                let output = command.env("PATH", &path).env("CLONE", clone).output().expect("bash");
                let said = String::from_utf8_lossy(&output.stderr).into_owned();
                assert!(output.status.success(), "{text}\n{said}");
            }
            Some((_, name)) => {
                let file = folder.path().join(name.trim_start_matches('+'));
                fs::create_dir_all(file.parent().expect("a parent")).expect("a folder");
                let before =
                    if name.starts_with('+') { fs::read_to_string(&file).expect("it is there") } else { String::new() };
                fs::write(&file, before + &text).expect("written");
            }
            None => continue,
        }
        done += 1;
    }
    assert!(done >= 8, "only {done} blocks were found");
    let alerts = fs::read_to_string(folder.path().join("alerts.jsonl")).expect("alerts");
    let copied = alerts.lines().filter(|line| line.contains("support-agent copied disk vol-0c1d2e3f4a5b6c7d8")).count();
    assert_eq!(copied, 1, "one alert of the new rule");
}
