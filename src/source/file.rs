//! Local files and folders as objects.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::ObjectFault;

/// What counts as a log file in a folder. A file that is named itself is read whatever its name.
pub(crate) const SUFFIXES: [&str; 3] = [".json.gz", ".json", ".jsonl"];

/// Opens a local file.
pub(crate) fn open(path: &Path) -> Result<BufReader<File>, ObjectFault> {
    let file = File::open(path).map_err(ObjectFault::from_io)?;
    Ok(BufReader::with_capacity(64 * 1024, file))
}

/// The log files that `path` stands for, oldest first: the file itself, or those below the folder.
pub(crate) fn list(path: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in WalkDir::new(path).follow_links(true) {
        let entry = entry?;
        let named = entry.depth() == 0;
        if entry.file_type().is_file() && (named || is_log_file(entry.path())) {
            files.push(entry.into_path());
        }
    }
    let delivered = |path: &PathBuf| path.file_name().and_then(|name| delivery_time(name.to_str()?).map(str::to_owned));
    files.sort_by_cached_key(|path| (delivered(path), path.clone()));
    Ok(files)
}

/// True if a file has one of the suffixes. On the bytes: a name that is not UTF-8 can still be that of a log file.
pub(crate) fn is_log_file(path: &Path) -> bool {
    let bytes = path.as_os_str().as_encoded_bytes();
    SUFFIXES.iter().any(|suffix| bytes.ends_with(suffix.as_bytes()))
}

/// When CloudTrail delivered a file, by its name: `20260314T0905Z` in `…_us-east-1_20260314T0905Z_x.json.gz`. Copies of
/// an event lie in files of the same hours, so this order is what lets a bounded memory find repeats.
pub(crate) fn delivery_time(name: &str) -> Option<&str> {
    let digit_or = |at: usize, byte: u8| match at {
        8 => byte == b'T',
        13 => byte == b'Z',
        _ => byte.is_ascii_digit(),
    };
    let is_time = |part: &&str| part.len() == 14 && part.bytes().enumerate().all(|(at, byte)| digit_or(at, byte));
    name.split('_').find(is_time)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_come_in_the_order_of_delivery() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let names = [
            "z/1_CloudTrail_us-east-1_20260314T0905Z_a.json.gz",
            "a/1_CloudTrail_us-east-2_20260314T0910Z_a.json.gz",
            "a/notes.txt",
            "b.jsonl",
            "a.json",
        ];
        for name in names {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            std::fs::write(path, "").expect("a file");
        }
        let got = list(dir.path()).expect("a readable folder");
        let got: Vec<_> =
            got.iter().map(|path| path.strip_prefix(dir.path()).expect("below").to_string_lossy()).collect();
        assert_eq!(got, ["a.json", "b.jsonl", names[0], names[1]]);
        assert_eq!(list(&dir.path().join("a/notes.txt")).expect("named itself").len(), 1);
    }
}
