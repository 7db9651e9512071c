//! The folder: which of its files are objects, what they are called in S3, and in which order they are sent.
//!
//! Input: a directory. Output: [`Key`]s (relative paths with `/`) and [`Stat`]s, and for every log file whose name S3
//! cannot carry a reason. The bucket, the feed and the notifications all ask here, so that they agree on what an object
//! is. Nothing in this file writes to the folder.

use std::cmp::Ordering;
use std::ffi::OsStr;
use std::fs::Metadata;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use anyhow::{Context, Result, ensure};
use walkdir::{DirEntry, WalkDir};
use xxhash_rust::xxh3::xxh3_128;

use super::identity::FUNCTION;
use crate::source::file;

/// S3's own limit on the bytes of a key.
const MAX_KEY_BYTES: usize = 1024;

/// A folder that is served as a bucket.
#[derive(Debug)]
pub(crate) struct Folder {
    root: PathBuf,
    bucket: String,
}

/// The name of an object: the file's path below the folder, parts joined by `/`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Key(String);

/// A log file that cannot become an object, and why. It is told to people: skipping it would hide its events.
#[derive(Debug)]
pub(crate) struct Unsendable {
    pub(crate) path: PathBuf,
    pub(crate) reason: String,
}

/// What S3 would know of an object without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    /// Changes when the file does. Not an MD5 as in S3: that would read every file a second time.
    pub(crate) etag: String,
}

impl Folder {
    /// Resolves `dir` once, so that later changes of the working directory or of a link above it do not matter.
    pub(crate) fn open(dir: &Path) -> Result<Self> {
        let root = dir
            .canonicalize()
            .with_context(|| format!("cannot open `{}`; give a folder of log files", dir.display()))?;
        ensure!(root.is_dir(), "`{}` is not a folder; give the folder that holds the file", dir.display());
        let bucket = bucket_name(root.file_name().unwrap_or_default());
        Ok(Self { root, bucket })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The bucket's name: the folder's, as far as S3's rules for names allow.
    pub(crate) fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The file behind `key`, if it is an object: a visible log file that lies inside the folder, links resolved.
    pub(crate) fn locate(&self, key: &str) -> Option<PathBuf> {
        let relative = Path::new(key);
        let plain = relative.components().all(|part| matches!(part, Component::Normal(_)));
        if !plain || is_hidden(relative) || !file::is_log_file(relative) {
            return None;
        }
        let path = self.root.join(relative).canonicalize().ok()?;
        (path.starts_with(&self.root) && path.is_file()).then_some(path)
    }

    /// Size, time and ETag of the object, `None` when there is no such object.
    pub(crate) fn stat(&self, key: &str) -> Option<Stat> {
        self.locate(key)?.metadata().ok().map(|metadata| Stat::of(&metadata))
    }

    /// Whether `path` (below the root) is a log file, and under which key; `None` is "not a log file".
    pub(crate) fn classify(&self, path: &Path) -> Option<Result<Key, Unsendable>> {
        let relative = path.strip_prefix(&self.root).ok()?;
        if is_hidden(relative) || !file::is_log_file(relative) {
            return None;
        }
        let unsendable = |reason: &str| Some(Err(self.unsendable(path, reason)));
        let Some(name) = relative.to_str() else {
            return unsendable("its name is not UTF-8, which S3 keys are; rename it");
        };
        if name.len() > MAX_KEY_BYTES {
            return unsendable("its path is longer than the 1,024 bytes of an S3 key; move it up");
        }
        if path.is_symlink() && self.locate(name).is_none() {
            return unsendable("it is a link to something outside the folder (or to nothing); copy the file");
        }
        Some(Ok(Key(name.to_owned())))
    }

    /// The log files in `dir` (the root or a folder below it), in no order.
    pub(crate) fn walk(&self, dir: &Path) -> impl Iterator<Item = Result<Key, Unsendable>> {
        WalkDir::new(dir)
            .follow_root_links(false)
            .into_iter()
            .filter_entry(|entry| entry.depth() == 0 || !starts_with_dot(entry.file_name()))
            .filter_map(|entry| match entry {
                Ok(entry) => self.enter(&entry),
                Err(error) => self.refuse(&error),
            })
    }

    fn enter(&self, entry: &DirEntry) -> Option<Result<Key, Unsendable>> {
        if entry.path_is_symlink() && entry.path().is_dir() {
            let reason = "it is a link to a folder, which is not followed; name that folder itself";
            return Some(Err(self.unsendable(entry.path(), reason)));
        }
        if entry.file_type().is_dir() {
            return None;
        }
        self.classify(entry.path())
    }

    fn refuse(&self, error: &walkdir::Error) -> Option<Result<Key, Unsendable>> {
        let cause = error.io_error().map(std::io::Error::kind);
        if cause == Some(ErrorKind::NotFound) {
            return None; // deleted while we walked
        }
        let path = error.path().unwrap_or(&self.root);
        Some(Err(self.unsendable(path, &format!("cannot be read: {error}"))))
    }

    fn unsendable(&self, path: &Path, reason: &str) -> Unsendable {
        let path = path.strip_prefix(&self.root).unwrap_or(path);
        Unsendable { path: path.to_owned(), reason: reason.to_owned() }
    }
}

impl Key {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The delivery time in a CloudTrail file name, `20260314T0845Z` in `…_us-east-1_20260314T0845Z_x.json.gz`.
    fn delivered(&self) -> Option<&str> {
        let name = self.0.rsplit('/').next()?;
        file::delivery_time(name)
    }

