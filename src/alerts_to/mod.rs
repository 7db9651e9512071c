//! Alerts in; back only when a queue or a bus has acknowledged each of them. What `IOTA_ALERTS_TO` names.
//!
//! Separate from the sink, which prints: what is here can be refused, throttled, or half done, and its sender waits for
//! it. Alerts go in batches; an entry that was refused for the moment is sent again alone, one that is refused for good
//! is named. Nothing is remembered between two calls, so a repeat of an object delivers the same ids again.

mod address;
mod eventbridge;
mod sqs;

use std::hash::{BuildHasher as _, RandomState};
use std::ops::Range;
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use tokio::runtime::Handle;

pub(crate) use address::Address;

use crate::error::ObjectFault;

/// What SQS and EventBridge take at once: entries, and bytes of all of them. SQS takes a MiB, but not for every queue.
const BATCH_ENTRIES: usize = 10;
const BATCH_BYTES: usize = 256 * 1024;
/// What an entry takes besides its text.
const ENTRY_BYTES: usize = 256;
/// No alert may be longer where it has to be acknowledged: escaped, it must fit into a batch.
pub(crate) const MAX_ALERT_BYTES: usize = 120 * 1024;
/// So often an entry is tried again that was refused for the moment, and how long after: twice as long each time.
const REPEATS: u32 = 4;
const PAUSE: Duration = Duration::from_millis(100);
/// For one try of one call; the SDK makes three of them.
const CALL: Duration = Duration::from_secs(5);

/// One alert on its way.
pub(crate) struct Letter {
    /// The `match_id` it carries.
    pub(crate) id: String,
    /// The line as it was printed, but for characters that SQS does not take.
    pub(crate) text: String,
}

impl Letter {
    /// Of a printed line. U+FFFE and U+FFFF are no characters to SQS: it refuses or replaces them. In a line of JSON they
    /// stand in strings only, where their escapes mean the same.
    pub(crate) fn new(id: String, line: Vec<u8>) -> Self {
        let text = String::from_utf8(line).unwrap_or_else(|e| String::from_utf8_lossy(e.as_bytes()).into_owned());
        let text = match text.contains(['\u{fffe}', '\u{ffff}']) {
            true => text.replace('\u{fffe}', r"\ufffe").replace('\u{ffff}', r"\uffff"),
            false => text,
        };
        Self { id, text }
    }
}

/// What became of one entry of a batch.
enum Receipt {
    Acknowledged,
    /// Another try may help; why it failed.
    Later(String),
    /// No try will help; why.
    Never(String),
}

/// A destination that must acknowledge alerts.
pub(crate) struct AlertsTo {
    address: Address,
    service: Service,
    runtime: Handle,
}

enum Service {
    Queue(sqs::Queue),
    Bus(eventbridge::Bus),
}

impl AlertsTo {
    /// Nothing is sent before there is an alert. Must run on the async side.
    pub(crate) fn new(address: Address, shared: &SdkConfig) -> Self {
        let mut config = shared.to_builder().timeout_config(timeouts(shared));
        if let Some(region) = address.region() {
            config = config.region(aws_config::Region::new(region.to_owned()));
        }
        let config = config.build();
        let service = match &address {
            Address::Queue { url, .. } => Service::Queue(sqs::Queue::new(&config, url)),
            Address::Bus { bus, .. } => Service::Bus(eventbridge::Bus::new(&config, bus)),
        };
        Self { address, service, runtime: Handle::current() }
    }

    /// Sends all letters, and returns when each is acknowledged, or with how many are not and why. For a blocking thread.
    pub(crate) fn deliver(&self, letters: &[Letter], deadline: Option<Instant>) -> Result<(), ObjectFault> {
        let (mut undelivered, mut first) = (0, None);
        for range in batches(letters) {
            let left = self.runtime.block_on(self.batch(&letters[range.clone()], deadline));
            undelivered += left.waiting.len();
            first = first.or_else(|| Some((left.waiting.first().map(|letter| letter.id.clone()), left.why?)));
            if left.hopeless {
                // What one batch has tried in vain, the next would only try again.
                undelivered += letters.len() - range.end;
                break;
            }
        }
        let Some((id, why)) = first else { return Ok(()) };
        let (to, of, id) = (&self.address, letters.len(), id.unwrap_or_default());
        Err(ObjectFault::Delivery(format!("{undelivered} of {of} not acknowledged by {to}; the first, `{id}`: {why}")))
    }

