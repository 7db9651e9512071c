//! The platform around the function, on loopback: a Runtime API that hands out invocations, and an S3 that fails as
//! it is told. Plain HTTP by hand, because a well-behaved server could not misbehave on purpose.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use serde_json::Value;

use super::Bench;

/// How S3 answers a GET of one key.
#[derive(Clone)]
pub(crate) enum Answer {
    Bytes(Vec<u8>),
    /// The same with more headers, each ended by `\r\n`.
    Told(Vec<u8>, &'static str),
    /// So many bytes of the body, then the connection is closed.
    Cut(Vec<u8>, usize),
    /// Status and error code.
    Error(u16, &'static str),
    /// Nothing, ever (as long as a test lasts).
    Silence,
}

/// A running function with its platform.
pub(crate) struct Function {
    child: Child,
    /// With which access keys objects were asked for.
    keys: Arc<Mutex<Vec<String>>>,
    objects: Arc<Mutex<HashMap<String, Vec<Answer>>>>,
    invocations: Sender<(String, u64)>,
    responses: Receiver<Invoked>,
    lines: Receiver<Value>,
}

/// What the function answered.
#[derive(Debug)]
pub(crate) struct Invoked {
    pub(crate) failed: bool,
    pub(crate) body: Value,
    pub(crate) lines: Vec<Value>,
}

impl Function {
    /// Starts the real `bootstrap` with the compiled rules of `bench`.
    pub(crate) fn start(bench: &Bench, settings: &[(&str, &str)]) -> Self {
        bench.run(&["compile", "rules", "--bundle", "opt"]).expect_code(0);
        Self::start_compiled(&bench.path().join("opt"), settings)
    }

    /// The same with what lies there as `/opt/iota`.
    pub(crate) fn start_compiled(opt: &Path, settings: &[(&str, &str)]) -> Self {
        let objects: Arc<Mutex<HashMap<String, Vec<Answer>>>> = Arc::default();
        let keys: Arc<Mutex<Vec<String>>> = Arc::default();
        let s3 = serve({
            let objects = Arc::clone(&objects);
            let keys = Arc::clone(&keys);
            move |stream, request: Request| {
                // Authorization: AWS4-HMAC-SHA256 Credential=KEY/DATE/…
                let key = request.headers.split("Credential=").nth(1).and_then(|rest| rest.split('/').next());
                keys.lock().expect("not poisoned").push(key.unwrap_or_default().to_owned());
                s3(stream, request, &objects);
            }
        });
        let (invocations, queue) = channel();
        let (answer, responses) = channel();
        let queue = Mutex::new(queue);
        let api = serve(move |stream, request| runtime_api(stream, request, &queue, &answer));
        let mut command = Command::new(env!("CARGO_BIN_EXE_bootstrap"));
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("AWS_LAMBDA_RUNTIME_API", &api)
            .env("AWS_LAMBDA_FUNCTION_NAME", "iota-detect")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "1")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "1769")
            .env("AWS_REGION", "us-east-1")
            .env("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE")
            .env("AWS_SECRET_ACCESS_KEY", "secret-of-the-function")
            .env("AWS_ENDPOINT_URL_S3", format!("http://{s3}"))
            .env("IOTA_RULEPACK", opt.join("rulepack.json"))
            .env("IOTA_ENGINE", concat!(env!("CARGO_MANIFEST_DIR"), "/layer"))
            .env("IOTA_PYTHON", interpreter())
            .env("IOTA_DEADLINE_MARGIN_MS", "300")
            .envs(settings.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped());
        let mut child = command.spawn().expect("bootstrap starts");
        let stdout = child.stdout.take().expect("a pipe");
        let (line, lines) = channel();
        std::thread::spawn(move || {
            for text in BufReader::new(stdout).lines().map_while(Result::ok) {
                let value = serde_json::from_str(&text).unwrap_or_else(|e| panic!("not a JSON line ({e}): {text}"));
                if line.send(value).is_err() {
                    return;
                }
            }
        });
        Self { child, keys, objects, invocations, responses, lines }
    }

