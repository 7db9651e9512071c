//! `scan --report`: what a scan found, as one HTML page for people, which needs nothing but itself.
//!
//! In: the alert lines as they are printed, and the counts of the run. Out: the page, put in its place when it is whole.
//! Separate because all of it is text that attackers chose: markup is made in `page/html.rs` alone, which escapes, and
//! the page forbids itself scripts and anything from elsewhere. Lines wait on disk: memory does not grow with them.

mod html;
mod summary;
mod timeline;

use std::fs::{File, Permissions};
use std::io::{self, BufReader, BufWriter, Seek as _, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use tempfile::{Builder, NamedTempFile};

pub(super) use self::html::Facts;
use self::summary::Summary;

/// How a line begins that is an alert.
const ALERT: &[u8] = br#"{"kind":"alert","#;

/// A page that is begun: the place is known to be writable.
pub(super) struct Page {
    path: PathBuf,
    /// Beside it, so that it can take its name.
    draft: NamedTempFile,
    lines: Arc<Mutex<BufWriter<File>>>,
}

impl Page {
    /// Makes sure that it can be written, before anything runs.
    pub(super) fn begin(path: &Path) -> anyhow::Result<Self> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let place = || format!("can't write `{}`", path.display());
        if path.is_dir() {
            return Err(anyhow::Error::msg("it is a folder").context(place()));
        }
        // Read by whoever may read what else is written here, not by its owner alone as temporary files are.
        let mode = Permissions::from_mode(0o666);
        let draft = Builder::new().prefix(".iota-").permissions(mode).tempfile_in(folder).with_context(place)?;
        let lines = BufWriter::new(tempfile::tempfile().context("can't make a temporary file")?);
        Ok(Self { path: path.to_path_buf(), draft, lines: Arc::new(Mutex::new(lines)) })
    }

    /// Where lines go on to `out`, and the page keeps the alerts.
    pub(super) fn keeping(&self, out: Box<dyn Write + Send>) -> Box<dyn Write + Send> {
        Box::new(Tee { out, lines: Arc::clone(&self.lines) })
    }

    /// Writes it.
    pub(super) fn finish(self, facts: &Facts<'_>) -> anyhow::Result<()> {
        let Self { path, draft, lines } = self;
        let place = || format!("can't write `{}`", path.display());
        let mut lines = lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.flush().with_context(place)?;
        let file = lines.get_mut();
        file.rewind().with_context(place)?;
        let summary = Summary::of(&mut BufReader::new(file)).with_context(place)?;
        let mut out = BufWriter::new(draft.as_file());
        out.write_all(html::page(&summary, facts).into_string().as_bytes())
            .and_then(|()| out.flush())
            .with_context(place)?;
        drop(out);
        draft.persist(&path).map_err(|error| error.error).with_context(place)?;
        Ok(())
    }
}

/// Each line comes whole, in one write.
struct Tee {
    out: Box<dyn Write + Send>,
    lines: Arc<Mutex<BufWriter<File>>>,
}

impl Write for Tee {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        self.out.write_all(line)?;
        if line.starts_with(ALERT) {
            self.lines.lock().unwrap_or_else(PoisonError::into_inner).write_all(line)?;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
