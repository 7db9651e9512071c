//! S3 objects as readers: the body's chunks cross a bounded channel from the async side to a blocking reader, so the
//! body is never collected and memory does not grow with the object.

use std::io::{self, BufRead, Read};
use std::time::{Duration, Instant};

use aws_config::SdkConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::timeout::TimeoutConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::SharedCredentialsProvider;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::get_object::{GetObjectError, GetObjectOutput};
#[cfg(feature = "cli")]
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Error;
use aws_sdk_s3::primitives::ByteStream;
use tokio::runtime::Handle;
use tokio::sync::mpsc::{Receiver, Sender, channel};

use crate::error::ObjectFault;
use crate::model::ObjectRef;

/// Chunks in flight; hyper makes them some tens of KiB.
const CHUNKS: usize = 4;
/// As the SDK's own limits: 3.1 s to connect, 20 s without a byte of a body. For the first byte it has none, and a silent
/// connection would take the whole invocation.
const CONNECT: Duration = Duration::from_millis(3100);
const FIRST_BYTE: Duration = Duration::from_secs(20);

/// Region, credentials and limits of the environment, for all services.
pub(crate) async fn shared() -> SdkConfig {
    let timeouts = TimeoutConfig::builder().connect_timeout(CONNECT).read_timeout(FIRST_BYTE).build();
    aws_config::defaults(aws_config::BehaviorVersion::v2026_01_12()).timeout_config(timeouts).load().await
}

/// A client of S3, with the credentials of the environment or of the role that these may take on to read.
pub(crate) async fn client(shared: &SdkConfig, custom_endpoint: bool, reader_role: Option<&str>) -> Client {
    let mut config = aws_sdk_s3::config::Builder::from(shared);
    if let Some(role) = reader_role {
        let role = AssumeRoleProvider::builder(role).session_name("iota").configure(shared).build().await;
        config = config.credentials_provider(SharedCredentialsProvider::new(role));
    }
    // An endpoint of one's own is rarely reachable as `bucket.endpoint`.
    Client::from_conf(config.force_path_style(custom_endpoint).build())
}

/// Starts reading an object. Must run on the async side; the reader is for a blocking thread.
pub(crate) async fn open(client: &Client, object: &ObjectRef, deadline: Option<Instant>) -> Result<Body, ObjectFault> {
    Ok(reader(get(client, object, deadline).await?.body, deadline))
}

/// What S3 answers before the first byte of the body. The body is for [`reader`], on the async side.
pub(crate) async fn get(
    client: &Client,
    object: &ObjectRef,
    deadline: Option<Instant>,
) -> Result<GetObjectOutput, ObjectFault> {
    let request =
        client.get_object().bucket(&object.bucket).key(&object.key).set_version_id(object.version_id.clone()).send();
    let output = match deadline {
        Some(deadline) => tokio::time::timeout_at(deadline.into(), request).await.map_err(|_| ObjectFault::Deadline)?,
        None => request.await,
    };
    output.map_err(|error| get_fault(&error))
}

/// The body for a blocking thread. Must run on the async side.
pub(crate) fn reader(body: ByteStream, deadline: Option<Instant>) -> Body {
    let (sender, receiver) = channel(CHUNKS);
    tokio::spawn(pump(body, sender));
    Body { receiver, runtime: Handle::current(), chunk: Vec::new().into(), deadline }
}

/// What stands under a prefix.
#[cfg(feature = "cli")]
pub(crate) struct Listing {
    /// Prefixes up to the next `/`, where it was asked to stop there.
    pub(crate) folders: Vec<String>,
    /// Objects.
    pub(crate) objects: Vec<Listed>,
}

/// What a listing tells of an object.
#[cfg(feature = "cli")]
pub(crate) struct Listed {
    /// Its name.
    pub(crate) key: String,
    /// Its length.
    pub(crate) bytes: u64,
    /// When it was written, in seconds since 1970.
    pub(crate) modified: i64,
}