    /// Puts an object; of several answers each is given once, the last one from then on.
    pub(crate) fn put(&self, key: &str, answers: &[Answer]) -> &Self {
        self.objects.lock().expect("not poisoned").insert(format!("/logs/{key}"), answers.to_vec());
        self
    }

    /// Invokes with an S3 notification of these keys (as S3 encodes them).
    pub(crate) fn notify(&self, keys: &[&str]) -> Invoked {
        self.invoke(&notification(keys), 60_000)
    }

    pub(crate) fn invoke(&self, payload: &Value, deadline_in_ms: i64) -> Invoked {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis();
        let deadline = i64::try_from(now).expect("fits") + deadline_in_ms;
        self.invocations.send((payload.to_string(), u64::try_from(deadline.max(0)).expect("positive"))).expect("sent");
        let mut invoked = self.responses.recv_timeout(Duration::from_secs(30)).expect("an answer within 30 s");
        // Every line is out before the answer is given, the metrics last; a refused payload has none, and few lines.
        let mut patience = Duration::from_secs(1);
        while let Ok(line) = self.lines.recv_timeout(patience) {
            if line["kind"] == "metrics" {
                patience = Duration::from_millis(20);
            }
            invoked.lines.push(line);
        }
        invoked
    }

    /// The access keys that objects were asked for with.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.keys.lock().expect("not poisoned").clone()
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Invoked {
    pub(crate) fn kind(&self, kind: &str) -> Vec<&Value> {
        self.lines.iter().filter(|line| line["kind"] == kind).collect()
    }

    pub(crate) fn event_ids(&self) -> Vec<&str> {
        let mut ids: Vec<&str> = self.kind("alert").iter().filter_map(|alert| alert["event_id"].as_str()).collect();
        ids.sort_unstable();
        ids
    }
}

/// An STS that lends a role to whoever holds the function's own key, or denies it.
pub(crate) fn sts(denied: bool) -> (String, Arc<Mutex<Vec<String>>>) {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let address = serve({
        let asked = Arc::clone(&asked);
        move |stream, request| {
            let own = request.headers.contains("Credential=AKIDEXAMPLE/");
            asked.lock().expect("not poisoned").push(String::from_utf8_lossy(&request.body).into_owned());
            let (status, body) = if denied || !own {
                let error = "<Code>AccessDenied</Code><Message>not authorized to perform: sts:AssumeRole</Message>";
                ("403 Forbidden", format!("<ErrorResponse><Error><Type>Sender</Type>{error}</Error></ErrorResponse>"))
            } else {
                let lent = "<AccessKeyId>ASIALENT</AccessKeyId><SecretAccessKey>s</SecretAccessKey>\
                            <SessionToken>t</SessionToken><Expiration>2099-01-01T00:00:00Z</Expiration>";
                let user = "<AssumedRoleUser><Arn>arn:aws:sts::999988887777:assumed-role/r/iota</Arn>\
                            <AssumedRoleId>A:iota</AssumedRoleId></AssumedRoleUser>";
                let result = format!("<AssumeRoleResult><Credentials>{lent}</Credentials>{user}</AssumeRoleResult>");
                ("200 OK", format!("<AssumeRoleResponse>{result}</AssumeRoleResponse>"))
            };
            respond(&stream, status, "content-type: text/xml\r\n", body.as_bytes());
        }
    });
    (format!("http://{address}"), asked)
}

/// The interpreter itself: `python3` may be a script that finds it and sets variables of its own.
fn interpreter() -> String {
    let ask = Command::new("python3").args(["-c", "import sys; print(sys.executable)"]).output().expect("python3");
    String::from_utf8_lossy(&ask.stdout).trim().to_owned()
}

/// An S3 notification in AWS's documented shape.
pub(crate) fn notification(keys: &[&str]) -> Value {
    let record = |key: &&str| {
        serde_json::json!({
            "eventVersion": "2.1", "eventSource": "aws:s3", "awsRegion": "us-east-1",
            "eventTime": "2026-03-14T09:10:00.000Z", "eventName": "ObjectCreated:Put",
            "userIdentity": {"principalId": "AWS:x"}, "requestParameters": {"sourceIPAddress": "192.0.2.1"},
            "responseElements": {"x-amz-request-id": "a", "x-amz-id-2": "b"},
            "s3": {"s3SchemaVersion": "1.0", "configurationId": "c",
                   "bucket": {"name": "logs", "ownerIdentity": {"principalId": "p"}, "arn": "arn:aws:s3:::logs"},
                   "object": {"key": key, "size": 1024, "eTag": "e", "sequencer": "0055AED6DCD90281E5"}},
        })
    };
    serde_json::json!({"Records": keys.iter().map(record).collect::<Vec<_>>()})
}

pub(crate) struct Request {
    pub(crate) line: String,
    pub(crate) headers: String,
    pub(crate) body: Vec<u8>,
}

/// Listens on a free port of loopback and answers one request per connection. Ends with the test's process.
pub(crate) fn serve(answer: impl Fn(TcpStream, Request) + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("an address").to_string();
    let answer = Arc::new(answer);
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let answer = Arc::clone(&answer);
            std::thread::spawn(move || {
                if let Some(request) = read_request(&stream) {
                    answer(stream, request);
                }
            });
        }
    });
    address
}

