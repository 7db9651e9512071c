//! Candidate records in, verdicts out: the Python workers and all that may go wrong with them.
//!
//! `frame` knows bytes, `message` what they say, `spawn` starts processes, `isolation` says what they are denied (with
//! `confine` and `seccomp`, by the kernel) and checks that it holds, `worker` talks to one, `pool` hands a batch to a worker and sees it answered whatever dies on the way, `tenant` says whose rules a worker runs, `fence`
//! keeps a rule that hangs or crashes at bay for a while. The round trip is closed here: a batch goes in, and for every record exactly one [`Answer`] comes out.
//! The protocol is written down in `docs/engine-protocol.md`.

#[cfg(target_os = "linux")]
mod confine;
mod fence;
mod frame;
#[cfg(test)]
mod fuzz;
mod isolation;
mod message;
mod pool;
#[cfg(target_os = "linux")]
mod seccomp;
mod spawn;
mod tenant;
mod worker;

pub(crate) use isolation::{Ladder, Refused, shield_ourselves};
pub(crate) use message::{Failure, FailureKind, Tested, Verdict};
pub(crate) use pool::{Answer, Batch, Item, Notice, Pool, PoolSettings, Usage, process_usage};
pub(crate) use spawn::Recipe;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// When to stop, and whether somebody asked to.
#[derive(Clone, Default)]
pub(crate) struct Until {
    /// No work after this.
    pub(crate) deadline: Option<Instant>,
    /// Set by Ctrl-C.
    pub(crate) stopped: Arc<AtomicBool>,
}

impl Until {
    /// True once work must stop.
    pub(crate) fn over(&self) -> bool {
        self.is_stopped() || self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
    }

    /// True once somebody asked to stop.
    pub(crate) fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

/// Why a batch could not be judged. It fails the object, never a rule.
#[derive(Debug, thiserror::Error)]
pub(crate) enum EngineError {
    /// The interpreter could not be started.
    #[error("can't start `{program}`: {cause}; set `IOTA_PYTHON` to a Python 3.11 or newer")]
    Spawn {
        /// The interpreter.
        program: String,
        /// What the system said.
        cause: String,
    },
    /// The worker and we do not belong together, or it could not read the pack.
    #[error("the engine refused to start: {0}")]
    Handshake(String),
    /// The kernel refuses what `IOTA_SANDBOX=require` insists on.
    #[error("rules may not run here: {0}; `IOTA_SANDBOX=auto` would run them all the same")]
    Unconfined(String),
    /// The worker died or misbehaved with no rule to blame, twice.
    #[error("the engine broke: {0}")]
    Broken(String),
    /// Time is up.
    #[error("stopped before the batch was judged")]
    Over,
}
