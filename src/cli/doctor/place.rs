//! What belongs to a stack: the names that every check needs, from the stack's own account of itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use serde_json::Value;

use super::DoctorArgs;
use crate::cli::aws::{Aws, Refused};

/// A deployed stack.
pub(in crate::cli) struct Place {
    pub(in crate::cli) function: String,
    pub(in crate::cli) log_group: String,
    /// The function's settings, as Lambda has them.
    pub(in crate::cli) settings: Value,
    /// The rest is for checks alone.
    pub(super) region: String,
    pub(super) partition: String,
    pub(super) failure_queue: Option<String>,
    pub(super) files_queue: Option<String>,
    pub(super) bucket: Option<String>,
    pub(super) rulepack: Option<PathBuf>,
    pub(super) rules: PathBuf,
    /// By logical name.
    resources: BTreeMap<String, String>,
    parameters: BTreeMap<String, String>,
}

impl Place {
    pub(super) fn find(aws: &Aws, args: &DoctorArgs) -> anyhow::Result<Self> {
        let made = |path: &str| Some(PathBuf::from(path)).filter(|path| path.is_file());
        let rulepack = args.rulepack.clone().or_else(|| {
            newest(&[made(".aws-sam/rules/iota/rulepack.json"), made(".aws-sam/build/RulesLayer/iota/rulepack.json")])
        });
        Self::of(aws, &args.stack, rulepack, &args.rules)
    }

    /// Asks CloudFormation and Lambda. Without an answer there is nothing to look at.
    pub(in crate::cli) fn of(aws: &Aws, stack: &str, rulepack: Option<PathBuf>, rules: &Path) -> anyhow::Result<Self> {
        let help = |refused: Refused| match refused.code.as_deref() {
            Some("ValidationError") => {
                anyhow::anyhow!("{refused}; name the stack by --stack and its region by --region")
            }
            Some(_) => anyhow::Error::from(refused),
            None => anyhow::anyhow!("{refused}; is there a profile? (`aws configure`, `aws sso login`, --profile)"),
        };
        let described = aws.ask(&["cloudformation", "describe-stacks", "--stack-name", stack]).map_err(help)?;
        let listed = aws.ask(&["cloudformation", "describe-stack-resources", "--stack-name", stack]).map_err(help)?;
        let described = &described["Stacks"][0];
        let resources = pairs(&listed["StackResources"], "LogicalResourceId", "PhysicalResourceId");
        let parameters = pairs(&described["Parameters"], "ParameterKey", "ParameterValue");
        let outputs = pairs(&described["Outputs"], "OutputKey", "OutputValue");
        let Some(function) = resources.get("Detect").cloned() else {
            bail!("`{stack}` has no function `Detect`; is it a stack of iota?");
        };
        let settings =
            aws.ask(&["lambda", "get-function-configuration", "--function-name", &function]).map_err(help)?;
        let arn: Vec<&str> = text(&settings, "FunctionArn").split(':').collect();
        let part = |at: usize| arn.get(at).copied().unwrap_or_default().to_owned();
        let log_group = Some(text(&settings["LoggingConfig"], "LogGroup")).filter(|group| !group.is_empty());
        let bucket = outputs.get("LogBucketName").or_else(|| parameters.get("LogBucketName"));
        Ok(Self {
            log_group: log_group.map_or_else(|| format!("/aws/lambda/{function}"), str::to_owned),
            function,
            region: part(3),
            partition: part(1),
            failure_queue: resources.get("Failures").cloned(),
            files_queue: resources.get("Files").cloned(),
            bucket: bucket.filter(|bucket| !bucket.is_empty()).cloned(),
            rulepack,
            rules: rules.to_path_buf(),
            settings,
            resources,
            parameters,
        })
    }

    /// A resource's name by its name in the template.
    pub(super) fn resource(&self, name: &str) -> Option<&str> {
        self.resources.get(name).map(String::as_str)
    }

    /// A parameter of the stack; "" if it was left empty.
    pub(super) fn parameter(&self, name: &str) -> &str {
        self.parameters.get(name).map_or("", String::as_str)
    }

    /// The layer of rules that the stack itself was deployed with.
    pub(in crate::cli) fn rules_layer(&self) -> Option<&str> {
        let given = Some(self.parameter("RulesLayerArn")).filter(|arn| !arn.is_empty());
        // SAM puts a hash of its content behind a layer's name.
        let made =
            || self.resources.iter().find(|(name, _)| name.starts_with("RulesLayer")).map(|(_, arn)| arn.as_str());
        given.or_else(made)
    }

    pub(super) fn role(&self) -> &str {
        text(&self.settings, "Role")
    }

    pub(super) fn function_arn(&self) -> &str {
        text(&self.settings, "FunctionArn")
    }

    pub(super) fn account(&self) -> &str {
        self.function_arn().split(':').nth(4).unwrap_or_default()
    }

    /// The ARN of a queue of the stack, from its URL.
    pub(super) fn queue_arn(&self, url: &str) -> String {
        let name = url.rsplit('/').next().unwrap_or_default();
        format!("arn:{}:sqs:{}:{}:{name}", self.partition, self.region, self.account())
    }
}

fn newest(paths: &[Option<PathBuf>]) -> Option<PathBuf> {
    let age = |path: &&PathBuf| path.metadata().and_then(|data| data.modified()).ok();
    paths.iter().flatten().max_by_key(age).cloned()
}

fn pairs(list: &Value, key: &str, value: &str) -> BTreeMap<String, String> {
    let each = each(list);
    each.map(|entry| (text(entry, key).to_owned(), text(entry, value).to_owned())).collect()
}

/// The text of a member; "" if there is none.
pub(in crate::cli) fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_default()
}

/// The elements of a list; a single value is a list of one, as in policies.
pub(in crate::cli) fn each(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(list) => list.iter(),
        Value::Null => [].iter(),
        one => std::slice::from_ref(one).iter(),
    }
}
