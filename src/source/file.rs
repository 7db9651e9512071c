//! Local files and folders as objects.

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::error::ObjectFault;

/// What counts as a log file in a folder. A file that is named itself is read whatever its name.
const SUFFIXES: [&str; 3] = [".json.gz", ".json", ".jsonl"];

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
        let name = entry.file_name().to_string_lossy();
        if entry.file_type().is_file() && (named || SUFFIXES.iter().any(|suffix| name.ends_with(suffix))) {
            files.push(entry.into_path());
        }
    }
    files.sort_by(|a, b| delivery(a).cmp(&delivery(b)).then_with(|| a.cmp(b)));
    Ok(files)
}

/// When CloudTrail delivered a file, by its name: `…_20260314T0905Z_…`. Copies of an event lie in files of the same
/// hours, so this order is what lets a bounded memory find repeats.
fn delivery(path: &Path) -> Option<String> {
    let name = path.file_name()?.to_str()?;
    let stamp = |part: &&str| part.len() == 14 && part.ends_with('Z') && part.as_bytes()[8] == b'T';
    name.split('_').find(stamp).map(str::to_owned)
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
