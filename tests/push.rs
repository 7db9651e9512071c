//! `iota rules push` through the real command and a stand-in for the AWS CLI: what is asked of AWS, in which order, and that
//! the function is as it was whenever the new rules are not proved.

mod common;

use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use common::aws::{self, Answer, asked, text_of};
use common::server::Function;
use common::{Bench, Done};
use serde_json::{Value, json};

const LAYERS: &str = "arn:aws:lambda:eu-west-1:111122223333:layer:";
const UPDATE: &str = "lambda update-function-configuration --function-name iota-detect --layers";

/// Of the pack that is pushed: the same files make the same pack.
static DIGEST: LazyLock<String> = LazyLock::new(|| {
    let bench = Bench::with_rule();
    bench.run(&["compile", "rules", "--bundle", "opt"]).expect_code(0);
    let pack = fs::read_to_string(bench.path().join("opt/rulepack.json")).expect("a pack");
    pack.split('"').nth(9).expect("its digest").to_owned()
});

/// A stack with rules in it, and a folder with others.
struct Stack {
    bench: Bench,
    digest: String,
    answers: Vec<Answer>,
}

impl Stack {
    fn new(bench: Bench) -> Self {
        let digest = DIGEST.clone();
        let text = [include_str!("doctor/healthy.json"), include_str!("doctor/push.json")];
        let answers = text.iter().flat_map(|text| {
            let text = text.replace("DIGEST12", &digest[..12]).replace("DIGEST", &digest);
            let parsed: serde_json::Map<String, Value> = serde_json::from_str(&text).expect("recorded answers");
            parsed.into_iter().map(|(name, answer)| (name, "ok", answer.to_string()))
        });
        let answers = answers.collect();
        Self { bench, digest, answers }
    }

    fn compiled() -> Self {
        Self::new(Bench::with_rule())
    }

    /// Another answer to the question that holds `words`.
    fn answer(&mut self, words: &str, kind: &'static str, text: String) {
        let found: Vec<usize> = (0..self.answers.len()).filter(|&at| self.answers[at].0.contains(words)).collect();
        let [at] = found[..] else { panic!("{} answers for `{words}`", found.len()) };
        if kind == "once" {
            self.answers.insert(at, (self.answers[at].0.clone(), kind, text));
        } else {
            self.answers[at] = (self.answers[at].0.clone(), kind, text);
        }
    }

    /// What the log group says of the canary.
    fn lines(&mut self, lines: &[Value]) {
        let event = |line: &Value| json!({"timestamp": 1, "message": line.to_string()});
        let events = json!({"events": lines.iter().map(event).collect::<Vec<_>>()});
        self.answer("$.key = \"canary/push-", "ok", events.to_string());
    }

    fn push(&self) -> Done {
        text_of(&mut aws::command(&self.bench, &["rules", "push", "--wait", "1"], &self.answers))
    }

    /// The changes that were asked for, in order.
    fn changes(&self) -> Vec<String> {
        let changing = ["publish", "update", "delete", "invoke"];
        let is_change = |line: &String| {
            line.split(' ').nth(1).is_some_and(|verb| changing.contains(&verb.split('-').next().unwrap_or_default()))
        };
        asked(&self.bench).into_iter().filter(is_change).collect()
    }

    #[track_caller]
    fn expect_rolled_back(&self, why: &str) {
        let done = self.push().expect_code(1).expect_stderr(why).expect_stderr("rolled back to");
        let changes = self.changes();
        assert_eq!(
            changes.last(),
            Some(&format!("{UPDATE} {LAYERS}iota-engine:4 {LAYERS}iota-rules:9")),
            "{}",
            done.stderr
        );
    }
}

fn error(code: &str, what: &str) -> String {
    format!("An error occurred ({code}) when calling the {what} operation: as the test wants it")
}

#[test]
fn rules_that_are_pushed_are_live() {
    let stack = Stack::compiled();
    let done =
        stack.push().expect_code(0).expect_stderr("live: `arn:aws:lambda:eu-west-1:111122223333:layer:iota-rules:10`");
    assert!(
        done.stderr.contains("RulesLayerArn=arn:aws:lambda:eu-west-1:111122223333:layer:iota-rules:10"),
        "{}",
        done.stderr
    );
    let expected = [
        "lambda publish-layer-version --layer-name iota-rules --compatible-runtimes python3.13".to_owned(),
        format!("{UPDATE} {LAYERS}iota-engine:4 {LAYERS}iota-rules:10 --revision-id r-1"),
        "lambda invoke --function-name iota-detect answer.json".to_owned(),
    ];
    assert_eq!(stack.changes(), expected);
    assert!(done.took.as_secs() < 20, "our own part of a push took {:?}", done.took);
    // What was sent runs: the real function over the layer unpacked, with the canary that was asked for.
    let sent = |name: &str| stack.bench.path().join(format!("sent{name}"));
    let opt = stack.bench.path().join("unpacked");
    let unpacked = Command::new("python3").args(["-m", "zipfile", "-e"]).arg(sent("--zip-file")).arg(&opt).status();
    assert!(unpacked.expect("python3").success());
    let payload: Value = serde_json::from_slice(&fs::read(sent("--payload")).expect("a payload")).expect("JSON");
    let function = Function::start_compiled(&opt.join("iota"), &[]);
    let invoked = function.invoke(&payload, 60_000);
    let alert = invoked.kind("alert")[0];
    let id = format!("push-{}-10", &stack.digest[..12]);
    assert_eq!((&alert["rulepack"], &alert["event_id"]), (&json!(stack.digest), &json!(id)), "{alert}");
    assert_eq!(invoked.kind("object")[0]["rule_errors"], 0);
}

