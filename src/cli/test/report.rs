//! Results of tests in, words for people or for a CI system out.

use std::fmt::Write as _;
use std::io::Write as _;

use serde_json::json;

use super::judge::Verdict;
use super::{Format, Results};
use crate::cli::show;

pub(super) fn print(results: &Results, format: Format, verbose: bool) -> anyhow::Result<()> {
    match format {
        Format::Text => text(results, verbose),
        Format::Json => writeln!(std::io::stdout(), "{:#}", as_json(results))?,
        Format::Junit => write!(std::io::stdout(), "{}", junit(results))?,
    }
    Ok(())
}

fn text(results: &Results, verbose: bool) {
    show::failed(&results.unloaded);
    let mut rule = "";
    for verdict in &results.verdicts {
        let passed = verdict.problems.is_empty();
        if passed && !verbose {
            continue;
        }
        if verdict.id != rule {
            rule = &verdict.id;
            show::line(&format!("{rule}  ({})", verdict.path));
        }
        let mark = if passed { show::paint("32", "pass") } else { show::paint("31", "FAIL") };
        show::line(&format!("  {mark}  {}", verdict.name));
        for problem in &verdict.problems {
            show::line(&format!("        {problem}"));
        }
        for printed in &verdict.printed {
            show::line(&format!("        printed: {printed}"));
        }
    }
    for (lack, rules) in &results.lacking {
        if results.demanded.contains(lack) {
            show::line(&format!("{}  {lack}: {}", show::paint("31", "FAIL"), rules.join(", ")));
        }
    }
    show::note(&summary(results));
}

fn summary(results: &Results) -> String {
    let failed = results.failed();
    let mut text = format!(
        "{} tests of {}: {} passed, {failed} failed, {:.1} s",
        results.verdicts.len(),
        show::count(results.rules as u64, "rule"),
        results.verdicts.len() - failed,
        results.seconds
    );
    if !results.unloaded.is_empty() {
        let _ = write!(text, "; {} not loaded", show::count(results.unloaded.len() as u64, "file"));
    }
    for (lack, rules) in &results.lacking {
        let _ = write!(text, "; {} with {lack}", show::count(rules.len() as u64, "rule"));
    }
    text
}

fn as_json(results: &Results) -> serde_json::Value {
    let test = |verdict: &Verdict| {
        json!({
            "rule_id": verdict.id, "name": verdict.name, "path": verdict.path, "passed": verdict.problems.is_empty(),
            "expected": verdict.expected, "got": verdict.got, "problems": verdict.problems,
            "functions": verdict.functions, "printed": verdict.printed,
        })
    };
    let unloaded = results
        .unloaded
        .iter()
        .map(|file| json!({"rule_id": file.id, "path": file.path, "line": file.line, "reason": file.reason}));
    json!({
        "rules": results.rules,
        "passed": results.verdicts.len() - results.failed(),
        "failed": results.failed(),
        "not_loaded": unloaded.collect::<Vec<_>>(),
        "lacking": results.lacking,
        "seconds": results.seconds,
        "tests": results.verdicts.iter().map(test).collect::<Vec<_>>(),
    })
}

fn junit(results: &Results) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let tests = results.verdicts.len() + results.unloaded.len();
    let failures = results.failed() + results.unloaded.len();
    let _ = writeln!(
        out,
        r#"<testsuites><testsuite name="iota" tests="{tests}" failures="{failures}" time="{:.3}">"#,
        results.seconds
    );
    for file in &results.unloaded {
        let name = file.id.as_deref().unwrap_or(&file.path);
        case(&mut out, name, "loads", &[format!("{}: {}", file.path, file.reason)]);
    }
    for verdict in &results.verdicts {
        case(&mut out, &verdict.id, &verdict.name, &verdict.problems);
    }
    out.push_str("</testsuite></testsuites>\n");
    out
}

fn case(out: &mut String, rule: &str, name: &str, problems: &[String]) {
    let _ = write!(out, r#"<testcase classname="{}" name="{}""#, xml(rule), xml(name));
    if problems.is_empty() {
        out.push_str("/>\n");
    } else {
        let first = problems.first().map(String::as_str).unwrap_or_default();
        let all = xml(&problems.join("\n"));
        let _ = writeln!(out, r#"><failure message="{}">{all}</failure></testcase>"#, xml(first));
    }
}

/// Text as XML takes it: control characters, which it refuses even escaped, become U+FFFD.
fn xml(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' | '\t' => out.push(char),
            char if char.is_control() => out.push('\u{fffd}'),
            char => out.push(char),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn xml_is_escaped() {
        assert_eq!(xml("a<b>&\"c\u{1}\n"), "a&lt;b&gt;&amp;&quot;c\u{fffd}\n");
    }
}
