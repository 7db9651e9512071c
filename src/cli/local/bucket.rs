//! The folder as an S3 bucket: GetObject, HeadObject, HeadBucket and ListObjectsV2, and nothing that writes.
//!
//! Input: signed S3 requests (path style). Output: the folder's files. `s3s` speaks the protocol and checks the
//! signatures; this file is the storage behind it. It takes the place of `s3s-fs`, which can also write and delete,
//! follows links out of the folder, and reads every object twice to give it an MD5.

use std::future::Future;
use std::io::{self, SeekFrom};
use std::pin::Pin;
use std::sync::Arc;

use futures_util::stream::try_unfold;
use hyper::body::Bytes;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    ETag, GetObjectInput, GetObjectOutput, HeadBucketInput, HeadBucketOutput, HeadObjectInput, HeadObjectOutput,
    ListObjectsV2Input, ListObjectsV2Output, StreamingBlob, Timestamp,
};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::access::ReadOnly;
use super::folder::{Folder, Stat};
use super::identity::Credentials;
use super::listing;

/// What a file is read in: large enough that the copying is not felt, small enough to hold many.
const CHUNK_BYTES: usize = 64 * 1024;

/// What a method of `s3s`'s trait returns: the trait is made by `async_trait`, which we do not need for four methods.
type Answer<'f, T> = Pin<Box<dyn Future<Output = S3Result<S3Response<T>>> + Send + 'f>>;

/// The storage behind the endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Bucket {
    folder: Arc<Folder>,
}

impl Bucket {
    /// The endpoint as a service: signatures of `credentials` only, reading only.
    pub(crate) fn service(folder: Arc<Folder>, credentials: &Credentials) -> S3Service {
        let mut builder = S3ServiceBuilder::new(Self { folder });
        builder.set_auth(SimpleAuth::from_single(&credentials.access_key, credentials.secret_key.as_str()));
        builder.set_access(ReadOnly);
        builder.build()
    }

    fn check_bucket(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.folder.bucket() { Ok(()) } else { Err(s3_error!(NoSuchBucket)) }
    }

    fn stat(&self, bucket: &str, key: &str, version: Option<&str>) -> S3Result<Stat> {
        self.check_bucket(bucket)?;
        if version.is_some_and(|version| version != "null") {
            return Err(s3_error!(NoSuchVersion, "this bucket is not versioned"));
        }
        self.folder.stat(key).ok_or_else(|| s3_error!(NoSuchKey))
    }

    async fn get(&self, input: GetObjectInput) -> S3Result<S3Response<GetObjectOutput>> {
        let stat = self.stat(&input.bucket, &input.key, input.version_id.as_deref())?;
        let etag = ETag::Strong(stat.etag);
        let expected = input.if_match.as_ref().and_then(|condition| condition.as_etag());
        if expected.is_some_and(|expected| !expected.strong_cmp(&etag)) {
            return Err(s3_error!(PreconditionFailed));
        }
        let range = match input.range {
            Some(range) => range.check(stat.size)?,
            None => 0..stat.size,
        };
        let path = self.folder.locate(&input.key).ok_or_else(|| s3_error!(NoSuchKey))?;
        let mut file = File::open(&path).await.map_err(|error| s3_error!(error, AccessDenied))?;
        file.seek(SeekFrom::Start(range.start)).await.map_err(|error| s3_error!(error, InternalError))?;
        let length = range.end - range.start;
        let part = input.range.map(|_| format!("bytes {}-{}/{}", range.start, range.end.saturating_sub(1), stat.size));
        Ok(S3Response::new(GetObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            body: Some(StreamingBlob::wrap(chunks(file, length))),
            content_length: Some(signed(length)?),
            content_range: part,
            e_tag: Some(etag),
            last_modified: Some(Timestamp::from(stat.modified)),
            ..GetObjectOutput::default()
        }))
    }

    async fn head(&self, input: HeadObjectInput) -> S3Result<S3Response<HeadObjectOutput>> {
        let stat = self.stat(&input.bucket, &input.key, input.version_id.as_deref())?;
        Ok(S3Response::new(HeadObjectOutput {
            accept_ranges: Some("bytes".to_owned()),
            content_length: Some(signed(stat.size)?),
            e_tag: Some(ETag::Strong(stat.etag)),
            last_modified: Some(Timestamp::from(stat.modified)),
            ..HeadObjectOutput::default()
        }))
    }

    async fn list(&self, input: ListObjectsV2Input) -> S3Result<S3Response<ListObjectsV2Output>> {
        self.check_bucket(&input.bucket)?;
        let folder = Arc::clone(&self.folder);
        let listed = tokio::task::spawn_blocking(move || listing::list(&folder, input)).await;
        Ok(S3Response::new(listed.map_err(|error| s3_error!(error, InternalError))?))
    }
}

