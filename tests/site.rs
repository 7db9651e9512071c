//! The organisation's own values: what `site.yml` says is in the alerts, changes rules, and is refused where it is wrong.

mod common;

use common::{Bench, file, record};
use serde_json::{Value, json};

const RULE: &str = "from iota_site import is_trusted_address\n\
    def rule(event):\n    return event.get('eventName') == 'Bad' and not is_trusted_address(event.get('sourceIPAddress'))\n\
    def severity():\n    return 'MEDIUM'\n";

/// Two records that match, one of them from a network that may be trusted. `None` where Python has no PyYAML.
fn bench(site: &str) -> Option<Bench> {
    if !common::has_yaml() {
        return None;
    }
    let mut inside = record("2", "Bad");
    inside["sourceIPAddress"] = json!("198.51.100.9");
    let bench = Bench::new().rule("bad", RULE).log("x.json", file(&[record("1", "Bad"), inside]));
    std::fs::write(bench.rules().join("site.yml"), site).expect("written");
    Some(bench)
}

#[test]
fn alerts_say_whose_account_it_is() {
    let Some(bench) = bench("accounts: {'111122223333': {name: shop, owner: a@example.com}}\n") else { return };
    let done = bench.scan().expect_code(0);
    let known = |alert: &Value| ["account_name", "environment", "owner"].map(|name| alert[name].clone());
    for alert in done.kind("alert") {
        assert_eq!(known(alert), [json!("shop"), Value::Null, json!("a@example.com")], "{alert}");
    }
    assert_eq!(done.alerts(), ["bad:1", "bad:2"], "nothing else has changed");
}

#[test]
fn rules_see_the_values_and_their_conditions_stay_sound() {
    let Some(bench) = bench("trusted_cidrs: [198.51.100.0/24]\nrules: {bad: {severity: Critical}}\n") else { return };
    for more in [&["--verify-prefilter"][..], &["--no-prefilter"], &[]] {
        let done = bench.scan_with(more).expect_code(0);
        assert_eq!(done.alerts(), ["bad:1"], "{more:?}");
        assert_eq!(done.kind("alert")[0]["severity"], "CRITICAL", "the rule itself says MEDIUM");
    }
    bench.run(&["compile", "rules", "--bundle", "out"]).expect_code(0).expect_stderr("`bad` of `site.yml`: severity");
    let packed = bench.run(&["scan", "logs", "--rulepack", "out/rulepack.json"]).expect_code(0);
    assert_eq!(packed.alerts(), ["bad:1"]);
}

#[test]
fn what_is_not_set_is_listed_and_what_is_wrong_stops() {
    let Some(bench) = bench("# nothing yet\n") else { return };
    let compile = || bench.run(&["compile", "rules", "-o", "pack.json"]);
    compile().expect_code(0).expect_stderr("`trusted_cidrs` is not set in `site.yml`; 1 rule would use it: bad");
    assert_eq!(bench.scan().expect_code(0).alerts(), ["bad:1", "bad:2"]);
    std::fs::write(bench.rules().join("site.yml"), "trusted_cidr: [10.0.0.0/8]\n").expect("written");
    let wrong = "unknown key `trusted_cidr`; did you mean `trusted_cidrs`?";
    compile().expect_code(2).expect_stderr(wrong);
    bench.scan().expect_code(2).expect_stderr(wrong);
}

#[test]
fn a_rules_own_tests_do_not_depend_on_the_site() {
    let Some(bench) = bench("trusted_cidrs: [203.0.113.0/24]\nrules: {bad: {enabled: false}}\n") else { return };
    let yaml = "Tests:\n  - Name: a match\n    ExpectedResult: true\n    Log: {eventName: Bad, sourceIPAddress: 203.0.113.9}\n";
    std::fs::write(bench.rules().join("bad.yml"), yaml).expect("written");
    bench.run(&["test", "rules"]).expect_code(0).expect_stderr("1 passed");
}
