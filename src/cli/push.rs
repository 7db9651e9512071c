//! `iota rules push`: a folder of rules in; the rules live in a deployed function, or everything as it was.
//!
//! Built by Python alone, published as a layer version, set, and proved by a canary for which every rule is loaded where
//! it runs. If the canary does not come, comes from another pack, or names a rule that does not load, the layers that
//! were there are set again. AWS's revision of the function guards against somebody who changes it meanwhile.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::aws::{Aws, AwsArgs, Refused};
use super::doctor::{Place, each, lines_since, text};
use super::engine::{Engine, rules_folders};
use super::{Outcome, RulesArgs, show};

/// The packer of `make rules`, which needs nothing but Python's standard library for a zip.
const PACKER: &str = include_str!("../../docs/deploy/package.py");
const POLL: Duration = Duration::from_millis(500);

/// Deploy rules.
#[derive(Subcommand)]
pub(super) enum RulesCommand {
    /// Build the rules, make them live in a deployed function, and take them back if its canary stays away
    Push(PushArgs),
}

#[derive(Args)]
pub(super) struct PushArgs {
    /// Name of the stack
    #[arg(long, value_name = "STACK", default_value = "iota")]
    stack: String,
    #[command(flatten)]
    aws: AwsArgs,
    /// Folder of rules; several layer [default: rules, or `IOTA_RULES`]
    #[arg(long = "rules", value_name = "DIR")]
    rules: Vec<PathBuf>,
    /// Include rules with `Enabled: false`
    #[arg(long)]
    include_disabled: bool,
    #[command(flatten)]
    engine: super::EngineArgs,
    /// Seconds to wait for the update, and again for the canary's alert in the log group
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=900))]
    wait: u64,
}

pub(super) fn run(args: &PushArgs) -> anyhow::Result<Outcome> {
    let started = Instant::now();
    let aws = Aws::new(&args.aws);
    let place = Place::of(&aws, &args.stack, None, Path::new("rules"))?;
    let old: Vec<String> = each(&place.settings["Layers"]).map(|layer| text(layer, "Arn").to_owned()).collect();
    let at =
        old.iter().position(|arn| name_of(arn).ends_with("-rules") || Some(base(arn)) == place.rules_layer().map(base));
    let Some(at) = at else {
        bail!("`{}` has no layer of rules among {}; deploy the stack first", place.function, old.join(", "));
    };
    let folder = tempfile::Builder::new().prefix("iota-push-").tempdir().context("can't make a temporary folder")?;
    let Some(digest) = build(args, &place, folder.path())? else { return Ok(Outcome::No) };
    let built = started.elapsed();
    let zip = format!("fileb://{}", folder.path().join("rules.zip").display());
    let runtime = text(&place.settings, "Runtime");
    let published = aws.run(&[
        "lambda",
        "publish-layer-version",
        "--layer-name",
        name_of(&old[at]),
        "--compatible-runtimes",
        runtime,
        "--zip-file",
        &zip,
    ])?;
    let new = text(&published, "LayerVersionArn").to_owned();
    let mut layers = old.clone();
    layers[at].clone_from(&new);
    let push = Push { aws: &aws, place: &place, wait: Duration::from_secs(args.wait) };
    let revision = text(&place.settings, "RevisionId");
    if let Err(refused) = push.set(&layers, Some(revision)) {
        // Nobody will ever use it.
        let _ = aws.run(&[
            "lambda",
            "delete-layer-version",
            "--layer-name",
            name_of(&new),
            "--version-number",
            version(&new),
        ]);
        let changed = ["PreconditionFailedException", "ResourceConflictException"];
        let why = if refused.code.as_deref().is_some_and(|code| changed.contains(&code)) {
            "somebody else is changing the function; nothing was changed, try again"
        } else {
            "nothing was changed"
        };
        bail!("{refused}; {why}");
    }
    let id = format!("push-{}-{}", &digest[..digest.len().min(12)], version(&new));
    match push.updated().and_then(|()| push.prove(&id, &digest, folder.path())) {
        Ok(()) => {
            show::note(&format!(
                "live: `{new}`, pack {}; built in {:.1} s, all of it took {:.1} s",
                &digest[..12],
                built.as_secs_f64(),
                started.elapsed().as_secs_f64()
            ));
            show::note(&format!("for the next deployment of the stack: RulesLayerArn={new}"));
            Ok(Outcome::Ran)
        }
        Err(why) => {
            show::note(&format!("{} {why:#}", show::paint("31", "not live:")));
            push.set(&old, None).map_err(anyhow::Error::from).and_then(|()| push.updated()).with_context(|| {
                format!(
                    "`{}` still has the new rules; set its layers back by hand: aws lambda update-function-configuration \
                     --function-name {} --layers {}",
                    place.function,
                    place.function,
                    old.join(" ")
                )
            })?;
            show::note(&format!("rolled back to `{}`", old[at]));
            Ok(Outcome::No)
        }
    }
}

/// Makes `rules.zip` in `folder`, of what becomes `/opt`; gives back the pack's digest, or nothing if a rule can't load.
fn build(args: &PushArgs, place: &Place, folder: &Path) -> anyhow::Result<Option<String>> {
    let engine = Engine::find(&args.engine)?;
    let rules = rules_folders(&RulesArgs { rules: args.rules.clone(), ..RulesArgs::default() })?;
    let layer = folder.join("layer");
    let pack = layer.join("iota/rulepack.json");
    fs::create_dir_all(layer.join("iota"))?;
    let mut more = vec!["--bundle"];
    if args.include_disabled {
        more.push("--include-disabled");
    }
    let report = engine.compile(&rules, &args.engine, &pack, &more)?;
    show::compiled(&report, &pack, false);
    if !report.failed.is_empty() || report.rules == 0 {
        show::note("nothing was deployed: every rule must load, and there must be one");
        return Ok(None);
    }
    for wanted in rules.iter().map(|folder| folder.join("requirements.txt")).filter(|file| names_any(file)) {
        packages(&engine, place, &wanted, &layer.join("python"))?;
    }
    let packer = folder.join("package.py");
    fs::write(&packer, PACKER)?;
    engine.tool(&[&path(&packer), "zip", &path(&layer), &path(&folder.join("rules.zip"))])?;
    Ok(Some(report.digest))
}

