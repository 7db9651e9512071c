//! Lambda's Runtime API, for one function process.
//!
//! Input: the HTTP requests of the process. Output: [`Call`]s, one after the other, to the execution environment that
//! owns the process, which decides what is answered. This file knows paths, headers and status codes and keeps no
//! state: which invocation is running, and whether it is late, is the environment's knowledge.
//! <https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::header::CONTENT_TYPE;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;
use tokio::sync::{mpsc, oneshot};

use super::http::Server;
use super::identity::function_arn;

/// Lambda's limit on a response, 6 MB and a little.
const MAX_RESPONSE_BYTES: usize = 6 * 1024 * 1024 + 512;
/// What is kept of an error report: it is shown in one line of the failure queue.
const MAX_ERROR_CHARS: usize = 500;
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// What the process asks for or reports. Each carries the way back to it.
#[derive(Debug)]
pub(crate) enum Call {
    /// The process is ready. It waits until an invocation is sent; dropping the sender refuses the request.
    Next(oneshot::Sender<Invocation>),
    /// The process has ended an invocation.
    Ended { request_id: String, invocation_id: Option<String>, ending: Ending, reply: oneshot::Sender<Receipt> },
    /// The process cannot start.
    InitError(String),
}

/// How the function says an invocation ended.
#[derive(Debug)]
pub(crate) enum Ending {
    Answered,
    /// An error of the function, in its own words.
    Failed(String),
}

/// What Lambda says to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Receipt {
    Accepted,
    /// No invocation of that request id is running.
    InvalidRequestId,
    /// The request is running, but in another attempt.
    InvalidInvocationId,
}

/// One delivery of an event to the process.
#[derive(Debug)]
pub(crate) struct Invocation {
    /// The event's: a retry bears the same.
    pub(crate) request_id: String,
    /// This delivery's own.
    pub(crate) invocation_id: String,
    /// Milliseconds since 1970 at which the process is killed.
    pub(crate) deadline_ms: u128,
    pub(crate) trace_id: String,
    pub(crate) payload: Bytes,
}

/// The endpoint of one process. It lives as long as the process, so that no call of a killed one can reach the next.
#[derive(Debug)]
pub(crate) struct RuntimeApi {
    server: Server,
    calls: mpsc::Receiver<Call>,
}

impl RuntimeApi {
    pub(crate) async fn start() -> io::Result<Self> {
        let (sender, calls) = mpsc::channel(1);
        let server = Server::start(service_fn(move |request| respond(request, sender.clone()))).await?;
        Ok(Self { server, calls })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// The next call; it can be dropped and asked again without losing one.
    pub(crate) async fn call(&mut self) -> Option<Call> {
        self.calls.recv().await
    }
}

type Reply = Response<Full<Bytes>>;

async fn respond(request: Request<Incoming>, calls: mpsc::Sender<Call>) -> Result<Reply, Infallible> {
    let path = request.uri().path().to_owned();
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    let reply = match (request.method(), parts.as_slice()) {
        (&Method::GET, ["2018-06-01", "runtime", "invocation", "next"]) => next(&calls).await,
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "response"]) => {
            ended(request, id, &calls, |_| Ending::Answered).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "invocation", id, "error"]) => {
            ended(request, id, &calls, |body| Ending::Failed(error_text(body))).await
        }
        (&Method::POST, ["2018-06-01", "runtime", "init", "error"]) => init_error(request, &calls).await,
        _ => refusal(StatusCode::NOT_FOUND, "NotFound", "this endpoint has no such path"),
    };
    Ok(reply)
}

async fn next(calls: &mpsc::Sender<Call>) -> Reply {
    let (sender, invocation) = oneshot::channel();
    if calls.send(Call::Next(sender)).await.is_err() {
        return refusal(StatusCode::GONE, "Gone", "the run is over");
    }
    match invocation.await {
        Ok(invocation) => invoke(invocation),
        Err(_) => {
            refusal(StatusCode::FORBIDDEN, "InvalidStateTransition", "an invocation is running or the run is over")
        }
    }
}