    /// The order of sending, which is `iota scan`'s: what bears no time by path, then the rest as CloudTrail delivered.
    pub(crate) fn sending_order(&self, other: &Self) -> Ordering {
        self.delivered().cmp(&other.delivered()).then_with(|| self.0.cmp(&other.0))
    }
}

impl Stat {
    fn of(metadata: &Metadata) -> Self {
        let identity = (metadata.dev(), metadata.ino(), metadata.len(), metadata.mtime(), metadata.mtime_nsec());
        Self {
            size: metadata.len(),
            modified: metadata.modified().unwrap_or(SystemTime::UNIX_EPOCH),
            etag: format!("{:032x}", xxh3_128(format!("{identity:?}").as_bytes())),
        }
    }

    /// The ETag in eight bytes, for remembering it of many files.
    pub(crate) fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.etag.hash(&mut hasher);
        hasher.finish()
    }
}

fn is_hidden(relative: &Path) -> bool {
    relative.iter().any(starts_with_dot)
}

fn starts_with_dot(name: &OsStr) -> bool {
    name.as_encoded_bytes().starts_with(b".")
}

/// S3's rules: 3 to 63 of `a-z`, `0-9` and `-`, beginning and ending with a letter or digit. Dots are allowed there but
/// left out here, and with them every name that looks like an address.
fn bucket_name(folder: &OsStr) -> String {
    let mut name = String::new();
    for char in folder.to_string_lossy().to_lowercase().chars() {
        if char.is_ascii_alphanumeric() {
            name.push(char);
        } else if !name.is_empty() && !name.ends_with('-') {
            name.push('-');
        }
    }
    name.truncate(63);
    let name = name.trim_end_matches('-');
    if name.len() < 3 { FUNCTION.to_owned() } else { name.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::fs::symlink;

    fn keys(folder: &Folder) -> (Vec<String>, Vec<String>) {
        let (mut keys, mut refused) = (Vec::new(), Vec::new());
        for found in folder.walk(folder.root()) {
            match found {
                Ok(key) => keys.push(key),
                Err(unsendable) => refused.push(unsendable.reason),
            }
        }
        keys.sort_by(Key::sending_order);
        (keys.into_iter().map(|key| key.0).collect(), refused)
    }

    #[test]
    fn bucket_names_follow_the_rules_of_s3() {
        for (folder, expected) in [
            ("bucket", "bucket"),
            ("My Logs (2026)", "my-logs-2026"),
            ("xn--evil", "xn-evil"),
            ("10.0.0.1", "10-0-0-1"),
            ("__", "iota-local"),
            ("日志", "iota-local"),
            ("", "iota-local"),
        ] {
            assert_eq!(bucket_name(OsStr::new(folder)), expected, "{folder}");
        }
        assert_eq!(bucket_name(OsStr::new(&"x".repeat(99))).len(), 63);
        assert!(!bucket_name(OsStr::new(&format!("{}-y", "x".repeat(62)))).ends_with('-'));
    }

    #[test]
    fn log_files_are_listed_by_path_and_then_as_delivered() {
        let dir = tempfile::tempdir().unwrap();
        for name in [
            "b/1_CloudTrail_us-east-1_20260314T0850Z_a.json.gz",
            "a/1_CloudTrail_us-east-1_20260314T0900Z_a.json.gz",
            "c/1_CloudTrail_us-east-1_20260314T0845Z_a.json.gz",
            "zoo.jsonl",
            "a b+c%.json",
            "notes.txt",
            ".hidden.json",
            ".git/x.json",
        ] {
            fs::create_dir_all(dir.path().join(name).parent().unwrap()).unwrap();
            fs::write(dir.path().join(name), "{}").unwrap();
        }
        let folder = Folder::open(dir.path()).unwrap();
        let expected = [
            "a b+c%.json",
            "zoo.jsonl",
            "c/1_CloudTrail_us-east-1_20260314T0845Z_a.json.gz",
            "b/1_CloudTrail_us-east-1_20260314T0850Z_a.json.gz",
            "a/1_CloudTrail_us-east-1_20260314T0900Z_a.json.gz",
        ];
        assert_eq!(keys(&folder), (expected.map(str::to_owned).to_vec(), vec![]));
    }

    #[test]
    fn what_s3_cannot_carry_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let bad = OsStr::from_bytes(b"caf\xe9.json.gz");
        if fs::write(dir.path().join(bad), "{}").is_err() {
            return; // this file system itself refuses such names
        }
        let (keys, refused) = keys(&Folder::open(dir.path()).unwrap());
        assert!(keys.is_empty());
        assert!(refused[0].contains("not UTF-8"), "{refused:?}");
    }

    #[test]
    fn links_lead_nowhere_but_inside() {
        let (dir, outside) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(dir.path().join("real.json"), "{}").unwrap();
        fs::write(outside.path().join("secret.json"), "{}").unwrap();
        symlink("real.json", dir.path().join("inside.json")).unwrap();
        symlink(outside.path().join("secret.json"), dir.path().join("outside.json")).unwrap();
        symlink(outside.path(), dir.path().join("folder")).unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        let (keys, refused) = keys(&folder);
        assert_eq!(keys, ["inside.json", "real.json"]);
        assert_eq!(refused.len(), 2, "{refused:?}");
        for key in ["outside.json", "folder/secret.json", "../x.json", "/etc/passwd", "a/../real.json", ""] {
            assert!(folder.locate(key).is_none(), "{key}");
        }
        assert!(folder.stat("real.json").is_some());
    }
}
