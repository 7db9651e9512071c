//! A folder that hostile keys can't leave: a key in, a file below the folder out, or why there can be none.
//!
//! Every step down is taken from the folder before it, and none through a link, so that nothing that changes meanwhile
//! can lead out. Separate because it knows files and names only: no bucket, no network.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, bail};
use rustix::fs::{AtFlags, CWD, FlockOperation, Mode, OFlags, flock, mkdirat, openat, renameat, unlinkat};
use rustix::io::Errno;
use sha2::{Digest as _, Sha256};

const FOLDER: OFlags = OFlags::DIRECTORY.union(OFlags::CLOEXEC);

/// The parts of a key as names of folders and a file: the last one is the file's.
pub(super) fn parts(key: &str) -> anyhow::Result<Vec<&str>> {
    let parts: Vec<&str> = key.split('/').collect();
    for part in &parts {
        match *part {
            "" => bail!("its key has an empty part (it begins or ends with `/`, or has `//`), which no path has"),
            "." | ".." => bail!("its key has the part `{part}`, which would lead to another folder"),
            _ if part.contains('\\') => bail!("its key has a `\\`, which some systems take for the end of a folder"),
            _ if part.contains('\0') => bail!("its key has a NUL, where a path ends"),
            _ => {}
        }
    }
    Ok(parts)
}

/// The folder that everything is written below.
pub(super) struct Tree {
    root: OwnedFd,
}

impl Tree {
    /// Opens it, made if `create` says so; nothing if it is not there. Held by one run at a time: two would write to the
    /// same temporary names.
    pub(super) fn open(path: &Path, create: bool) -> anyhow::Result<Option<Self>> {
        if create {
            std::fs::create_dir_all(path).with_context(|| format!("can't make the folder `{}`", path.display()))?;
        }
        let root = match openat(CWD, path, FOLDER, Mode::empty()) {
            Err(Errno::NOENT) => return Ok(None),
            opened => opened.with_context(|| format!("can't open the folder `{}`", path.display()))?,
        };
        // A file system without locks is one on which nobody can be kept out.
        if create && flock(&root, FlockOperation::NonBlockingLockExclusive) == Err(Errno::WOULDBLOCK) {
            bail!("another `iota sync` writes to `{}`: wait until it is done", path.display());
        }
        Ok(Some(Self { root }))
    }

    /// The folder of these names, made if `create` says so; nothing if it is not there.
    pub(super) fn folder(&self, names: &[&str], create: bool) -> anyhow::Result<Option<OwnedFd>> {
        let mut folder = self.root.try_clone()?;
        for name in names {
            let step = |folder: &OwnedFd| openat(folder, *name, FOLDER | OFlags::NOFOLLOW, Mode::empty());
            let mut next = step(&folder);
            if next.as_ref().is_err_and(|&error| error == Errno::NOENT) {
                if !create {
                    return Ok(None);
                }
                match mkdirat(&folder, *name, Mode::from_raw_mode(0o777)) {
                    // Another file of the same folder was faster.
                    Ok(()) | Err(Errno::EXIST) => next = step(&folder),
                    Err(error) => next = Err(error),
                }
            }
            folder = match next {
                Ok(next) => next,
                Err(Errno::NOTDIR | Errno::LOOP) => bail!(
                    "`{}` is no folder but a file or a link, and links are not followed; if it is the file of another \
                     key, no folder can hold both",
                    name.escape_debug()
                ),
                Err(error) => {
                    return Err(error).with_context(|| format!("can't enter the folder `{}`", name.escape_debug()));
                }
            };
        }
        Ok(Some(folder))
    }
}

/// Which file it is, whatever it is called.
pub(super) type Identity = (u64, u64);

pub(super) fn identity(metadata: &Metadata) -> Identity {
    (metadata.dev(), metadata.ino())
}

/// What stands under a name, if it is a file.
pub(super) fn standing(folder: &OwnedFd, name: &str) -> anyhow::Result<Option<Metadata>> {
    // A pipe must not make us wait for who writes to it.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let file = match openat(folder, name, flags, Mode::empty()) {
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => bail!("a link stands where the file belongs, and links are not followed: move it away"),
        Err(Errno::NAMETOOLONG) => bail!("its name is longer than this file system takes"),
        opened => File::from(opened.context("can't look at the file that stands there")?),
    };
    let metadata = file.metadata().context("can't look at the file that stands there")?;
    if !metadata.is_file() {
        bail!("a folder, or no plain file, stands where the file belongs; the key may be the beginning of others");
    }
    Ok(Some(metadata))
}

/// A file that is being written, under a name that no scan looks at. Removed if it does not come to its own name.
pub(super) struct Part {
    folder: OwnedFd,
    temporary: String,
    file: File,
    settled: bool,
}

impl Part {
    /// Begins a file; what a killed run has left of it goes away.
    pub(super) fn begin(folder: OwnedFd, name: &str) -> anyhow::Result<Self> {
        // Short, because the name itself may be as long as names may be.
        let digest = Sha256::digest(name.as_bytes());
        let digest = digest.iter().take(16).fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
        let temporary = format!(".iota-sync-{digest}.part");
        match unlinkat(&folder, temporary.as_str(), AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error).with_context(|| format!("can't remove `{temporary}`")),
        }
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(folder.as_fd(), temporary.as_str(), flags, Mode::from_raw_mode(0o666));
        let file = File::from(file.context("can't write to the folder")?);
        Ok(Self { folder, temporary, file, settled: false })
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all(bytes)
    }

    /// As old as the object is.
    pub(super) fn date(&self, modified: i64) -> io::Result<()> {
        let seconds = Duration::from_secs(u64::try_from(modified).unwrap_or_default());
        self.file.set_modified(SystemTime::UNIX_EPOCH + seconds)
    }

    pub(super) fn standing(&self, name: &str) -> anyhow::Result<Option<Metadata>> {
        standing(&self.folder, name)
    }

    /// Gives it its own name.
    pub(super) fn settle(mut self, name: &str) -> anyhow::Result<Identity> {
        let metadata = self.file.metadata()?;
        renameat(&self.folder, self.temporary.as_str(), &self.folder, name).context("can't give the file its name")?;
        self.settled = true;
        Ok(identity(&metadata))
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        if !self.settled {
            // If it stays, the next run removes it.
            let _ = unlinkat(&self.folder, self.temporary.as_str(), AtFlags::empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_a_path_below_or_it_is_refused() {
        for key in ["x.json", "a/b c+d/é.json.gz", "...", "a/..b", "a:b", "-rf"] {
            assert_eq!(parts(key).expect(key).join("/"), key);
        }
        for key in
            ["", "/etc/x.json", "a//x.json", "a/", "../x.json", "a/../../x", "./x", "a/.", "a\\..\\x", "a\0.json"]
        {
            assert!(parts(key).is_err(), "{key:?} must be refused");
        }
    }
}
