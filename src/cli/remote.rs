//! S3 for the command: a prefix in, its objects out, and their bytes as readers for plain threads.

use anyhow::{Context as _, bail};
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
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

    /// The log files under a prefix that may hold something of the scope, oldest first, and how many folders were not
    /// looked into because they can't.
    pub(super) fn list(&self, under: &Prefix, scope: &Scope) -> anyhow::Result<(Vec<ObjectRef>, u64)> {
        let (mut keys, mut passed) = (Vec::new(), 0);
        let mut folders = vec![under.prefix.clone()];
        while let Some(folder) = folders.pop() {
            // Folder by folder only where that can save something.
            let step = scope.is_partial() && !is_day(&folder);
            let listed = self.runtime.block_on(s3::list(&self.client, &under.bucket, &folder, step));
            let listed = listed.with_context(|| format!("can't list `s3://{}/{folder}`", under.bucket))?;
            for found in listed.folders {
                if may_hold(&found, scope) { folders.push(found) } else { passed += 1 }
            }
            keys.extend(
                listed
                    .keys
                    .into_iter()
                    .filter(|key| *key == under.prefix || is_log_file(key))
                    .filter(|key| may_hold(key, scope)),
            );
        }
        if keys.is_empty() && passed == 0 {
            bail!("no log file under `s3://{}/{}`: looked for .json.gz, .json and .jsonl", under.bucket, under.prefix);
        }
        keys.sort_by_cached_key(|key| {
            let name = key.rsplit('/').next().unwrap_or(key);
            (file::delivery_time(name).map(str::to_owned), key.clone())
        });
        Ok((keys.into_iter().map(|key| ObjectRef::new(under.bucket.clone(), key)).collect(), passed))
    }
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
