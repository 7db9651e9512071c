//! The Lambda door: payloads come from the Runtime API, objects from S3, answers go back by the shape of the envelope.
//!
//! Async code ends here: each object's body streams into a blocking thread, where the pipeline is plain Rust. The
//! answer is sent only when every line is out.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Instant, SystemTime};

use aws_sdk_s3::Client;
use lambda_runtime::{Context, Diagnostic, LambdaEvent, service_fn};
use serde_json::{Value, json};
use time::OffsetDateTime;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::alerts_to::{self, Address, AlertsTo};
use crate::canary;
use crate::config::{Config, function_name, resolve_program, worker_environment};
use crate::engine::{Recipe, Until, shield_ourselves};
use crate::error::{ObjectFault, SetupError};
use crate::invoke::{self, Failed, Failure, Invocation, Outcome, Work};
use crate::model::ObjectRef;
use crate::observe;
use crate::pipeline::{Filtering, Grouping, Pipeline, Run};
use crate::report::Status;
use crate::rulepack::Rulepack;
use crate::sink::{Kind, Level, Sink, timestamp};
use crate::source::s3;

/// Serves invocations until the environment ends. `wrapped` is the interpreter that the managed runtime names when we
/// are its exec wrapper.
pub fn run(wrapped: Option<PathBuf>) -> Result<(), lambda_runtime::Error> {
    shield_ourselves();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let function = match setup(wrapped) {
            Ok((mut pipeline, alerts_to)) => {
                let shared = s3::shared().await;
                let config = pipeline.config();
                let client = s3::client(&shared, config.custom_s3_endpoint, config.reader_role.as_deref()).await;
                if let Some(address) = alerts_to {
                    pipeline.deliver_to(AlertsTo::new(address, &shared));
                }
                Arc::new(Function { pipeline, client, invocations: AtomicU64::new(0), told_healths: AtomicU64::new(0) })
            }
            Err(error) => {
                // The log is where people look; a health line reaches the SIEM too.
                let sink = Sink::new(Box::new(std::io::stdout()), &[Kind::Health, Kind::Metrics], "");
                let _ = sink.line(Kind::Health, Level::Warn, &json!({"event": "setup", "message": error.to_string()}));
                let line = metrics_line(function_name().as_deref(), &[("HealthLines", "Count", 1.into())]);
                let _ = sink.line(Kind::Metrics, Level::Warn, &line);
                return Err(error.into());
            }
        };
        lambda_runtime::run(service_fn(|event| Arc::clone(&function).handle(event))).await
    })
}

fn setup(wrapped: Option<PathBuf>) -> Result<(Pipeline, Option<Address>), SetupError> {
    let config = Config::from_env()?;
    let alerts_to = alerts_to(&config)?;
    let pack = Rulepack::load(&config.rulepack, config.rules.as_deref())?;
    if pack.rules.is_empty() {
        let reason = "it holds no rule; deploy at least one".to_owned();
        return Err(SetupError::Pack { path: config.rulepack.display().to_string(), reason });
    }
    let mut kinds =
        vec![Kind::Alert, Kind::RuleError, Kind::Health, Kind::Object, Kind::Digest, Kind::Log, Kind::Metrics];
    if config.log_signals {
        kinds.extend([Kind::Signal, Kind::Suppressed]);
    }
    let sink = Sink::new(Box::new(std::io::stdout()), &kinds, &pack.digest);
    let python = config.interpreter(wrapped);
    let recipe = Recipe {
        // A program that is not found is an error of the first batch that needs it: most invocations do not.
        python: resolve_program(&python).unwrap_or(python),
        engine: config.engine.clone().unwrap_or_else(|| "/opt/python".into()),
        environment: worker_environment(),
    };
    // In the function, third-party packages lie beside the engine; there is no site folder.
    let filtering = Filtering::Sample(config.verify_sample);
    Ok((Pipeline::new(config, pack, sink, recipe, Vec::new(), filtering)?, alerts_to))
}

/// Who must acknowledge alerts, and whether it can take the longest.
fn alerts_to(config: &Config) -> Result<Option<Address>, SetupError> {
    let Some(value) = &config.alerts_to else { return Ok(None) };
    let bad = |name: &str, value: String, expected| SetupError::Setting { name: name.to_owned(), value, expected };
    let address = Address::parse(value).map_err(|expected| bad("IOTA_ALERTS_TO", value.clone(), expected))?;
    if config.max_alert_bytes > alerts_to::MAX_ALERT_BYTES {
        let expected = format!("expected at most {} where `IOTA_ALERTS_TO` is set", alerts_to::MAX_ALERT_BYTES);
        return Err(bad("IOTA_MAX_ALERT_BYTES", config.max_alert_bytes.to_string(), expected));
    }
    Ok(Some(address))
}

