//! S3 for the command: a prefix in, its objects out, and their bytes as readers for plain threads.

use anyhow::{Context as _, bail};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::operation::get_object::GetObjectOutput;
use tokio::runtime::Runtime;

use super::keys::may_hold;
use crate::error::ObjectFault;
use crate::model::ObjectRef;
use crate::scope::Scope;
use crate::source::{file, s3};

/// What was typed as `s3://BUCKET/PREFIX`.
pub(super) struct Prefix {
    pub(super) bucket: String,
    pub(super) prefix: String,
}

impl Prefix {
    /// Nothing if it is no such address at all.
    pub(super) fn parse(text: &str) -> Option<anyhow::Result<Self>> {
        let rest = text.strip_prefix("s3://")?;
        let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        if bucket.is_empty() {
            return Some(Err(anyhow::anyhow!("`{text}` names no bucket: write s3://BUCKET/PREFIX")));
        }
        Some(Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() }))
    }
}

/// A client, and the threads it runs on.
pub(super) struct Remote {
    pub(super) runtime: Runtime,
    pub(super) shared: SdkConfig,
    client: Client,
}

impl Remote {
    /// For the region, credentials and endpoints of the SDK's own environment.
    pub(super) fn connect(custom_endpoint: bool) -> anyhow::Result<Self> {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let shared = runtime.block_on(s3::shared());
        if shared.region().is_none() {
            bail!("no AWS region: set AWS_REGION, or a profile that has one");
        }
        let client = runtime.block_on(s3::client(&shared, custom_endpoint, None));
        Ok(Self { runtime, shared, client })
    }

    /// Starts reading an object.
    pub(super) fn open(&self, object: &ObjectRef) -> Result<s3::Body, ObjectFault> {
        self.runtime.block_on(s3::open(&self.client, object, None))
    }

    /// Starts reading an object: what S3 says of it, and its bytes.
    pub(super) fn get(&self, object: &ObjectRef) -> Result<(GetObjectOutput, s3::Body), ObjectFault> {
        self.runtime.block_on(async {
            let mut output = s3::get(&self.client, object, None).await?;
            let body = std::mem::take(&mut output.body);
            Ok((output, s3::reader(body, None)))
        })
    }

    /// The log files under a prefix that may hold something of the scope, oldest first, and how many folders were not
    /// looked into because they can't.
    pub(super) fn list(&self, under: &Prefix, scope: &Scope) -> anyhow::Result<(Vec<ObjectRef>, u64)> {
        let found = self.find(under, scope)?;
        let objects = found.files.into_iter().map(|file| ObjectRef::new(under.bucket.clone(), file.key)).collect();
        Ok((objects, found.folders))
    }

    /// The same with what the listing says of each, and with what else there is.
    pub(super) fn find(&self, under: &Prefix, scope: &Scope) -> anyhow::Result<Found> {
        let mut found = Found { files: Vec::new(), folders: 0, outside: 0, others: 0 };
        let mut folders = vec![under.prefix.clone()];
        while let Some(folder) = folders.pop() {
            // Folder by folder only where that can save something.
            let step = scope.is_partial() && !is_day(&folder);
            let listed = self.runtime.block_on(s3::list(&self.client, &under.bucket, &folder, step));
            let listed = listed.with_context(|| format!("can't list `s3://{}/{folder}`", under.bucket))?;
            for folder in listed.folders {
                if may_hold(&folder, scope) { folders.push(folder) } else { found.folders += 1 }
            }
            for object in listed.objects {
                if object.key != under.prefix && !is_log_file(&object.key) {
                    found.others += 1;
                } else if !may_hold(&object.key, scope) {
                    found.outside += 1;
                } else {
                    found.files.push(object);
                }
            }
        }
        if found.files.is_empty() && found.folders == 0 {
            bail!("no log file under `s3://{}/{}`: looked for .json.gz, .json and .jsonl", under.bucket, under.prefix);
        }
        found.files.sort_by_cached_key(|file| {
            let name = file.key.rsplit('/').next().unwrap_or(&file.key);
            (file::delivery_time(name).map(str::to_owned), file.key.clone())
        });
        Ok(found)
    }
}

/// What stands under a prefix.
pub(super) struct Found {
    /// Log files that may hold something of the scope, oldest first.
    pub(super) files: Vec<s3::Listed>,
    /// Folders that can't, and were not looked into.
    pub(super) folders: u64,
    /// Log files that can't.
    pub(super) outside: u64,
    /// Objects that are no log files, by their names.
    pub(super) others: u64,
}

fn is_log_file(key: &str) -> bool {
    file::SUFFIXES.iter().any(|suffix| key.ends_with(suffix))
}

/// `…/YYYY/MM/DD/`: below a day there is nothing to tell apart.
fn is_day(folder: &str) -> bool {
    let mut parts = folder.trim_end_matches('/').rsplit('/');
    let mut number = |digits: usize| {
        parts.next().is_some_and(|part| part.len() == digits && part.bytes().all(|b| b.is_ascii_digit()))
    };
    folder.ends_with('/') && number(2) && number(2) && number(4)
}
