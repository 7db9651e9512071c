//! A batch of alerts in, one SQS `SendMessageBatch` out, and what the answer says of each.

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::SendMessageBatchRequestEntry;

use super::{Letter, Receipt, call_failed};

/// One queue.
pub(super) struct Queue {
    client: Client,
    url: String,
    /// Messages of such a queue need a group, and are dropped by it if their id came within the last five minutes: then
    /// the alert is there already.
    fifo: bool,
}

impl Queue {
    pub(super) fn new(config: &SdkConfig, url: &str) -> Self {
        Self { client: Client::new(config), url: url.to_owned(), fifo: url.ends_with(".fifo") }
    }

    pub(super) async fn send(&self, letters: &[&Letter]) -> Result<Vec<Receipt>, String> {
        let entries = letters.iter().enumerate().map(|(at, letter)| self.entry(at, letter));
        let entries = entries.collect::<Result<Vec<_>, _>>()?;
        let call = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries)).send();
        let answer = call.await.map_err(|error| call_failed(&error))?;
        let mut receipts: Vec<Receipt> =
            letters.iter().map(|_| Receipt::Later("the answer does not mention it".to_owned())).collect();
        // An entry is acknowledged if the answer says so, and only then.
        for sent in answer.successful() {
            if let Some(receipt) = at(&mut receipts, sent.id()) {
                *receipt = Receipt::Acknowledged;
            }
        }
        for failed in answer.failed() {
            let why = format!("{}: {}", failed.code(), failed.message().unwrap_or("no message"));
            if let Some(receipt) = at(&mut receipts, failed.id()) {
                *receipt = if failed.sender_fault() { Receipt::Never(why) } else { Receipt::Later(why) };
            }
        }
        Ok(receipts)
    }

    fn entry(&self, at: usize, letter: &Letter) -> Result<SendMessageBatchRequestEntry, String> {
        // Two alerts of a batch may carry the same id, two entries may not.
        let mut entry = SendMessageBatchRequestEntry::builder().id(at.to_string()).message_body(&letter.text);
        if self.fifo {
            // A group of its own: alerts need no order, and one that is in flight holds up no other.
            entry = entry.message_group_id(&letter.id).message_deduplication_id(&letter.id);
        }
        entry.build().map_err(|error| error.to_string())
    }
}

fn at<'a>(receipts: &'a mut [Receipt], id: &str) -> Option<&'a mut Receipt> {
    receipts.get_mut(id.parse::<usize>().ok()?)
}
