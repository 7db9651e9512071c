//! One execution environment: a process of the function, and the invocation it works on.
//!
//! Input: events, one at a time. Output: how each ended. It does what Lambda's side of the contract does: start the
//! process when the first event comes, wait until it asks for work, hand it over with a deadline, and when the deadline
//! passes or the process ends, kill what is left and start a new one for the next event. Whether an event is tried
//! again is the queue's business.

use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use time::OffsetDateTime;
use tokio::sync::{Mutex, oneshot};
use tokio::time::{Instant, sleep, sleep_until};

use super::child::{Child, Scratch};
use super::console::Console;
use super::function::Function;
use super::identity::{random_hex, request_id, trace_id};
use super::queue::Event;
use super::runtime_api::{Call, Ending, Invocation, Receipt, RuntimeApi};
use super::stop::{Level, Stop};

/// How often a process is looked at. A crash is noticed this late at most.
const LOOK: Duration = Duration::from_millis(25);
/// What a process has for getting ready, unless the function's timeout is longer: Lambda's limit and its second try.
const INIT_LIMIT: Duration = Duration::from_secs(10);
/// A process that has reported why it can't start is expected to end by itself within this time.
const FAREWELL: Duration = Duration::from_secs(1);
/// A function that cannot even start is not the fault of an event: after so many tries in a row, the run ends.
const START_ATTEMPTS: u32 = 2;
const START_PAUSE: Duration = Duration::from_millis(200);

/// What all environments of a run share.
#[derive(Debug)]
pub(crate) struct Deployment {
    pub(crate) function: Function,
    pub(crate) timeout: Duration,
    pub(crate) console: Console,
    pub(crate) stop: Stop,
    /// Held by the environment that starts the first process: if it fails, it is said once and not by all of them.
    pub(crate) proven: Mutex<Proven>,
}

/// Whether the function has been seen to start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Proven {
    NotYet,
    Starts,
    Fails,
}

/// How an invocation ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Done,
    Failed(String),
    /// We were told to stop before it ended.
    Interrupted,
}

/// An environment. Its process ends with it.
#[derive(Debug)]
pub(crate) struct Environment {
    number: usize,
    deployment: Arc<Deployment>,
    process: Option<Process>,
    log_stream: String,
    // Last: removed after the process that writes there.
    scratch: Scratch,
}

impl Environment {
    pub(crate) fn new(number: usize, deployment: Arc<Deployment>) -> io::Result<Self> {
        let today = OffsetDateTime::now_utc().date();
        let date = format!("{}/{:02}/{:02}", today.year(), u8::from(today.month()), today.day());
        let log_stream = format!("{date}/[$LATEST]{}", random_hex::<16>()?);
        Ok(Self { number, deployment, process: None, log_stream, scratch: Scratch::new()? })
    }

    /// Delivers `event` once. An error means that the function can't be started at all.
    pub(crate) async fn invoke(&mut self, event: &Event) -> Result<Outcome> {
        let Some(mut process) = self.ready().await? else {
            return Ok(Outcome::Interrupted);
        };
        let timeout = self.deployment.timeout;
        let deadline = Instant::now() + timeout;
        let invocation = invocation(event, timeout).context("cannot make up an invocation")?;
        let running = (invocation.request_id.clone(), invocation.invocation_id.clone());
        let news = match process.hand_over(invocation) {
            true => process.run(&running, deadline, &self.deployment.stop).await,
            false => Run::Ended,
        };
        if process.next.is_some() {
            // It asked for more: it is kept, idle as a frozen environment.
            self.process = Some(process);
            return Ok(outcome(news, None, timeout));
        }
        let status = process.child.end().context("cannot wait for the function's process")?;
        Ok(outcome(news, Some(status.to_string()), timeout))
    }

    /// A process that waits for work, started anew where there is none; `None` if we are told to stop meanwhile.
    async fn ready(&mut self) -> Result<Option<Process>> {
        if let Some(process) = self.process.take().filter(Process::is_waiting) {
            return Ok(Some(process));
        }
        let mut proven = self.deployment.proven.lock().await;
        match *proven {
            Proven::Starts => drop(proven),
            Proven::Fails => return Ok(None),
            Proven::NotYet => {
                let started = self.try_start().await;
                *proven = if started.is_ok() { Proven::Starts } else { Proven::Fails };
                return started;
            }
        }
        self.try_start().await
    }

    async fn try_start(&self) -> Result<Option<Process>> {
        let mut attempt = 1;
        loop {
            let failure = match self.start().await? {
                Start::Ready(process) => return Ok(Some(process)),
                Start::Stopped => return Ok(None),
                Start::Failed(failure) => failure,
            };
            if attempt == START_ATTEMPTS {
                let bootstrap = self.deployment.function.bootstrap().display();
                bail!("the function does not start: {failure}; see what `{bootstrap}` wrote above");
            }
            sleep(START_PAUSE * attempt).await;
            attempt += 1;
        }
    }

    async fn start(&self) -> Result<Start> {
        let Deployment { function, timeout, console, stop, .. } = &*self.deployment;
        let api = RuntimeApi::start().await.context("cannot open a port for the Runtime API")?;
        let command = function.command(api.address(), self.scratch.path(), &self.log_stream);
        let child = Child::start(command, self.number, console);
        let child = child.with_context(|| format!("cannot start `{}`", function.bootstrap().display()))?;
        let process = Process { child, api, next: None };
        process.get_ready(INIT_LIMIT.max(*timeout), stop).await
    }
}