struct Function {
    pipeline: Pipeline,
    client: Client,
    /// Invocations of this environment so far.
    invocations: AtomicU64,
    /// Health lines that a `metrics` line has told.
    told_healths: AtomicU64,
}

impl Function {
    async fn handle(self: Arc<Self>, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let started = Instant::now();
        let until = Until { deadline: self.deadline(event.context.deadline()), ..Until::default() };
        let own_log_group = self.pipeline.config().log_group.as_deref();
        let invocation = invoke::parse(&event.payload, own_log_group).map_err(|failed| self.refuse(failed))?;
        let run = Arc::new(Run::new(true, Grouping::Object, until));
        let failures = Arc::clone(&self).objects(&run, &invocation, &event.context).await;
        let written = Arc::clone(&self).finish(&run).await.and_then(|()| self.metrics(&run, started));
        let outcomes: Vec<Outcome<'_>> =
            invocation.units.iter().zip(failures).map(|(unit, failures)| Outcome { id: &unit.id, failures }).collect();
        let answer = invocation.answer.answer(&outcomes);
        // Lines that are not out have told nobody: then no unit is done, whatever else was well.
        written.map_err(|fault| {
            let word = if matches!(fault, ObjectFault::Delivery(_)) { "DeliveryFailed" } else { "OutputFailed" };
            diagnostic(Failed { word, message: fault.to_string() })
        })?;
        answer.map_err(diagnostic)
    }

    /// Handles all objects, so many at a time; gives back what failed, unit by unit.
    async fn objects(self: Arc<Self>, run: &Arc<Run>, invocation: &Invocation, context: &Context) -> Vec<Vec<Failure>> {
        let mut failures: Vec<Vec<Failure>> = Vec::with_capacity(invocation.units.len());
        let slots = Arc::new(Semaphore::new(self.pipeline.config().workers.max(2)));
        let mut tasks = JoinSet::new();
        for (unit, invoked) in invocation.units.iter().enumerate() {
            failures.push(Vec::new());
            match &invoked.work {
                Err(why) => {
                    observe::log(self.pipeline.sink(), Level::Warn, "unknown_payload", why);
                    failures[unit].push(Failure { temporary: false, message: why.clone() });
                }
                Ok(works) => {
                    for work in works.iter().cloned() {
                        let (function, run, slots) = (Arc::clone(&self), Arc::clone(run), Arc::clone(&slots));
                        let context = context.clone();
                        tasks.spawn(async move {
                            let _slot = slots.acquire_owned().await;
                            (unit, function.work(run, work, &context).await)
                        });
                    }
                }
            }
        }
        while let Some(joined) = tasks.join_next().await {
            match joined {
                Ok((_, Ok(()))) => {}
                Ok((unit, Err(why))) => failures[unit].push(why),
                // Whose it was is lost with the panic, so nobody's success can be vouched for.
                Err(panic) => failures.iter_mut().for_each(|unit| unit.push(internal(&panic))),
            }
        }
        failures
    }

    async fn work(self: Arc<Self>, run: Arc<Run>, work: Work, context: &Context) -> Result<(), Failure> {
        let handled = match work {
            Work::Object(object) => {
                let opened = s3::open(&self.client, &object, run.until.deadline).await;
                tokio::task::spawn_blocking(move || self.pipeline.object(&run, &object, || opened)).await
            }
            Work::Inline(name, bytes) => {
                tokio::task::spawn_blocking(move || self.pipeline.object(&run, &name, || Ok(&bytes[..]))).await
            }
            Work::Canary(canary) => {
                // A retry has the request's id again, and so its alert the same ids.
                let id = canary.id.unwrap_or_else(|| context.request_id.clone());
                let now = timestamp(OffsetDateTime::now_utc());
                let record = canary::record(&id, &now, &context.invoked_function_arn);
                let object = ObjectRef::new("", format!("canary/{id}"));
                let all = canary.all_rules;
                tokio::task::spawn_blocking(move || self.pipeline.canary(&run, &object, &record, all)).await
            }
        };
        let report = handled.map_err(|panic| internal(&panic))?;
        match report.status {
            Status::Failed(fault) => Err(Failure {
                temporary: fault.is_temporary(),
                message: format!("{}: {}: {fault}", report.object, fault.word()),
            }),
            Status::Done | Status::Skipped(_) => Ok(()),
        }
    }

