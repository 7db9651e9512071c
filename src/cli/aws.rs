//! The user's own AWS CLI as our way to AWS: an argument list in, its JSON or its refusal out.
//!
//! Whoever deploys has it, with profiles, single sign-on and MFA set up: linking an SDK crate for each of ten services
//! would cost minutes of every build, and would still log in otherwise than its user does. The function uses none of this.

use std::collections::HashMap;
use std::fmt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use clap::Args;
use serde_json::Value;

/// Which account, by the AWS CLI's own names.
#[derive(Args, Clone, Default)]
pub(super) struct AwsArgs {
    /// Profile of the AWS CLI [default: the CLI's]
    #[arg(long, value_name = "NAME")]
    profile: Option<String>,
    /// The stack's region [default: the profile's]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// AWS's word, such as `AccessDenied`; none if it never came to AWS.
    pub(super) code: Option<String>,
    /// What was asked, such as `lambda get-policy`.
    pub(super) asked: String,
    /// What was answered, in one line.
    pub(super) message: String,
}

impl Refused {
    /// There is no such thing.
    pub(super) fn is_absent(&self) -> bool {
        let absent = |code: &str| {
            ["NotFound", "NoSuch", "NonExistent", "ResourceNotFoundException"].iter().any(|word| code.contains(word))
        };
        self.code.as_deref().is_some_and(absent)
    }

    /// The credentials may not ask.
    pub(super) fn is_denied(&self) -> bool {
        let denied = |code: &str| ["AccessDenied", "Unauthorized", "Forbidden"].iter().any(|word| code.contains(word));
        self.code.as_deref().is_some_and(denied)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`aws {}`: {}", self.asked, self.message)
    }
}

impl std::error::Error for Refused {}

type Answer = Result<Value, Refused>;

/// The AWS CLI, and what it has answered.
#[derive(Default)]
pub(super) struct Aws {
    environment: Vec<(&'static str, String)>,
    known: Mutex<HashMap<Vec<String>, Arc<OnceLock<Answer>>>>,
}

impl Aws {
    pub(super) fn new(args: &AwsArgs) -> Self {
        // In the environment, where a call's arguments stay what the call is about.
        let mut environment: Vec<(&'static str, String)> = vec![
            ("AWS_DEFAULT_OUTPUT", "json".into()),
            ("AWS_PAGER", String::new()),
            ("AWS_CLI_AUTO_PROMPT", "off".into()),
        ];
        let given =
            [("AWS_PROFILE", &args.profile), ("AWS_REGION", &args.region), ("AWS_DEFAULT_REGION", &args.region)];
        environment.extend(given.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.clone()))));
        Self { environment, known: Mutex::default() }
    }

    /// Asks what changes nothing; the same question is put once.
    pub(super) fn ask(&self, args: &[&str]) -> Answer {
        let key = args.iter().map(|arg| (*arg).to_owned()).collect();
        let cell = Arc::clone(self.known.lock().unwrap_or_else(PoisonError::into_inner).entry(key).or_default());
        cell.get_or_init(|| self.run(args)).clone()
    }

    /// Has something done, or asks what may have changed.
    pub(super) fn run(&self, args: &[&str]) -> Answer {
        self.run_in(Path::new("."), args)
    }

    /// The same in a folder where the AWS CLI may write.
    pub(super) fn run_in(&self, folder: &Path, args: &[&str]) -> Answer {
        let asked = args.iter().take(2).copied().collect::<Vec<_>>().join(" ");
        let refused = |code: Option<&str>, message: String| Refused {
            code: code.map(str::to_owned),
            asked: asked.clone(),
            message,
        };
        let mut command = Command::new("aws");
        command.args(args).current_dir(folder).envs(self.environment.iter().cloned()).stdin(Stdio::null());
        let done = command.output().map_err(|e| {
            let help = "install the AWS CLI and put it on PATH (https://aws.amazon.com/cli)";
            refused(None, format!("can't start `aws`: {e}; {help}"))
        })?;
        if !done.status.success() {
            let said = String::from_utf8_lossy(&done.stderr);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            // An error occurred (AccessDenied) when calling the GetPolicy operation: …
            let code = said.split_once("error occurred (").and_then(|(_, rest)| Some(rest.split_once(')')?.0));
            return Err(refused(code, if said.is_empty() { done.status.to_string() } else { said.clone() }));
        }
        if done.stdout.iter().all(u8::is_ascii_whitespace) {
            return Ok(Value::Null);
        }
        serde_json::from_slice(&done.stdout).map_err(|e| refused(None, format!("the answer is not JSON: {e}")))
    }
}