/// How a start ended.
enum Start {
    Ready(Process),
    Failed(String),
    Stopped,
}

/// What an invocation came to, seen from the Runtime API.
#[derive(Debug)]
enum Run {
    Answered(Ending),
    Late,
    Ended,
    Stopped,
}

/// What can happen to a process.
enum News {
    Call(Call),
    Ended,
    Late,
    Stopped,
}

/// A process and its end of the Runtime API. The child is dropped first: it must not see its endpoint vanish.
#[derive(Debug)]
struct Process {
    child: Child,
    api: RuntimeApi,
    /// The way to hand it an invocation; there while it waits for one.
    next: Option<oneshot::Sender<Invocation>>,
}

impl Process {
    fn is_waiting(&self) -> bool {
        self.next.as_ref().is_some_and(|next| !next.is_closed()) && !self.child.has_ended()
    }

    fn hand_over(&mut self, invocation: Invocation) -> bool {
        self.next.take().is_some_and(|next| next.send(invocation).is_ok())
    }

    async fn get_ready(mut self, limit: Duration, stop: &Stop) -> Result<Start> {
        let mut deadline = Instant::now() + limit;
        let mut reported = None;
        let failure = loop {
            match self.news(deadline, stop).await {
                News::Call(Call::Next(next)) => {
                    self.next = Some(next);
                    return Ok(Start::Ready(self));
                }
                News::Call(Call::InitError(report)) => {
                    reported = Some(report);
                    deadline = deadline.min(Instant::now() + FAREWELL);
                }
                News::Call(Call::Ended { reply, .. }) => drop(reply.send(Receipt::InvalidRequestId)),
                News::Ended => break format!("it ended before it asked for work ({})", self.child.end()?),
                News::Late => break format!("it did not ask for work within {} s", limit.as_secs()),
                News::Stopped => return Ok(Start::Stopped),
            }
        };
        self.child.end()?;
        Ok(Start::Failed(reported.unwrap_or(failure)))
    }

    /// Waits for the end of the invocation. It ends like Lambda's: when the process, having answered, asks for more.
    async fn run(&mut self, running: &(String, String), deadline: Instant, stop: &Stop) -> Run {
        let mut answer = None;
        let cut_short = loop {
            match self.news(deadline, stop).await {
                News::Call(Call::Ended { request_id, invocation_id, ending, reply }) => {
                    let receipt = receipt(running, answer.is_some(), &request_id, invocation_id.as_deref());
                    if receipt == Receipt::Accepted {
                        answer = Some(ending);
                    }
                    let _ = reply.send(receipt);
                }
                News::Call(Call::Next(next)) if answer.is_some() => {
                    self.next = Some(next);
                    break Run::Ended;
                }
                // Refused by dropping it: the invocation that is running has to be answered first.
                News::Call(Call::Next(_) | Call::InitError(_)) => {}
                News::Ended => break Run::Ended,
                News::Late => break Run::Late,
                News::Stopped => break Run::Stopped,
            }
        };
        answer.map_or(cut_short, Run::Answered)
    }

    async fn news(&mut self, deadline: Instant, stop: &Stop) -> News {
        loop {
            tokio::select! {
                // In this order: what a process said counts before its end.
                biased;
                Some(call) = self.api.call() => return News::Call(call),
                () = stop.reached(Level::Now) => return News::Stopped,
                () = sleep_until(deadline) => return News::Late,
                () = sleep(LOOK) => if self.child.has_ended() {
                    return News::Ended;
                },
            }
        }
    }
}

fn receipt(running: &(String, String), answered: bool, request_id: &str, invocation_id: Option<&str>) -> Receipt {
    if answered || request_id != running.0 {
        Receipt::InvalidRequestId
    } else if invocation_id.is_some_and(|id| id != running.1) {
        Receipt::InvalidInvocationId
    } else {
        Receipt::Accepted
    }
}

fn invocation(event: &Event, timeout: Duration) -> io::Result<Invocation> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Ok(Invocation {
        request_id: event.request_id.clone(),
        invocation_id: request_id()?,
        deadline_ms: (now + timeout).as_millis(),
        trace_id: trace_id(now.as_secs())?,
        payload: event.payload.clone(),
    })
}

fn outcome(run: Run, status: Option<String>, timeout: Duration) -> Outcome {
    match run {
        Run::Answered(Ending::Answered) => Outcome::Done,
        Run::Answered(Ending::Failed(report)) => Outcome::Failed(report),
        Run::Late => Outcome::Failed(format!("timed out after {} s; the process was killed", timeout.as_secs())),
        Run::Ended => {
            let status = status.unwrap_or_else(|| "no status".to_owned());
            Outcome::Failed(format!("the process ended before it answered ({status})"))
        }
        Run::Stopped => Outcome::Interrupted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_attempt_that_runs_may_be_answered_and_only_once() {
        let running = ("request".to_owned(), "attempt-2".to_owned());
        for (answered, request, attempt, expected) in [
            (false, "request", Some("attempt-2"), Receipt::Accepted),
            (false, "request", None, Receipt::Accepted),
            (false, "request", Some("attempt-1"), Receipt::InvalidInvocationId),
            (false, "other", Some("attempt-2"), Receipt::InvalidRequestId),
            (true, "request", Some("attempt-2"), Receipt::InvalidRequestId),
        ] {
            assert_eq!(receipt(&running, answered, request, attempt), expected, "{answered} {request} {attempt:?}");
        }
    }
}