    /// Tells what belongs to the run as a whole. Alerts among it may have to be waited for.
    async fn finish(self: Arc<Self>, run: &Arc<Run>) -> Result<(), ObjectFault> {
        let run = Arc::clone(run);
        let finished = tokio::task::spawn_blocking(move || self.pipeline.finish(&run)).await;
        finished.map_err(|panic| ObjectFault::Engine(format!("internal error: {panic}")))?
    }

    /// When work must stop. A deadline that is past already comes from an emulator, and is ignored.
    fn deadline(&self, deadline: SystemTime) -> Option<Instant> {
        match deadline.duration_since(SystemTime::now()) {
            Ok(left) => Some(Instant::now() + left.saturating_sub(self.pipeline.config().deadline_margin)),
            Err(_) => {
                let message = "the invocation's deadline is in the past; it is ignored";
                observe::log(self.pipeline.sink(), Level::Warn, "deadline_ignored", message);
                None
            }
        }
    }

    fn refuse(&self, failed: Failed) -> Diagnostic {
        observe::log(self.pipeline.sink(), Level::Warn, "unknown_payload", &failed.message);
        diagnostic(failed)
    }

    /// What CloudWatch makes metrics of. An alert's time counts from its event; the canary's alert counts nowhere.
    fn metrics(&self, run: &Run, started: Instant) -> Result<(), ObjectFault> {
        let totals = run.totals();
        let (objects, counts) = (&totals.objects, &totals.counts);
        let [info, low, medium, high, critical] = totals.severities;
        // Rungs that are refused are told once by every environment: a metric of its own, or no other health line is seen.
        let refused = self.pipeline.pool().refused().len() as u64;
        let healths = self.pipeline.sink().health_lines().saturating_sub(refused);
        let new_healths = healths.saturating_sub(self.told_healths.swap(healths, Ordering::Relaxed));
        let cold = u64::from(self.invocations.fetch_add(1, Ordering::Relaxed) == 0);
        let mut values: Vec<(&str, &str, Value)> = vec![
            ("ObjectsDone", "Count", objects.done.into()),
            ("ObjectsSkipped", "Count", objects.skipped.into()),
            ("ObjectsFailed", "Count", objects.failed.into()),
            ("ObjectsUnbalanced", "Count", totals.unbalanced.into()),
            ("Records", "Count", counts.records.into()),
            ("Repeats", "Count", counts.repeat.into()),
            ("RecordsNotEvaluated", "Count", (counts.malformed + counts.oversize).into()),
            ("BytesJson", "Bytes", totals.bytes_json.into()),
            ("Candidates", "Count", counts.candidates.into()),
            ("RuleErrors", "Count", counts.rule_errors.into()),
            ("Matches", "Count", counts.matches.into()),
            ("Alerts", "Count", totals.severities.iter().sum::<u64>().into()),
            ("AlertsInfo", "Count", info.into()),
            ("AlertsLow", "Count", low.into()),
            ("AlertsMedium", "Count", medium.into()),
            ("AlertsHigh", "Count", high.into()),
            ("AlertsCritical", "Count", critical.into()),
            ("Suppressed", "Count", counts.suppressed.into()),
            ("BlindPairs", "Count", counts.blind.into()),
            ("HealthLines", "Count", new_healths.into()),
            ("IsolationRefused", "Count", refused.into()),
            ("ColdStart", "Count", cold.into()),
            ("Milliseconds", "Milliseconds", u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX).into()),
        ];
        if !totals.event_to_alert_ms.is_empty() {
            values.push(("EventToAlertMs", "Milliseconds", json!(totals.event_to_alert_ms)));
        }
        let line = metrics_line(self.pipeline.config().function_name.as_deref(), &values);
        self.pipeline.sink().line(Kind::Metrics, Level::Warn, &line)?;
        self.pipeline.sink().flush()
    }
}

/// One line in embedded metric format.
fn metrics_line(function_name: Option<&str>, values: &[(&str, &str, Value)]) -> Value {
    let metrics: Vec<Value> = values.iter().map(|(name, unit, _)| json!({"Name": name, "Unit": unit})).collect();
    let epoch_ms = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let mut line = json!({
        "_aws": {
            "Timestamp": u64::try_from(epoch_ms).unwrap_or_default(),
            "CloudWatchMetrics": [{"Namespace": "iota", "Dimensions": [["FunctionName"]], "Metrics": metrics}],
        },
        "FunctionName": function_name,
    });
    for (name, _, value) in values {
        line[*name] = value.clone();
    }
    line
}

fn internal(panic: &tokio::task::JoinError) -> Failure {
    Failure { temporary: true, message: format!("internal error: {panic}") }
}

fn diagnostic(failed: Failed) -> Diagnostic {
    Diagnostic { error_type: failed.word.to_owned(), error_message: failed.message }
}