/// Lists what is under a prefix: everything, or only down to the next `/`.
#[cfg(feature = "cli")]
pub(crate) async fn list(client: &Client, bucket: &str, prefix: &str, step: bool) -> Result<Listing, ObjectFault> {
    let request = client.list_objects_v2().bucket(bucket).prefix(prefix);
    let mut pages = request.set_delimiter(step.then(|| "/".to_owned())).into_paginator().send();
    let mut listing = Listing { folders: Vec::new(), objects: Vec::new() };
    while let Some(page) = pages.next().await {
        let page = page.map_err(|error| list_fault(&error))?;
        listing.folders.extend(page.common_prefixes().iter().filter_map(|found| found.prefix().map(str::to_owned)));
        listing.objects.extend(page.contents().iter().filter_map(|found| {
            Some(Listed {
                key: found.key()?.to_owned(),
                bytes: found.size().and_then(|size| u64::try_from(size).ok()).unwrap_or_default(),
                modified: found.last_modified().map(aws_sdk_s3::primitives::DateTime::secs).unwrap_or_default(),
            })
        }));
    }
    Ok(listing)
}

#[cfg(feature = "cli")]
fn list_fault(error: &SdkError<ListObjectsV2Error>) -> ObjectFault {
    match error.code() {
        Some("NoSuchBucket") => ObjectFault::NotFound,
        Some(code) => ObjectFault::Read(format!("{code}: {}", error.message().unwrap_or("no message"))),
        None => ObjectFault::Read(DisplayErrorContext(error).to_string()),
    }
}

type Chunk = io::Result<bytes::Bytes>;

async fn pump(mut body: ByteStream, sender: Sender<Chunk>) {
    loop {
        let chunk = match body.try_next().await {
            Ok(None) => return,
            Ok(Some(chunk)) => Ok(chunk),
            Err(error) => Err(ObjectFault::Read(DisplayErrorContext(error).to_string()).into()),
        };
        let last = chunk.is_err();
        // The reader may have seen enough.
        if sender.send(chunk).await.is_err() || last {
            return;
        }
    }
}

/// The blocking end.
pub(crate) struct Body {
    receiver: Receiver<Chunk>,
    runtime: Handle,
    chunk: bytes::Bytes,
    deadline: Option<Instant>,
}

impl BufRead for Body {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.chunk.is_empty() {
            let next = match self.deadline {
                None => self.receiver.blocking_recv(),
                Some(deadline) => self
                    .runtime
                    .block_on(tokio::time::timeout_at(deadline.into(), self.receiver.recv()))
                    .map_err(|_| io::Error::from(ObjectFault::Deadline))?,
            };
            match next {
                Some(chunk) => self.chunk = chunk?,
                None => break,
            }
        }
        Ok(&self.chunk)
    }

    fn consume(&mut self, amount: usize) {
        let _ = self.chunk.split_to(amount);
    }
}

impl Read for Body {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut ready = self.fill_buf()?;
        let read = ready.read(buf)?;
        self.consume(read);
        Ok(read)
    }
}

fn get_fault(error: &SdkError<GetObjectError>) -> ObjectFault {
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (error.code(), status) {
        (Some("NoSuchKey" | "NoSuchVersion" | "NoSuchBucket"), _) | (None, Some(404)) => ObjectFault::NotFound,
        (Some("AccessDenied"), _) | (_, Some(403)) => {
            ObjectFault::AccessDenied(error.message().unwrap_or("no reason given").to_owned())
        }
        (Some(code), _) => ObjectFault::Read(format!("{code}: {}", error.message().unwrap_or("no message"))),
        (None, _) => match refused_role(error) {
            Some(why) => ObjectFault::AccessDenied(format!("`IOTA_READER_ROLE_ARN` could not be taken on: {why}")),
            None => ObjectFault::Read(DisplayErrorContext(error).to_string()),
        },
    }
}

/// Why STS did not lend the role, if that is why S3 was never asked. The SDK hands its error on without a type of ours
/// to ask for, somewhere among the causes.
fn refused_role(error: &dyn std::error::Error) -> Option<String> {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let mut texts = causes.map(ToString::to_string).skip_while(|text| !text.contains("loading credentials"));
    texts.next()?;
    let told: Vec<String> = texts.collect();
    told.iter().any(|text| text.contains("AccessDenied")).then(|| told.join(": "))
}
