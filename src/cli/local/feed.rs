//! The feed: every log file of the folder, once, and then each that arrives or changes.
//!
//! Input: the folder. Output: keys, into the bounded queue of the environments. It runs on a thread of its own because
//! walking and watching block. It ends when the files that are there have been handed over or, when it watches, with
//! the queue's last reader.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tokio::sync::mpsc;

use super::console::{Console, Occurrence};
use super::folder::{Folder, Key, Unsendable};
use super::tally::Failure;
use super::watch::{Hint, Settling, Watch};
use crate::source::file::SUFFIXES;

/// How long a look at the hints lasts while files are settling, and while nothing happens.
const TICK: Duration = Duration::from_millis(100);
const IDLE_TICK: Duration = Duration::from_millis(400);
/// The kernel watches a new folder a moment after it tells of it; files made in between are found by a second look.
const SECOND_LOOK: Duration = Duration::from_millis(500);
/// How often the whole folder is walked where it cannot be watched.
const POLL: Duration = Duration::from_secs(2);

/// The queue is gone: there is nobody left to feed.
struct Closed;

/// Starts the feed; with `watch` it goes on after the files that are there.
pub(crate) fn start(
    folder: Arc<Folder>,
    watch: bool,
    queue: mpsc::Sender<Key>,
    console: Console,
) -> io::Result<JoinHandle<()>> {
    thread::Builder::new().name("feed".to_owned()).spawn(move || {
        // Before the first walk, so that nothing can arrive unseen between the two.
        let watch = watch.then(|| Watch::start(folder.root()));
        let mut feed = Feed { folder, queue, console, settling: Settling::default(), refused: HashSet::new() };
        // `Closed` is the ordinary end.
        let _ = feed.run(watch);
    })
}

struct Feed {
    folder: Arc<Folder>,
    queue: mpsc::Sender<Key>,
    console: Console,
    settling: Settling,
    /// Files that have been reported and need not be again.
    refused: HashSet<PathBuf>,
}

impl Feed {
    fn run(&mut self, watch: Option<Watch>) -> Result<(), Closed> {
        let mut keys = Vec::new();
        let folder = Arc::clone(&self.folder);
        for found in folder.walk(folder.root()) {
            keys.extend(self.accept(found));
        }
        keys.sort_by(Key::sending_order);
        if keys.is_empty() && watch.is_none() {
            let suffixes = SUFFIXES.map(|suffix| format!("`{suffix}`")).join(", ");
            self.console.note(format!("no file in `{}` ends in {suffixes}", folder.root().display()));
        }
        self.console.tell(Occurrence::Offered(keys.len() as u64));
        for key in keys {
            if watch.is_some()
                && let Some(fingerprint) = self.fingerprint(&key)
            {
                self.settling.mark_sent(&key, fingerprint);
            }
            self.send(key)?;
        }
        match watch {
            Some(watch) => self.follow(&watch),
            None => Ok(()),
        }
    }

    fn follow(&mut self, watch: &Watch) -> Result<(), Closed> {
        let mut looks = Looks::default();
        loop {
            for hint in watch.hints(if self.settling.is_still() { IDLE_TICK } else { TICK }) {
                self.heed(hint, &mut looks);
            }
            if self.queue.is_closed() {
                return Err(Closed);
            }
            for path in looks.due(self.folder.root(), Instant::now()) {
                self.look_into(&path, &mut looks);
            }
            let folder = &self.folder;
            let settled = self.settling.settled(Instant::now(), |key| Some(folder.stat(key.as_str())?.fingerprint()));
            if !settled.is_empty() {
                self.console.tell(Occurrence::Offered(settled.len() as u64));
            }
            for key in settled {
                self.send(key)?;
            }
        }
    }

    fn heed(&mut self, hint: Hint, looks: &mut Looks) {
        match hint {
            Hint::Path(path) if path.is_dir() => {
                looks.later.push((path.clone(), Instant::now() + SECOND_LOOK));
                self.look_into(&path, looks);
            }
            Hint::Path(path) => {
                let found = self.folder.classify(&path);
                if let Some(key) = found.and_then(|found| self.accept(found)) {
                    self.notice(key, looks);
                }
            }
            Hint::Everywhere => looks.everywhere = true,
            Hint::Blind(reason) => {
                if looks.polled.replace(Instant::now()).is_none() {
                    let pause = POLL.as_secs();
                    self.console
                        .note(format!("the folder cannot be watched ({reason}); looking into it every {pause} s"));
                }
            }
        }
    }

    /// Finds what is new in `dir`.
    fn look_into(&mut self, dir: &Path, looks: &mut Looks) {
        let folder = Arc::clone(&self.folder);
        for found in folder.walk(dir) {
            let Some(key) = self.accept(found) else { continue };
            let Some(fingerprint) = self.fingerprint(&key) else { continue };
            if !self.settling.is_sent(&key, fingerprint) && !self.notice(key, looks) {
                return;
            }
        }
    }

    /// If too much is changing at once, it is looked for again when some of it has settled.
    fn notice(&mut self, key: Key, looks: &mut Looks) -> bool {
        let noticed = self.settling.notice(key, Instant::now());
        looks.everywhere |= !noticed;
        noticed
    }

    /// The key, unless it has none: then the file is reported, once.
    fn accept(&mut self, found: Result<Key, Unsendable>) -> Option<Key> {
        let unsendable = match found {
            Ok(key) => return Some(key),
            Err(unsendable) => unsendable,
        };
        if self.refused.insert(unsendable.path.clone()) {
            let file = unsendable.path.display().to_string();
            self.console.tell(Occurrence::Offered(1));
            self.console.tell(Occurrence::Failed(Failure { file, reason: unsendable.reason }));
        }
        None
    }

    fn fingerprint(&self, key: &Key) -> Option<u64> {
        Some(self.folder.stat(key.as_str())?.fingerprint())
    }

    /// Waits while the queue is full: what waits there are names, and few.
    fn send(&self, key: Key) -> Result<(), Closed> {
        self.queue.blocking_send(key).map_err(|_| Closed)
    }
}

/// Folders to be looked into.
#[derive(Debug, Default)]
struct Looks {
    later: Vec<(PathBuf, Instant)>,
    everywhere: bool,
    /// Set while the folder is polled: when it was last.
    polled: Option<Instant>,
}

impl Looks {
    fn due(&mut self, root: &Path, now: Instant) -> Vec<PathBuf> {
        let polling = self.polled.is_some_and(|last| now.duration_since(last) >= POLL);
        if polling {
            self.polled = Some(now);
        }
        if std::mem::take(&mut self.everywhere) || polling {
            return vec![root.to_owned()];
        }
        let due = self.later.extract_if(.., |(_, due)| *due <= now);
        due.map(|(path, _)| path).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_folders_are_looked_into_twice_and_all_of_them_when_events_were_lost() {
        let (root, now) = (Path::new("/r"), Instant::now());
        let mut looks = Looks { later: vec![("/r/new".into(), now + SECOND_LOOK)], ..Looks::default() };
        assert!(looks.due(root, now).is_empty());
        assert_eq!(looks.due(root, now + SECOND_LOOK), [Path::new("/r/new")]);
        assert!(looks.due(root, now + SECOND_LOOK).is_empty());
        looks.everywhere = true;
        assert_eq!(looks.due(root, now), [root]);
        assert!(looks.due(root, now).is_empty());
        looks.polled = Some(now);
        assert!(looks.due(root, now).is_empty());
        assert_eq!(looks.due(root, now + POLL), [root]);
    }
}