#[test]
fn an_update_that_takes_a_while_is_waited_for() {
    let mut stack = Stack::compiled();
    let settings = |stack: &Stack| {
        let found = stack.answers.iter().find(|(name, ..)| name.contains("get-function-configuration"));
        serde_json::from_str::<Value>(&found.expect("settings").2).expect("JSON")
    };
    let (first, mut updating) = (settings(&stack), settings(&stack));
    updating["LastUpdateStatus"] = json!("InProgress");
    // The first reading is of before.
    stack.answer("get-function-configuration", "once", updating.to_string());
    let at = stack.answers.iter().position(|(_, kind, _)| *kind == "once").expect("there");
    stack.answers.insert(at, (stack.answers[at].0.clone(), "once", first.to_string()));
    stack.push().expect_code(0);
    let readings = asked(&stack.bench).iter().filter(|line| line.contains("get-function-configuration")).count();
    assert_eq!(readings, 3);
    let mut stuck = Stack::compiled();
    stuck.answer("get-function-configuration", "once", settings(&stuck).to_string());
    let at =
        stuck.answers.iter().position(|(name, kind, _)| *kind == "ok" && name.contains("get-function-configuration"));
    updating["LastUpdateStatus"] = json!("Failed");
    updating["LastUpdateStatusReason"] = json!("the layers are too large");
    stuck.answers[at.expect("there")].2 = updating.to_string();
    // That the old layers cannot be set either is said too.
    stuck.push().expect_code(2).expect_stderr("the layers are too large").expect_stderr("set its layers back by hand");
}

#[test]
fn without_a_canary_everything_is_as_it_was() {
    let mut stack = Stack::compiled();
    stack.lines(&[]);
    stack.expect_rolled_back("the canary's alert did not come within 1 s");
    let mut stack = Stack::compiled();
    stack.lines(&[
        json!({"kind": "alert", "rule_id": "iota.canary", "test": true, "rulepack": "another"}),
        json!({"kind": "object", "rule_errors": 0}),
    ]);
    stack.expect_rolled_back("the canary came from the pack another");
    let mut stack = Stack::compiled();
    stack.lines(&[
        json!({"kind": "alert", "rule_id": "iota.canary", "test": true, "rulepack": stack.digest}),
        json!({"kind": "object", "rule_errors": 1}),
        json!({"kind": "rule_error", "rule_id": "bad", "exception": "package `x` is not installed"}),
    ]);
    stack.expect_rolled_back("1 of the new rules do not load in the function: `bad`: package `x` is not installed");
    let mut stack = Stack::compiled();
    stack.answer("lambda invoke", "ok", json!({"StatusCode": 200, "FunctionError": "Unhandled"}).to_string());
    stack.expect_rolled_back("the function failed on the canary");
    let mut stack = Stack::compiled();
    stack.answer("lambda invoke", "error", error("TooManyRequestsException", "Invoke"));
    stack.expect_rolled_back("TooManyRequestsException");
}

#[test]
fn a_function_that_others_change_is_left_alone() {
    for (code, words) in [
        ("PreconditionFailedException", "somebody else is changing the function; nothing was changed, try again"),
        ("ResourceConflictException", "somebody else is changing the function"),
        ("AccessDeniedException", "nothing was changed"),
    ] {
        let mut stack = Stack::compiled();
        stack.answer("--revision-id r-1", "error", error(code, "UpdateFunctionConfiguration"));
        stack.push().expect_code(2).expect_stderr(code).expect_stderr(words);
        let changes = stack.changes();
        // The layer that nobody will use is taken away; no canary was asked for.
        assert_eq!(changes.len(), 3, "{changes:?}");
        assert_eq!(changes[2], "lambda delete-layer-version --layer-name iota-rules --version-number 10");
    }
}

#[test]
fn a_rollback_that_fails_says_what_to_do() {
    let mut stack = Stack::compiled();
    stack.lines(&[]);
    let back = format!("{UPDATE} {LAYERS}iota-engine:4 {LAYERS}iota-rules:9");
    stack.answer(&back, "error", error("TooManyRequestsException", "UpdateFunctionConfiguration"));
    let by_hand = format!("by hand: aws {back}");
    stack.push().expect_code(2).expect_stderr("still has the new rules").expect_stderr(&by_hand);
}

#[test]
fn rules_that_do_not_load_here_are_not_deployed() {
    let stack = Stack::new(
        Bench::with_rule().rule("broken", "import nothing_of_that_name\n\ndef rule(event):\n    return True\n"),
    );
    stack.push().expect_code(1).expect_stderr("broken.py").expect_stderr("nothing was deployed");
    assert!(stack.changes().is_empty(), "{:?}", stack.changes());
    let empty = Stack::new(Bench::new());
    empty.push().expect_code(1).expect_stderr("there must be one");
    let mut bare = Stack::compiled();
    let settings = json!({"FunctionName": "iota-detect", "Layers": []}).to_string();
    bare.answer("get-function-configuration", "ok", settings);
    bare.push().expect_code(2).expect_stderr("has no layer of rules");
}

#[test]
fn packages_that_cannot_be_had_are_not_left_out() {
    let stack = Stack::compiled();
    // A file of no package: pip refuses it without asking anybody.
    fs::write(stack.bench.rules().join("requirements.txt"), "# needed\n./nothing-here-1.0.whl\n").expect("written");
    stack.push().expect_code(2).expect_stderr("nothing-here");
    assert!(stack.changes().is_empty(), "{:?}", stack.changes());
}