fn invoke(invocation: Invocation) -> Reply {
    let reply = Response::builder()
        .header(CONTENT_TYPE, "application/json")
        .header("lambda-runtime-aws-request-id", invocation.request_id)
        .header(INVOCATION_ID, invocation.invocation_id)
        .header("lambda-runtime-deadline-ms", invocation.deadline_ms.to_string())
        .header("lambda-runtime-invoked-function-arn", function_arn())
        .header("lambda-runtime-trace-id", invocation.trace_id)
        .body(Full::new(invocation.payload));
    reply.unwrap_or_else(|error| refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", &error.to_string()))
}

async fn ended(
    request: Request<Incoming>,
    id: &str,
    calls: &mpsc::Sender<Call>,
    ending: impl FnOnce(&[u8]) -> Ending,
) -> Reply {
    let invocation_id = request.headers().get(INVOCATION_ID).and_then(|id| Some(id.to_str().ok()?.to_owned()));
    let body = match read(request).await {
        Ok(body) => body,
        Err(refusal) => return refusal,
    };
    let (reply, receipt) = oneshot::channel();
    let call = Call::Ended { request_id: id.to_owned(), invocation_id, ending: ending(&body), reply };
    if calls.send(call).await.is_err() {
        return refusal(StatusCode::GONE, "Gone", "the run is over");
    }
    match receipt.await {
        Ok(Receipt::Accepted) => accepted(),
        Ok(Receipt::InvalidInvocationId) => {
            refusal(StatusCode::BAD_REQUEST, "InvalidInvocationId", "this attempt has been replaced by another")
        }
        Ok(Receipt::InvalidRequestId) | Err(_) => {
            refusal(StatusCode::BAD_REQUEST, "InvalidRequestID", "no invocation of this request id is running")
        }
    }
}

async fn init_error(request: Request<Incoming>, calls: &mpsc::Sender<Call>) -> Reply {
    match read(request).await {
        Ok(body) => match calls.send(Call::InitError(error_text(&body))).await {
            Ok(()) => accepted(),
            Err(_) => refusal(StatusCode::GONE, "Gone", "the run is over"),
        },
        Err(refusal) => refusal,
    }
}

async fn read(request: Request<Incoming>) -> Result<Bytes, Reply> {
    let body = Limited::new(request.into_body(), MAX_RESPONSE_BYTES).collect().await;
    body.map(|body| body.to_bytes())
        .map_err(|error| refusal(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", &error.to_string()))
}

/// The two members of an error report that people read.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Report {
    #[serde(default)]
    error_type: String,
    #[serde(default)]
    error_message: String,
}

fn error_text(body: &[u8]) -> String {
    let text = match serde_json::from_slice::<Report>(body) {
        Ok(report) if report.error_message.is_empty() => report.error_type,
        Ok(report) if report.error_type.is_empty() => report.error_message,
        Ok(report) => format!("{}: {}", report.error_type, report.error_message),
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    };
    if text.chars().count() <= MAX_ERROR_CHARS {
        return text;
    }
    text.chars().take(MAX_ERROR_CHARS).chain(['…']).collect()
}

fn accepted() -> Reply {
    reply(StatusCode::ACCEPTED, json!({ "status": "OK" }).to_string())
}

fn refusal(status: StatusCode, kind: &str, message: &str) -> Reply {
    reply(status, json!({ "errorType": kind, "errorMessage": message }).to_string())
}

fn reply(status: StatusCode, body: String) -> Reply {
    let mut reply = Response::new(Full::new(Bytes::from(body)));
    *reply.status_mut() = status;
    reply
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_shown_in_the_functions_own_words() {
        for (body, expected) in [
            (r#"{"errorType":"T","errorMessage":"m","stackTrace":[]}"#, "T: m"),
            (r#"{"errorType":"T"}"#, "T"),
            (r#"{"errorMessage":"m"}"#, "m"),
            ("gone wrong", "gone wrong"),
        ] {
            assert_eq!(error_text(body.as_bytes()), expected);
        }
        assert_eq!(error_text("ü".repeat(9999).as_bytes()).chars().count(), MAX_ERROR_CHARS + 1);
    }
}
