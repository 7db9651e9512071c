//! A queue and a bus on loopback that take alerts as they are told to: SQS's and EventBridge's calls for batches.

use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::{Value, json};

use super::server::{Request, respond, serve};

/// What is done with one call.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Take {
    All,
    /// After so many milliseconds.
    Late(u64),
    /// All but the first so many entries, which are refused for the moment, or for good.
    Later(usize),
    Never(usize),
    /// All, but the answer leaves out the first so many.
    Forget(usize),
    /// None: status and error code.
    Refuse(u16, &'static str),
    /// All, and the answer is lost on its way.
    Lost,
    /// None, and no answer as long as a test lasts.
    Silence,
}

/// What a call brought.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// SQS's entries or EventBridge's, as they came.
    pub(crate) entries: Vec<Value>,
    /// The alerts among them that are there to stay.
    pub(crate) taken: Vec<Value>,
    /// Queue or bus.
    pub(crate) to: String,
}

/// The service.
pub(crate) struct Desk {
    pub(crate) url: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Desk {
    /// Treats calls as told, one after another, the last way from then on.
    pub(crate) fn open(takes: &[Take]) -> Self {
        let calls: Arc<Mutex<Vec<Call>>> = Arc::default();
        let address = serve({
            let (calls, takes) = (Arc::clone(&calls), Mutex::new(takes.to_vec()));
            move |stream, request| {
                let take = {
                    let mut takes = takes.lock().expect("not poisoned");
                    if takes.len() > 1 { takes.remove(0) } else { takes[0] }
                };
                answer(&stream, &request, take, &calls);
            }
        });
        Self { url: format!("http://{address}"), calls }
    }

    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().expect("not poisoned").clone()
    }

    /// The event ids of all alerts that are there, sorted.
    pub(crate) fn event_ids(&self) -> Vec<String> {
        let calls = self.calls();
        let alerts = calls.iter().flat_map(|call| &call.taken);
        let mut ids: Vec<String> =
            alerts.map(|alert| alert["event_id"].as_str().unwrap_or_default().to_owned()).collect();
        ids.sort();
        ids
    }
}

fn answer(stream: &TcpStream, request: &Request, take: Take, calls: &Mutex<Vec<Call>>) {
    let asked: Value = serde_json::from_slice(&request.body).expect("a call in JSON");
    let queue = asked["QueueUrl"].as_str();
    let entries = asked["Entries"].as_array().expect("entries").clone();
    let text = if queue.is_some() { "MessageBody" } else { "Detail" };
    let (taken_from, status) = match take {
        Take::Later(count) | Take::Never(count) => (count, 200),
        Take::Refuse(status, _) => (entries.len(), status),
        Take::Silence => (entries.len(), 0),
        Take::All | Take::Late(_) | Take::Forget(_) | Take::Lost => (0, 200),
    };
    let alert = |entry: &Value| serde_json::from_str(entry[text].as_str().expect("text")).expect("an alert");
    let taken: Vec<Value> = entries.iter().skip(taken_from).map(alert).collect();
    let to = queue.or(entries[0]["EventBusName"].as_str()).unwrap_or_default().to_owned();
    if let Take::Late(ms) = take {
        std::thread::sleep(Duration::from_millis(ms));
    }
    calls.lock().expect("not poisoned").push(Call { entries: entries.clone(), taken, to });
    let body = match (take, queue) {
        (Take::Lost, _) => return,
        (Take::Silence, _) => return std::thread::sleep(Duration::from_secs(60)),
        (Take::Refuse(_, code), _) => json!({"__type": format!("com.amazonaws#{code}"), "message": "as told"}),
        (_, Some(_)) => of_queue(&entries, take),
        (_, None) => of_bus(&entries, take),
    };
    let headers = "content-type: application/x-amz-json-1.0\r\n";
    respond(stream, &format!("{status} X"), headers, body.to_string().as_bytes());
}

fn of_queue(entries: &[Value], take: Take) -> Value {
    let (mut successful, mut failed) = (Vec::new(), Vec::new());
    for (at, entry) in entries.iter().enumerate() {
        let refused = |code: &str, fault: bool| json!({"Id": entry["Id"], "Code": code, "SenderFault": fault, "Message": "as told"});
        match take {
            Take::Later(count) if at < count => failed.push(refused("InternalError", false)),
            Take::Never(count) if at < count => failed.push(refused("InvalidMessageContents", true)),
            Take::Forget(count) if at < count => {}
            _ => successful.push(json!({"Id": entry["Id"], "MessageId": format!("m{at}"), "MD5OfMessageBody": "0"})),
        }
    }
    json!({"Successful": successful, "Failed": failed})
}

fn of_bus(entries: &[Value], take: Take) -> Value {
    let told = |at: usize| match take {
        Take::Later(count) if at < count => json!({"ErrorCode": "ThrottlingException", "ErrorMessage": "as told"}),
        Take::Never(count) if at < count => json!({"ErrorCode": "MalformedDetail", "ErrorMessage": "as told"}),
        Take::Forget(count) if at < count => json!({}),
        _ => json!({"EventId": format!("e{at}")}),
    };
    let results: Vec<Value> = (0..entries.len()).map(told).collect();
    let failed = results.iter().filter(|result| result.get("EventId").is_none()).count();
    json!({"FailedEntryCount": failed, "Entries": results})
}
