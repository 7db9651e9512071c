//! A failure queue in, its messages to whoever handles them; a message is deleted only when that was accepted.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use anyhow::Context as _;
use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName};
use serde_json::{Value, json};

use super::{Target, answer};
use crate::cli::{Outcome, show};
use crate::invoke::{self, Work};

/// How long nobody else sees a message that we have taken.
const HIDDEN: Duration = Duration::from_secs(300);
/// So many objects of a message are named.
const NAMED: usize = 20;

#[derive(Default)]
struct Counts {
    sent: u64,
    left: u64,
    late: u64,
}

/// Takes every message that is there, once.
pub(super) async fn drain(shared: &SdkConfig, url: &str, target: &Target) -> anyhow::Result<Outcome> {
    let client = Client::new(shared);
    let (started, mut seen, mut back) = (SystemTime::now(), HashSet::new(), Vec::new());
    let mut counts = Counts::default();
    let outcome = loop {
        let messages = match take(&client, url).await {
            Ok(messages) if messages.is_empty() => break Ok(()),
            Ok(messages) => messages,
            Err(error) => break Err(error),
        };
        let before = seen.len();
        for message in messages {
            let Some(receipt) = message.receipt_handle().map(str::to_owned) else { continue };
            if !seen.insert(message.message_id().unwrap_or_default().to_owned()) {
                continue;
            }
            if sent_at(&message).is_some_and(|sent| sent > started) {
                // It failed again already: sent on and on it would never end.
                counts.late += 1;
                back.push(receipt);
                continue;
            }
            let (named, failed) = handle(&message, target).await;
            let done = failed.is_none();
            answer(&named, target, failed)?;
            if !done || matches!(target, Target::Nobody) {
                back.push(receipt);
            } else if let Err(error) = client.delete_message().queue_url(url).receipt_handle(receipt).send().await {
                show::note(&format!("sent, but not deleted, so it will be sent again: {}", why(&error)));
            }
            if done { counts.sent += 1 } else { counts.left += 1 }
        }
        if seen.len() == before {
            // Only what we hold already comes back: the queue has no more.
            break Ok(());
        }
    };
    // What stays is shown to others again at once; if that fails, it is in five minutes.
    for receipt in back {
        let _ = client
            .change_message_visibility()
            .queue_url(url)
            .receipt_handle(receipt)
            .visibility_timeout(0)
            .send()
            .await;
    }
    outcome?;
    let verb = if matches!(target, Target::Nobody) { "would be sent" } else { "sent" };
    let late = if counts.late > 0 {
        format!("; {} came meanwhile and wait", show::count(counts.late, "message"))
    } else {
        String::new()
    };
    show::note(&format!("{} {verb}, {} left{late}", show::count(counts.sent, "message"), counts.left));
    Ok(if counts.left > 0 { Outcome::Failed } else { Outcome::Ran })
}

async fn take(client: &Client, url: &str) -> anyhow::Result<Vec<Message>> {
    let call = client.receive_message().queue_url(url).max_number_of_messages(10).wait_time_seconds(1);
    let call = call.visibility_timeout(i32::try_from(HIDDEN.as_secs())?);
    let taken = call.message_system_attribute_names(MessageSystemAttributeName::SentTimestamp).send().await;
    let taken = taken.map_err(|error| anyhow::anyhow!(why(&error)));
    Ok(taken.with_context(|| format!("can't receive from `{url}`"))?.messages.unwrap_or_default())
}

fn sent_at(message: &Message) -> Option<SystemTime> {
    let sent = message.attributes()?.get(&MessageSystemAttributeName::SentTimestamp)?.parse().ok()?;
    Some(SystemTime::UNIX_EPOCH + Duration::from_millis(sent))
}

/// What a message is called, and why it could not be sent on.
async fn handle(message: &Message, target: &Target) -> (Value, Option<String>) {
    let id = message.message_id();
    let mut payload: Value = match serde_json::from_str(message.body().unwrap_or_default()) {
        Ok(payload) => payload,
        Err(error) => return (json!({"message_id": id, "objects": []}), Some(format!("not JSON: {error}"))),
    };
    // Lambda's own wrapping says why it failed; what it asked for is inside.
    let mut condition = Value::Null;
    if payload["requestContext"]["condition"].is_string() && !payload["requestPayload"].is_null() {
        condition = payload["requestContext"]["condition"].take();
        payload = payload["requestPayload"].take();
    }
    let (names, unknown) = names(&payload);
    let more = names.len().saturating_sub(NAMED);
    let named =
        json!({"message_id": id, "objects": &names[..names.len() - more], "more": more, "condition": condition});
    if let Some(why) = unknown {
        return (named, Some(why));
    }
    (named, target.send(&payload).await.err())
}

/// The objects that a payload asks for, as the function would read it.
fn names(payload: &Value) -> (Vec<String>, Option<String>) {
    let units = match invoke::parse(payload, None) {
        Ok(invocation) => invocation.units,
        Err(failed) => return (Vec::new(), Some(failed.message)),
    };
    let (mut names, mut unknown) = (Vec::new(), None);
    for unit in units {
        match unit.work {
            Ok(works) => names.extend(works.iter().map(|work| match work {
                Work::Object(object) | Work::Inline(object, _) => object.to_string(),
                Work::Canary(_) => "a canary".to_owned(),
            })),
            Err(why) => unknown = Some(why),
        }
    }
    (names, unknown)
}

/// Why a call failed, in the service's words where it gave any.
pub(super) fn why<E>(error: &SdkError<E>) -> String
where
    E: ProvideErrorMetadata + std::error::Error + 'static,
{
    match error.code() {
        Some(code) => format!("{code}: {}", error.message().unwrap_or("no message")),
        None => DisplayErrorContext(error).to_string(),
    }
}
