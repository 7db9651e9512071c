//! Compiled rules, kept between commands: what was compiled from the same files is not compiled again.
//!
//! In: what a compilation was asked for, and what it says it has looked at: files, folders, and what was not there. Out:
//! the rulepack, if all of that is as it was. Anything odd is compiled anew; nothing here can fail a command.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write as _};
use std::os::unix::ffi::{OsStrExt as _, OsStringExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::rulepack::hex;

/// Notes and packs. More of them than this are thrown away, what was not used longest first.
const FILES: usize = 64;

/// A place for one compilation's result.
pub(super) struct Kept {
    /// What was looked at, and the name of the pack.
    note: PathBuf,
}

/// What a compilation has looked at.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Inputs {
    /// Files, and their digests.
    files: BTreeMap<PathBuf, String>,
    /// Folders, and the digests of the names in them.
    folders: BTreeMap<PathBuf, String>,
    /// What was not there.
    missing: Vec<PathBuf>,
}

#[derive(Serialize, Deserialize)]
struct Note {
    inputs: Inputs,
    /// A file beside the note, named by its content.
    pack: String,
}

impl Kept {
    /// The place for what comes of these arguments, with this interpreter, its packages, and this engine.
    pub(super) fn new(cache: &Path, arguments: &[OsString], python: &Path, site: &[String], engine: &Path) -> Self {
        let mut hash = Sha256::new();
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        // Folders may be named from here.
        add(std::env::current_dir().unwrap_or_default().as_os_str().as_bytes());
        arguments.iter().for_each(|argument| add(argument.as_bytes()));
        add(engine.as_os_str().as_bytes());
        add(python.as_os_str().as_bytes());
        let changed = fs::metadata(python).and_then(|found| found.modified()).ok();
        add(format!("{changed:?}").as_bytes());
        for folder in site {
            add(names(Path::new(folder)).unwrap_or_default().as_bytes());
        }
        let key = hex(&hash.finalize());
        Self { note: cache.join("packs").join(format!("{}.json", &key[..32])) }
    }

    /// Copies the pack to `to`, if nothing has changed: a copy, for this may be thrown away while it is in use.
    pub(super) fn find(&self, to: &Path) -> Option<()> {
        let note: Note = serde_json::from_slice(&fs::read(&self.note).ok()?).ok()?;
        let pack = self.note.with_file_name(note.pack);
        note.inputs.hold().then_some(())?;
        fs::copy(&pack, to).ok()?;
        for used in [&self.note, &pack] {
            let _ = fs::File::open(used).and_then(|file| file.set_modified(SystemTime::now()));
        }
        Some(())
    }

    /// Keeps a pack.
    pub(super) fn keep(&self, inputs: Inputs, digest: &str, pack: &Path) -> io::Result<()> {
        let folder = self.note.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder)?;
        let name = format!("rulepack-{digest}.json");
        persist(&folder.join(&name), &fs::read(pack)?)?;
        persist(&self.note, &serde_json::to_vec(&Note { inputs, pack: name })?)?;
        let used = |entry: &fs::DirEntry| entry.metadata().and_then(|found| found.modified()).ok();
        let mut entries: Vec<_> = fs::read_dir(folder)?.flatten().map(|entry| (used(&entry), entry.path())).collect();
        entries.sort_unstable();
        entries.iter().rev().skip(FILES).for_each(|(_, path)| {
            let _ = fs::remove_file(path);
        });
        Ok(())
    }
}

impl Inputs {
    fn hold(&self) -> bool {
        self.missing.iter().all(|path| !path.exists())
            && self.folders.iter().all(|(path, digest)| names(path).is_some_and(|found| found == *digest))
            && self
                .files
                .iter()
                .all(|(path, digest)| fs::read(path).is_ok_and(|content| hex(&Sha256::digest(content)) == *digest))
    }
}

/// The digest of the names in a folder, as the engine makes it.
fn names(folder: &Path) -> Option<String> {
    let entries: Result<Vec<_>, _> = fs::read_dir(folder).ok()?.map(|entry| Ok(entry?.file_name())).collect();
    let mut names: Vec<Vec<u8>> =
        entries.map_err(|_: io::Error| ()).ok()?.into_iter().map(OsString::into_vec).collect();
    names.retain(|name| !name.starts_with(b".") && name != b"__pycache__");
    names.sort_unstable();
    Some(hex(&Sha256::digest(names.join(&b'\0'))))
}

/// Renamed into place: another command may be reading at this moment.
fn persist(path: &Path, content: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(path.parent().unwrap_or(Path::new(".")))?;
    file.write_all(content)?;
    file.persist(path)?;
    Ok(())
}
