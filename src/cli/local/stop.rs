//! The wish to stop, and how urgent it is.
//!
//! Input: signals, or a reader of our output that has gone. Output: a level that only rises, which everything that
//! waits also waits for. It is one small value so that no part of the run has a way of its own to end it.

use std::io;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;

/// How long work in flight may go on after the first request.
pub(crate) const GRACE: Duration = Duration::from_secs(5);
/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// How far we are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Run,
    /// Nothing new is begun; what is in flight may end.
    Drain,
    /// What is in flight is killed.
    Now,
}

/// A handle on the level; all clones share it.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    level: watch::Sender<Level>,
}

impl Stop {
    pub(crate) fn new() -> Self {
        Self { level: watch::Sender::new(Level::Run) }
    }

    pub(crate) fn level(&self) -> Level {
        *self.level.borrow()
    }

    pub(crate) fn raise(&self, to: Level) {
        self.level.send_if_modified(|level| {
            let raised = to > *level;
            *level = to.max(*level);
            raised
        });
    }

    /// Waits until the level is `level` or higher.
    pub(crate) async fn reached(&self, level: Level) {
        // It cannot fail: we hold a sender ourselves.
        let _ = self.level.subscribe().wait_for(|now| *now >= level).await;
    }

    /// From here on Ctrl-C and SIGTERM raise the level: the first to `Drain`, the second to `Now`; the third ends this
    /// process on the spot. `Drain`, from whatever cause, becomes `Now` after [`GRACE`]. SIGHUP is left as it is: under
    /// `nohup` it is ignored, and else the function ends because its endpoints do.
    pub(crate) fn listen(&self, runtime: &Handle) -> io::Result<()> {
        let _context = runtime.enter();
        let mut signals =
            Signals { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? };
        let stop = self.clone();
        runtime.spawn(async move {
            signals.next().await;
            stop.raise(Level::Drain);
            signals.next().await;
            stop.raise(Level::Now);
            signals.next().await;
            std::process::exit(INTERRUPTED);
        });
        let stop = self.clone();
        runtime.spawn(async move {
            stop.reached(Level::Drain).await;
            tokio::time::sleep(GRACE).await;
            stop.raise(Level::Now);
        });
        Ok(())
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_level_only_rises() {
        let stop = Stop::new();
        stop.raise(Level::Now);
        stop.raise(Level::Drain);
        assert_eq!(stop.level(), Level::Now);
    }
}
