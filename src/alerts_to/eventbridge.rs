//! A batch of alerts in, one EventBridge `PutEvents` out, and what the answer says of each.

use aws_config::SdkConfig;
use aws_sdk_eventbridge::Client;
use aws_sdk_eventbridge::types::PutEventsRequestEntry;

use super::{Letter, Receipt, call_failed};

/// What rules on the bus select by.
const SOURCE: &str = "iota";
const DETAIL_TYPE: &str = "iota alert";
/// What no further try changes, by EventBridge's reference.
const FOR_GOOD: [&str; 7] = [
    "AccessDeniedException",
    "InvalidAccountIdException",
    "InvalidArgument",
    "MalformedDetail",
    "NotAuthorizedForDetailTypeException",
    "NotAuthorizedForSourceException",
    "RedactionFailure",
];

/// One bus.
pub(super) struct Bus {
    client: Client,
    /// By name or ARN.
    bus: String,
}

impl Bus {
    pub(super) fn new(config: &SdkConfig, bus: &str) -> Self {
        Self { client: Client::new(config), bus: bus.to_owned() }
    }

    pub(super) async fn send(&self, letters: &[&Letter]) -> Result<Vec<Receipt>, String> {
        let entry = |letter: &&Letter| {
            let entry = PutEventsRequestEntry::builder().event_bus_name(&self.bus).source(SOURCE);
            entry.detail_type(DETAIL_TYPE).detail(&letter.text).build()
        };
        let entries = letters.iter().map(entry).collect();
        let answer =
            self.client.put_events().set_entries(Some(entries)).send().await.map_err(|error| call_failed(&error))?;
        // In the order of the entries. An event is acknowledged if it has an id; the count of failures may be anything.
        let receipt =
            |entry: &aws_sdk_eventbridge::types::PutEventsResultEntry| match (entry.event_id(), entry.error_code()) {
                (Some(id), None) if !id.is_empty() => Receipt::Acknowledged,
                (_, code) => {
                    let code = code.unwrap_or("no id and no error");
                    let why = format!("{code}: {}", entry.error_message().unwrap_or("no message"));
                    if FOR_GOOD.contains(&code) { Receipt::Never(why) } else { Receipt::Later(why) }
                }
            };
        Ok(answer.entries().iter().map(receipt).collect())
    }
}