/// Installs packages for the interpreter that the function has, not for the one here.
fn packages(engine: &Engine, place: &Place, wanted: &Path, target: &Path) -> anyhow::Result<()> {
    let version = text(&place.settings, "Runtime").strip_prefix("python").unwrap_or("3.13").to_owned();
    let machine = if place.settings["Architectures"][0] == "arm64" { "aarch64" } else { "x86_64" };
    let platforms = [format!("manylinux_2_28_{machine}"), format!("manylinux2014_{machine}")];
    engine.tool(&[
        "-m",
        "pip",
        "install",
        "--quiet",
        "--disable-pip-version-check",
        "--no-compile",
        "--requirement",
        &path(wanted),
        "--target",
        &path(target),
        "--python-version",
        &version,
        "--implementation",
        "cp",
        "--only-binary=:all:",
        "--platform",
        &platforms[0],
        "--platform",
        &platforms[1],
    ])?;
    Ok(())
}

fn names_any(file: &Path) -> bool {
    let named = |text: String| text.lines().any(|line| !line.trim().is_empty() && !line.trim_start().starts_with('#'));
    fs::read_to_string(file).is_ok_and(named)
}

/// What is done to the function.
struct Push<'a> {
    aws: &'a Aws,
    place: &'a Place,
    wait: Duration,
}

impl Push<'_> {
    /// Sets the function's layers, unless its revision is another one by now.
    fn set(&self, layers: &[String], revision: Option<&str>) -> Result<(), Refused> {
        let mut args =
            vec!["lambda", "update-function-configuration", "--function-name", &self.place.function, "--layers"];
        args.extend(layers.iter().map(String::as_str));
        if let Some(revision) = revision.filter(|revision| !revision.is_empty()) {
            args.extend(["--revision-id", revision]);
        }
        self.aws.run(&args).map(drop)
    }

    /// Waits until what was set is what runs.
    fn updated(&self) -> anyhow::Result<()> {
        let until = Instant::now() + self.wait;
        loop {
            let settings =
                self.aws.run(&["lambda", "get-function-configuration", "--function-name", &self.place.function])?;
            match text(&settings, "LastUpdateStatus") {
                "InProgress" if Instant::now() < until => std::thread::sleep(POLL),
                "InProgress" => bail!("the function's update has not ended after {} s", self.wait.as_secs()),
                "Failed" => bail!("the function's update failed: {}", text(&settings, "LastUpdateStatusReason")),
                _ => return Ok(()),
            }
        }
    }

    /// Asks for a canary, and waits until its alert lies in the log group.
    fn prove(&self, id: &str, digest: &str, folder: &Path) -> anyhow::Result<()> {
        let started = Instant::now();
        let payload = folder.join("canary.json");
        fs::write(&payload, json!({"source": "iota.canary", "id": id, "rules": "all"}).to_string())?;
        let payload = format!("fileb://{}", payload.display());
        let invoked = self.aws.run_in(
            folder,
            &["lambda", "invoke", "--function-name", &self.place.function, "--payload", &payload, "answer.json"],
        )?;
        if invoked.get("FunctionError").is_some() {
            let answer = fs::read(folder.join("answer.json")).unwrap_or_default();
            let answer: Value = serde_json::from_slice(&answer).unwrap_or_default();
            bail!(
                "the function failed on the canary: {}: {}",
                text(&answer, "errorType"),
                text(&answer, "errorMessage")
            );
        }
        let pattern = format!(r#"{{ $.event_id = "{id}" || $.key = "canary/{id}" }}"#);
        loop {
            // Clocks differ; the id is this push's alone.
            let lines =
                lines_since(self.aws, &self.place.log_group, started.elapsed() + Duration::from_secs(300), &pattern)?;
            let of = |kind: &str| lines.iter().filter(|line| text(line, "kind") == kind).collect::<Vec<_>>();
            if let (Some(alert), Some(object)) = (of("alert").first(), of("object").first()) {
                if text(alert, "rulepack") != digest {
                    bail!("the canary came from the pack {}, not from the new one", text(alert, "rulepack"));
                }
                if object["rule_errors"] != 0 {
                    let told = of("rule_error");
                    let shown: Vec<String> = told
                        .iter()
                        .map(|line| format!("`{}`: {}", text(line, "rule_id"), text(line, "exception")))
                        .collect();
                    bail!(
                        "{} of the new rules do not load in the function: {}",
                        object["rule_errors"],
                        shown.join("; ")
                    );
                }
                return Ok(());
            }
            if started.elapsed() > self.wait {
                bail!("the canary's alert did not come within {} s", self.wait.as_secs());
            }
            std::thread::sleep(POLL);
        }
    }
}

fn path(path: &Path) -> String {
    path.display().to_string()
}

/// `arn:…:layer:NAME:7` is version 7 of the layer NAME.
fn version(arn: &str) -> &str {
    arn.rsplit(':').next().unwrap_or_default()
}

fn base(arn: &str) -> &str {
    arn.rsplit_once(':').map_or(arn, |(base, _)| base)
}

fn name_of(arn: &str) -> &str {
    base(arn).rsplit(':').next().unwrap_or_default()
}