fn read_request(stream: &TcpStream) -> Option<Request> {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).ok()?;
    let (mut length, mut headers) = (0, String::new());
    loop {
        let mut header = String::new();
        reader.read_line(&mut header).ok()?;
        if header.trim().is_empty() {
            break;
        }
        headers += &header;
        if let Some(value) = header.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some(Request { line, headers, body })
}

pub(crate) fn respond(mut stream: &TcpStream, status: &str, headers: &str, body: &[u8]) {
    let head = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n{headers}\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
}

pub(crate) fn s3(stream: TcpStream, request: Request, objects: &Mutex<HashMap<String, Vec<Answer>>>) {
    let path = request.line.split(' ').nth(1).unwrap_or_default();
    let path = path.split('?').next().unwrap_or_default().to_owned();
    let answer = {
        let mut objects = objects.lock().expect("not poisoned");
        match objects.get_mut(&path) {
            None => Answer::Error(404, "NoSuchKey"),
            Some(answers) if answers.len() > 1 => answers.remove(0),
            Some(answers) => answers[0].clone(),
        }
    };
    match answer {
        Answer::Bytes(bytes) => respond(&stream, "200 OK", "", &bytes),
        Answer::Told(bytes, headers) => respond(&stream, "200 OK", headers, &bytes),
        Answer::Cut(bytes, at) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", bytes.len());
            let mut stream = &stream;
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&bytes[..at]));
        }
        Answer::Error(status, code) => {
            let body = format!("<Error><Code>{code}</Code><Message>as the test wants it</Message></Error>");
            respond(&stream, &format!("{status} X"), "content-type: application/xml\r\n", body.as_bytes());
        }
        Answer::Silence => std::thread::sleep(Duration::from_secs(60)),
    }
}

fn runtime_api(stream: TcpStream, request: Request, queue: &Mutex<Receiver<(String, u64)>>, answers: &Sender<Invoked>) {
    if request.line.starts_with("GET") {
        let Ok((payload, deadline)) = queue.lock().expect("not poisoned").recv() else { return };
        let headers = format!(
            "lambda-runtime-aws-request-id: 8476a536-e9f4-11e8-9739-2dfe598c3fcd\r\n\
             lambda-runtime-deadline-ms: {deadline}\r\ncontent-type: application/json\r\n\
             lambda-runtime-invoked-function-arn: arn:aws:lambda:us-east-1:111122223333:function:iota-detect\r\n"
        );
        respond(&stream, "200 OK", &headers, payload.as_bytes());
    } else {
        let failed = request.line.contains("/error");
        let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
        respond(&stream, "202 Accepted", "content-type: application/json\r\n", br#"{"status":"OK"}"#);
        let _ = answers.send(Invoked { failed, body, lines: Vec::new() });
    }
}
