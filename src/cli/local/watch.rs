//! What changes in the folder, as hints, and when a file that changed is complete.
//!
//! Input: the kernel's file events and a clock. Output: [`Hint`]s of where to look, and from [`Settling`] the files
//! whose size and time have stood still. Events only say where to look: what a file is, is read from the file system,
//! so missed or repeated events cost nothing but a walk through the folder.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::{Duration, Instant};

use notify::event::{AccessKind, AccessMode, EventKind};
use notify::{Config, Event, RecommendedWatcher, RecursiveMode, Watcher};

use super::folder::Key;

/// A file is complete when it has not changed for this long. What is renamed into place has to wait as well: it is not
/// worth a second rule.
pub(crate) const SETTLE: Duration = Duration::from_millis(300);
/// Hints and changing files held at most; beyond that the folder is walked again later instead.
pub(crate) const MAX_HELD: usize = 10_000;

/// Where to look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Hint {
    /// Something happened to this file or folder.
    Path(PathBuf),
    /// Events were lost: look everywhere.
    Everywhere,
    /// Not all folders can be watched, for the reason given: look everywhere now and then.
    Blind(String),
}

/// A watch on a folder and all folders in it. It ends when dropped.
pub(crate) struct Watch {
    hints: Receiver<Hint>,
    overflowed: Arc<AtomicBool>,
    /// None where the kernel refused; `hints` then holds why.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    pub(crate) fn start(root: &Path) -> Self {
        let (sender, hints) = mpsc::sync_channel(MAX_HELD);
        let overflowed = Arc::new(AtomicBool::new(false));
        let handler = handler(sender.clone(), Arc::clone(&overflowed));
        // Links out of the folder are not followed when it is walked, either.
        let config = Config::default().with_follow_symlinks(false);
        let watcher = RecommendedWatcher::new(handler, config).and_then(|mut watcher| {
            watcher.watch(root, RecursiveMode::Recursive)?;
            Ok(watcher)
        });
        let watcher = match watcher {
            Ok(watcher) => Some(watcher),
            Err(error) => {
                // The channel is empty: this fits.
                let _ = sender.try_send(Hint::Blind(error.to_string()));
                None
            }
        };
        Self { hints, overflowed, _watcher: watcher }
    }

    /// The hints that came within `patience`.
    pub(crate) fn hints(&self, patience: Duration) -> Vec<Hint> {
        let mut hints = Vec::new();
        match self.hints.recv_timeout(patience) {
            Ok(hint) => hints.push(hint),
            Err(RecvTimeoutError::Timeout) => {}
            // Without a watcher nobody sends, and the wait has to be our own.
            Err(RecvTimeoutError::Disconnected) => std::thread::sleep(patience),
        }
        hints.extend(self.hints.try_iter());
        if self.overflowed.swap(false, Ordering::Relaxed) {
            hints.push(Hint::Everywhere);
        }
        hints
    }
}

fn handler(sender: SyncSender<Hint>, overflowed: Arc<AtomicBool>) -> impl FnMut(notify::Result<Event>) + Send {
    move |event| {
        for hint in hints_of(event) {
            if sender.try_send(hint).is_err() {
                overflowed.store(true, Ordering::Relaxed);
            }
        }
    }
}

fn hints_of(event: notify::Result<Event>) -> Vec<Hint> {
    match event {
        Err(error) => vec![Hint::Blind(error.to_string())],
        Ok(event) if event.need_rescan() => vec![Hint::Everywhere],
        Ok(event) if tells_of_content(&event.kind) => event.paths.into_iter().map(Hint::Path).collect(),
        Ok(_) => Vec::new(),
    }
}

/// Our own reading makes events, too; those must not keep us busy.
fn tells_of_content(kind: &EventKind) -> bool {
    match kind {
        EventKind::Access(kind) => *kind == AccessKind::Close(AccessMode::Write),
        EventKind::Remove(_) => false,
        _ => true,
    }
}

/// Files that have changed, until they have stood still; and what has been sent, so that each is sent once per change.
#[derive(Debug, Default)]
pub(crate) struct Settling {
    changing: HashMap<Key, Changing>,
    /// Hash of the key to the fingerprint that was sent: 16 bytes a file.
    sent: HashMap<u64, u64>,
}

