//! Lambda's queue of asynchronous events, for one execution environment: attempts, pauses, giving up.
//!
//! Input: keys from the feed, which all environments share. Output: events to deliver. An event that fails is delivered
//! again twice, with the same request id and payload, and is then a failure; Lambda pauses 1 and 2 minutes in between,
//! we [`PAUSES`]. A retry stays with the environment that failed, which keeps the queue free of shared state.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::body::Bytes;
use time::OffsetDateTime;
use tokio::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep_until};

use super::console::Occurrence;
use super::environment::{Deployment, Environment, Outcome};
use super::folder::{Folder, Key};
use super::identity::request_id;
use super::notification::object_created;
use super::stop::{Level, Stop};
use super::tally::Failure;

/// Before the second and the third attempt.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_millis(400)];
/// How often an event is delivered at most.
pub(crate) const ATTEMPTS: u32 = PAUSES.len() as u32 + 1;
/// Events of one environment that may wait for their next attempt; beyond that, nothing new is begun.
const MAX_WAITING: usize = 8;

/// The keys that wait, for whichever environment is free.
pub(crate) type Fresh = Arc<Mutex<mpsc::Receiver<Key>>>;

/// A notification on its way to the function.
#[derive(Debug)]
pub(crate) struct Event {
    pub(crate) key: Key,
    pub(crate) request_id: String,
    pub(crate) payload: Bytes,
    attempts: usize,
    due: Instant,
}

impl Event {
    /// `None` if there is no such object any more.
    fn new(folder: &Folder, key: Key) -> Result<Option<Self>> {
        let Some(stat) = folder.stat(key.as_str()) else {
            return Ok(None);
        };
        let request_id = request_id().context("cannot read random bytes")?;
        let payload = object_created(folder.bucket(), &key, &stat, &request_id, OffsetDateTime::now_utc());
        Ok(Some(Self { key, request_id, payload: payload.into(), attempts: 0, due: Instant::now() }))
    }
}

/// Delivers events to one environment until none is left or we are to stop.
pub(crate) async fn work(number: usize, deployment: Arc<Deployment>, folder: Arc<Folder>, fresh: Fresh) -> Result<()> {
    let Deployment { console, stop, .. } = &*deployment;
    let mut environment = Environment::new(number, Arc::clone(&deployment)).context("cannot make a scratch folder")?;
    let mut queue = Queue { fresh, waiting: Vec::new() };
    loop {
        console.caught_up(stop).await;
        let event = match queue.next(stop).await {
            Some(Next::Retry(event)) => event,
            Some(Next::Fresh(key)) => match Event::new(&folder, key)? {
                Some(event) => event,
                None => {
                    console.tell(Occurrence::Vanished);
                    continue;
                }
            },
            None => return Ok(()),
        };
        match environment.invoke(&event).await? {
            Outcome::Done => console.tell(Occurrence::Answered),
            Outcome::Failed(reason) => {
                if let Some(failure) = queue.again(event, reason) {
                    console.tell(Occurrence::Failed(failure));
                }
            }
            Outcome::Interrupted => return Ok(()),
        }
    }
}

struct Queue {
    fresh: Fresh,
    /// Events that have failed and are tried again when they are due.
    waiting: Vec<Event>,
}

enum Next {
    Fresh(Key),
    Retry(Event),
}

impl Queue {
    /// The next thing to deliver; `None` when all is delivered or we are to stop.
    async fn next(&mut self, stop: &Stop) -> Option<Next> {
        let mut more_may_come = true;
        loop {
            if stop.level() > Level::Run {
                return None;
            }
            let first = (0..self.waiting.len()).min_by_key(|at| self.waiting[*at].due);
            let due = first.map(|at| self.waiting[at].due);
            match (first, due) {
                (Some(at), Some(due)) if due <= Instant::now() => {
                    return Some(Next::Retry(self.waiting.swap_remove(at)));
                }
                (None, _) if !more_may_come => return None,
                _ => {}
            }
            let fresh = async { self.fresh.lock().await.recv().await };
            tokio::select! {
                key = fresh, if more_may_come && self.waiting.len() < MAX_WAITING => match key {
                    Some(key) => return Some(Next::Fresh(key)),
                    None => more_may_come = false,
                },
                () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => {}
                () = stop.reached(Level::Drain) => {}
            }
        }
    }

    /// Puts `event` back for another attempt, or gives it up.
    fn again(&mut self, mut event: Event, reason: String) -> Option<Failure> {
        match PAUSES.get(event.attempts) {
            Some(pause) => {
                event.attempts += 1;
                event.due = Instant::now() + *pause;
                self.waiting.push(event);
                None
            }
            None => Some(Failure { file: event.key.as_str().to_owned(), reason }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[tokio::test]
    async fn an_event_is_tried_three_times_with_one_request_id() {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("a b.json"), "{}").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let key = folder.walk(folder.root()).next().unwrap().unwrap();
        let (sender, receiver) = mpsc::channel(1);
        sender.send(key).await.unwrap();
        drop(sender);
        let mut queue = Queue { fresh: Arc::new(Mutex::new(receiver)), waiting: Vec::new() };
        let stop = Stop::new();

        let Some(Next::Fresh(key)) = queue.next(&stop).await else { panic!("a key was sent") };
        let event = Event::new(&folder, key).unwrap().unwrap();
        let (id, payload) = (event.request_id.clone(), event.payload.clone());
        assert!(String::from_utf8_lossy(&payload).contains("\"a+b.json\""));
        assert_eq!(queue.again(event, "first".to_owned()), None);
        let began = Instant::now();
        let Some(Next::Retry(event)) = queue.next(&stop).await else { panic!("a retry is due") };
        assert!(began.elapsed() >= PAUSES[0] - Duration::from_millis(5));
        assert_eq!((&event.request_id, &event.payload), (&id, &payload));
        assert_eq!(queue.again(event, "second".to_owned()), None);
        let Some(Next::Retry(event)) = queue.next(&stop).await else { panic!("a retry is due") };
        let given_up = queue.again(event, "third".to_owned());
        assert_eq!(given_up, Some(Failure { file: "a b.json".to_owned(), reason: "third".to_owned() }));
        assert!(queue.next(&stop).await.is_none());
    }
}