    async fn batch<'a>(&self, letters: &'a [Letter], deadline: Option<Instant>) -> Left<'a> {
        let (mut waiting, mut refused): (Vec<&Letter>, Vec<&Letter>) = (letters.iter().collect(), Vec::new());
        let mut why = None;
        for repeat in 0..=REPEATS {
            if repeat > 0 && !pause(repeat, deadline).await {
                break;
            }
            let receipts = match within(deadline, self.send(&waiting)).await {
                Ok(receipts) => receipts,
                Err(cause) => {
                    refused.splice(0..0, waiting);
                    return Left { waiting: refused, why: Some(cause), hopeless: true };
                }
            };
            let (sent, mut receipts) = (std::mem::take(&mut waiting), receipts.into_iter());
            for letter in sent {
                match receipts.next().unwrap_or_else(|| Receipt::Later("the answer does not mention it".to_owned())) {
                    Receipt::Acknowledged => {}
                    Receipt::Later(cause) => {
                        waiting.push(letter);
                        why.get_or_insert(cause);
                    }
                    Receipt::Never(cause) => {
                        refused.push(letter);
                        why = Some(cause);
                    }
                }
            }
            if waiting.is_empty() {
                break;
            }
        }
        refused.append(&mut waiting);
        Left { why: why.filter(|_| !refused.is_empty()), waiting: refused, hopeless: false }
    }

    async fn send(&self, letters: &[&Letter]) -> Result<Vec<Receipt>, String> {
        match &self.service {
            Service::Queue(queue) => queue.send(letters).await,
            Service::Bus(bus) => bus.send(letters).await,
        }
    }
}

/// What is left of a batch when it is given up.
struct Left<'a> {
    waiting: Vec<&'a Letter>,
    why: Option<String>,
    /// The call itself failed, after the SDK's own tries.
    hopeless: bool,
}

fn timeouts(shared: &SdkConfig) -> TimeoutConfig {
    let theirs = shared.timeout_config().cloned().map_or_else(TimeoutConfig::builder, TimeoutConfig::into_builder);
    theirs.operation_attempt_timeout(CALL).build()
}

/// As few batches as the limits allow, in order.
fn batches(letters: &[Letter]) -> impl Iterator<Item = Range<usize>> {
    let mut from = 0;
    std::iter::from_fn(move || {
        let (start, mut bytes) = (from, 0);
        while from < letters.len() && from - start < BATCH_ENTRIES {
            bytes += letters[from].text.len() + ENTRY_BYTES;
            if bytes > BATCH_BYTES && from > start {
                break;
            }
            from += 1;
        }
        (from > start).then_some(start..from)
    })
}

async fn within<T>(deadline: Option<Instant>, call: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    match deadline {
        None => call.await,
        Some(deadline) => tokio::time::timeout_at(deadline.into(), call)
            .await
            .unwrap_or_else(|_| Err("no answer before the function's deadline".to_owned())),
    }
}

/// False if there is no time for it. Not the same for all: many environments may have been throttled together.
async fn pause(repeat: u32, deadline: Option<Instant>) -> bool {
    let longest = PAUSE * 2_u32.pow(repeat - 1);
    let part = RandomState::new().hash_one("iota") % 512;
    let pause = longest.mul_f64(0.5 + part as f64 / 1024.0);
    if deadline.is_some_and(|deadline| Instant::now() + pause >= deadline) {
        return false;
    }
    tokio::time::sleep(pause).await;
    true
}

/// Why a call failed, in the service's words where it gave any.
fn call_failed<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or("no message")),
        None => DisplayErrorContext(error).to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letters(sizes: &[usize]) -> Vec<Letter> {
        sizes.iter().map(|&size| Letter::new("id".to_owned(), vec![b'a'; size])).collect()
    }

    #[track_caller]
    fn check(sizes: &[usize], expected: &[(usize, usize)]) {
        let got: Vec<_> = batches(&letters(sizes)).map(|range| (range.start, range.end)).collect();
        assert_eq!(got, expected);
    }

    #[test]
    fn batches_keep_both_limits() {
        check(&[], &[]);
        check(&[1; 10], &[(0, 10)]);
        check(&[1; 21], &[(0, 10), (10, 20), (20, 21)]);
        check(&[100 * 1024, 100 * 1024, 100 * 1024, 1], &[(0, 2), (2, 4)]);
        check(&[2 * MAX_ALERT_BYTES, 2 * MAX_ALERT_BYTES], &[(0, 1), (1, 2)]);
    }

    #[test]
    fn the_longest_alert_fits_however_it_is_escaped() {
        let line = "\u{ffff}".repeat(MAX_ALERT_BYTES / 3);
        let letter = Letter::new("id".to_owned(), line.into_bytes());
        assert!(letter.text.len() + ENTRY_BYTES <= BATCH_BYTES, "{} bytes", letter.text.len());
        assert!(letter.text.starts_with(r"\uffff"), "{}", &letter.text[..12]);
    }
}
