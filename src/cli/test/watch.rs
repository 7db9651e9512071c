//! Runs something again whenever a file below some folders changes.

use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;
use std::time::Duration;

use anyhow::Context as _;
use notify::{EventKind, RecursiveMode, Watcher as _};

use crate::cli::{Outcome, show};

/// Editors write a file in several steps; what happens within this time is one change.
const SETTLE: Duration = Duration::from_millis(150);

/// Runs `again` now and after every change, until the process is interrupted.
pub(super) fn forever(folders: &[PathBuf], mut again: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<Outcome> {
    let (changed, changes) = channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // An error of the watcher is a change too: better one run too many than none.
        if event.map_or(true, |event| matters(&event)) {
            let _ = changed.send(());
        }
    })
    .context("can't watch for changes")?;
    for folder in folders {
        watcher
            .watch(folder, RecursiveMode::Recursive)
            .with_context(|| format!("can't watch `{}`", folder.display()))?;
    }
    loop {
        again()?;
        show::note("waiting for a change; Ctrl-C ends");
        changes.recv().context("the watcher has ended")?;
        while changes.recv_timeout(SETTLE).is_ok() {}
    }
}

fn matters(event: &notify::Event) -> bool {
    let source = |path: &Path| path.extension().is_some_and(|end| end == "py" || end == "yml" || end == "yaml");
    !matches!(event.kind, EventKind::Access(_)) && event.paths.iter().any(|path| source(path))
}