impl S3 for Bucket {
    fn get_object<'a, 'f>(&'a self, request: S3Request<GetObjectInput>) -> Answer<'f, GetObjectOutput>
    where
        'a: 'f,
    {
        Box::pin(self.get(request.input))
    }

    fn head_object<'a, 'f>(&'a self, request: S3Request<HeadObjectInput>) -> Answer<'f, HeadObjectOutput>
    where
        'a: 'f,
    {
        Box::pin(self.head(request.input))
    }

    fn head_bucket<'a, 'f>(&'a self, request: S3Request<HeadBucketInput>) -> Answer<'f, HeadBucketOutput>
    where
        'a: 'f,
    {
        Box::pin(async move {
            self.check_bucket(&request.input.bucket)?;
            Ok(S3Response::new(HeadBucketOutput::default()))
        })
    }

    fn list_objects_v2<'a, 'f>(&'a self, request: S3Request<ListObjectsV2Input>) -> Answer<'f, ListObjectsV2Output>
    where
        'a: 'f,
    {
        Box::pin(self.list(request.input))
    }
}

/// The next `length` bytes of `file`. A file that shrank meanwhile ends early, and the reader sees a short body.
fn chunks(file: File, length: u64) -> impl futures_util::Stream<Item = io::Result<Bytes>> + Send + Sync {
    try_unfold((file, length), |(mut file, left)| async move {
        let mut chunk = vec![0; CHUNK_BYTES.min(usize::try_from(left).unwrap_or(CHUNK_BYTES))];
        let read = file.read(&mut chunk).await?;
        chunk.truncate(read);
        let left = left - read as u64;
        Ok((read > 0).then(|| (Bytes::from(chunk), (file, left))))
    })
}

fn signed(length: u64) -> S3Result<i64> {
    i64::try_from(length).map_err(|error| s3_error!(error, InternalError))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use aws_sdk_s3::Client;
    use aws_sdk_s3::config::{BehaviorVersion, Credentials as Signing, Region};
    use aws_sdk_s3::error::ProvideErrorMetadata;
    use aws_sdk_s3::primitives::ByteStream;
    use tempfile::TempDir;

    use super::super::http::Server;
    use super::*;

    const KEY: &str = "a b+%/für.json";

    async fn served() -> (TempDir, Server, Credentials) {
        let dir = tempfile::Builder::new().prefix("logs").tempdir().unwrap();
        fs::create_dir(dir.path().join("a b+%")).unwrap();
        fs::write(dir.path().join(KEY), "0123456789").unwrap();
        fs::write(dir.path().join("secret.txt"), "secret").unwrap();
        let folder = Arc::new(Folder::open(dir.path()).unwrap());
        let credentials = Credentials::random().unwrap();
        let server = Server::start(Bucket::service(folder, &credentials)).await.unwrap();
        (dir, server, credentials)
    }

    fn client(server: &Server, credentials: &Credentials) -> Client {
        let signing = Signing::new(&credentials.access_key, &credentials.secret_key, None, None, "test");
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .region(Region::new("us-east-1"))
            .endpoint_url(format!("http://{}", server.address()))
            .force_path_style(true)
            .credentials_provider(signing);
        Client::from_conf(config.build())
    }

    fn bucket(dir: &TempDir) -> String {
        Folder::open(dir.path()).unwrap().bucket().to_owned()
    }

    #[tokio::test]
    async fn objects_are_read_whole_and_in_part() {
        let (dir, server, credentials) = served().await;
        let (client, bucket) = (client(&server, &credentials), bucket(&dir));
        for (range, expected) in [(None, "0123456789"), (Some("bytes=2-4"), "234"), (Some("bytes=-3"), "789")] {
            let get = client.get_object().bucket(&bucket).key(KEY).set_range(range.map(str::to_owned));
            let object = get.send().await.unwrap();
            assert_eq!(object.content_range().is_some(), range.is_some());
            assert_eq!(object.body.collect().await.unwrap().to_vec(), expected.as_bytes());
        }
        let head = client.head_object().bucket(&bucket).key(KEY).send().await.unwrap();
        assert_eq!(head.content_length(), Some(10));
        let etag = head.e_tag().unwrap();
        client.get_object().bucket(&bucket).key(KEY).if_match(etag).send().await.unwrap();
        fs::write(dir.path().join(KEY), "changed").unwrap();
        let stale = client.get_object().bucket(&bucket).key(KEY).if_match(etag).send().await;
        assert_eq!(stale.unwrap_err().code(), Some("PreconditionFailed"));
        let list = client.list_objects_v2().bucket(&bucket).send().await.unwrap();
        assert_eq!(list.contents().iter().filter_map(|object| object.key()).collect::<Vec<_>>(), [KEY]);
    }

    #[tokio::test]
    async fn nothing_else_is() {
        let (dir, server, credentials) = served().await;
        let (client_, bucket) = (client(&server, &credentials), bucket(&dir));
        for key in ["none.json", "secret.txt", "../x.json"] {
            let error = client_.get_object().bucket(&bucket).key(key).send().await.unwrap_err();
            assert_eq!(error.code(), Some("NoSuchKey"), "{key}");
        }
        let other = client_.get_object().bucket("another").key(KEY).send().await.unwrap_err();
        assert_eq!(other.code(), Some("NoSuchBucket"));
        let version = client_.get_object().bucket(&bucket).key(KEY).version_id("1").send().await.unwrap_err();
        assert_eq!(version.code(), Some("NoSuchVersion"));

        let put = client_.put_object().bucket(&bucket).key("new.json").body(ByteStream::from_static(b"x"));
        assert_eq!(put.send().await.unwrap_err().code(), Some("AccessDenied"));
        let delete = client_.delete_object().bucket(&bucket).key(KEY).send().await.unwrap_err();
        assert_eq!(delete.code(), Some("AccessDenied"));
        assert!(dir.path().join(KEY).exists() && !dir.path().join("new.json").exists());

        let forged = Credentials { secret_key: "wrong".to_owned(), ..credentials };
        let forged = client(&server, &forged).get_object().bucket(&bucket).key(KEY).send().await.unwrap_err();
        assert_eq!(forged.code(), Some("SignatureDoesNotMatch"));
    }
}