#[derive(Debug)]
struct Changing {
    fingerprint: Option<u64>,
    since: Instant,
}

impl Settling {
    /// Records that `key` has been sent as it is now.
    pub(crate) fn mark_sent(&mut self, key: &Key, fingerprint: u64) {
        self.sent.insert(hash(key), fingerprint);
    }

    pub(crate) fn is_sent(&self, key: &Key, fingerprint: u64) -> bool {
        self.sent.get(&hash(key)) == Some(&fingerprint)
    }

    /// Takes `key` for changing; false if there are too many already.
    pub(crate) fn notice(&mut self, key: Key, now: Instant) -> bool {
        if self.changing.len() >= MAX_HELD && !self.changing.contains_key(&key) {
            return false;
        }
        self.changing.entry(key).or_insert(Changing { fingerprint: None, since: now });
        true
    }

    pub(crate) fn is_still(&self) -> bool {
        self.changing.is_empty()
    }

    /// The files that have stood still and were not sent like this, in sending order; they count as sent from now on.
    pub(crate) fn settled(&mut self, now: Instant, look: impl Fn(&Key) -> Option<u64>) -> Vec<Key> {
        let sent = &mut self.sent;
        let mut settled = Vec::new();
        self.changing.retain(|key, changing| {
            let Some(fingerprint) = look(key) else { return false };
            if changing.fingerprint != Some(fingerprint) {
                *changing = Changing { fingerprint: Some(fingerprint), since: now };
                return true;
            }
            if now.duration_since(changing.since) < SETTLE {
                return true;
            }
            if sent.insert(hash(key), fingerprint) != Some(fingerprint) {
                settled.push(key.clone());
            }
            false
        });
        settled.sort_by(Key::sending_order);
        settled
    }
}

fn hash(key: &Key) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::super::folder::Folder;
    use super::*;
    use std::fs;

    fn key(name: &str) -> Key {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join(name), "").unwrap();
        let folder = Folder::open(dir.path()).unwrap();
        folder.walk(folder.root()).next().unwrap().unwrap()
    }

    #[test]
    fn a_file_is_sent_when_it_stands_still_and_once_per_change() {
        let (key, start) = (key("a.json"), Instant::now());
        let at = |millis| start + Duration::from_millis(millis);
        let mut settling = Settling::default();
        settling.notice(key.clone(), at(0));
        for (time, fingerprint, expected) in [(0, 1, 0), (200, 2, 0), (400, 2, 0), (501, 2, 1)] {
            let settled = settling.settled(at(time), |_| Some(fingerprint));
            assert_eq!(settled.len(), expected, "after {time} ms");
        }
        assert!(settling.is_still());
        // Touched without a change: nothing. Changed: again.
        for (time, fingerprint, expected) in [(1000, 2, 0), (2000, 3, 1)] {
            settling.notice(key.clone(), at(time));
            settling.settled(at(time), |_| Some(fingerprint));
            let settled = settling.settled(at(time + 400), |_| Some(fingerprint));
            assert_eq!(settled.len(), expected, "after {time} ms");
        }
        settling.notice(key, at(3000));
        assert!(settling.settled(at(3000), |_| None).is_empty() && settling.is_still(), "a deleted file is forgotten");
    }

    #[test]
    fn our_own_reading_is_no_hint() {
        for (kind, expected) in [
            (EventKind::Access(AccessKind::Open(AccessMode::Any)), 0),
            (EventKind::Access(AccessKind::Close(AccessMode::Read)), 0),
            (EventKind::Access(AccessKind::Close(AccessMode::Write)), 1),
            (EventKind::Any, 1),
        ] {
            let event = Event::new(kind).add_path("/x".into());
            assert_eq!(hints_of(Ok(event)).len(), expected, "{kind:?}");
        }
        let lost = Event::new(EventKind::Other).set_flag(notify::event::Flag::Rescan);
        assert_eq!(hints_of(Ok(lost)), [Hint::Everywhere]);
    }
}
