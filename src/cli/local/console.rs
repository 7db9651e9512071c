//! The one writer of standard output and standard error.
//!
//! Input: [`Occurrence`]s from every process and task, through a channel. Output: the function's lines, whole and one
//! after the other; notes; a progress bar; and, when the last sender is gone, the [`Tally`]. A thread of its own holds
//! both streams, so that no line is ever torn by another.

use std::io::{self, ErrorKind, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::line::{Line, Lines};
use super::screen::{Screen, harmless};
use super::stop::{Level, Stop};
use super::tally::{Failure, Tally};

/// Occurrences that may wait to be written before no new file is begun. A pager that stands still must not make
/// invocations time out, so output in flight is never held up: what is held up is the next file.
const MAX_BACKLOG: usize = 1000;

/// Something that happened.
#[derive(Debug)]
pub(crate) enum Occurrence {
    /// A whole line of a process's standard output.
    Line { environment: usize, bytes: Vec<u8> },
    /// What a process wrote elsewhere, or a piece of a line.
    Text { environment: usize, bytes: Vec<u8> },
    /// A message of ours.
    Note(String),
    /// So many more files are to be processed.
    Offered(u64),
    /// The function answered for a file.
    Answered,
    /// A file was given up.
    Failed(Failure),
    /// A file was gone before it was sent.
    Vanished,
}

/// What the writer should do with what it is told.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taste {
    pub(crate) lines: Lines,
    pub(crate) screen: Screen,
    /// The number of files is known and will be reached: show how far we are, and failures at the end only.
    pub(crate) finite: bool,
}

/// A way to the writer.
#[derive(Debug, Clone)]
pub(crate) struct Console {
    sender: Sender<Occurrence>,
    backlog: Arc<AtomicUsize>,
}

/// The writer's end: it returns what it counted once every [`Console`] is dropped.
pub(crate) type Writer = JoinHandle<io::Result<Counted>>;

/// The tally, and how many files there were to process.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    pub(crate) tally: Tally,
    pub(crate) offered: u64,
}

impl Console {
    /// Starts the writer. It raises `stop` when nobody reads our output any more.
    pub(crate) fn start(taste: Taste, stop: Stop) -> io::Result<(Self, Writer)> {
        let (sender, occurrences) = mpsc::channel();
        let backlog = Arc::new(AtomicUsize::new(0));
        let pages = Pages {
            taste,
            bar: progress_bar(),
            counted: Counted::default(),
            failure: None,
            stop,
            backlog: Arc::clone(&backlog),
        };
        let writer = thread::Builder::new().name("console".to_owned()).spawn(move || pages.write(occurrences))?;
        Ok((Self { sender, backlog }, writer))
    }

    pub(crate) fn tell(&self, occurrence: Occurrence) {
        self.backlog.fetch_add(1, Ordering::Relaxed);
        // The writer outlives every sender.
        let _ = self.sender.send(occurrence);
    }

    pub(crate) fn note(&self, text: impl Into<String>) {
        self.tell(Occurrence::Note(text.into()));
    }

    /// Waits until there is room for the output of another file.
    pub(crate) async fn caught_up(&self, stop: &Stop) {
        while self.backlog.load(Ordering::Relaxed) > MAX_BACKLOG && stop.level() == Level::Run {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// What the writer holds.
struct Pages {
    taste: Taste,
    bar: ProgressBar,
    counted: Counted,
    /// Why standard output can't be written any more.
    failure: Option<io::Error>,
    stop: Stop,
    backlog: Arc<AtomicUsize>,
}

impl Pages {
    fn write(mut self, occurrences: Receiver<Occurrence>) -> io::Result<Counted> {
        for occurrence in occurrences {
            self.take(occurrence);
            self.backlog.fetch_sub(1, Ordering::Relaxed);
        }
        self.bar.finish_and_clear();
        match self.failure {
            // `iota local … | head` has got what it wanted.
            Some(error) if error.kind() != ErrorKind::BrokenPipe => Err(error),
            _ => Ok(self.counted),
        }
    }

    fn take(&mut self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Line { environment, bytes } => self.line(environment, &bytes),
            Occurrence::Text { environment, bytes } => self.text(environment, &bytes),
            Occurrence::Note(text) => self.say(&text),
            Occurrence::Offered(count) => {
                self.counted.offered += count;
                if self.taste.finite && self.taste.screen.terminal && self.bar.is_hidden() {
                    self.bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                self.bar.inc_length(count);
            }
            Occurrence::Answered => {
                self.counted.tally.answered += 1;
                self.bar.inc(1);
            }
            Occurrence::Vanished => {
                self.counted.tally.vanished += 1;
                self.bar.inc(1);
            }
            Occurrence::Failed(failure) => {
                if !self.taste.finite {
                    self.say(&format!("gave up `{}`: {}", failure.file, failure.reason));
                }
                self.counted.tally.failures.push(failure);
                self.bar.inc(1);
            }
        }
    }

    fn line(&mut self, environment: usize, bytes: &[u8]) {
        let line = Line::parse(bytes);
        let told = line.as_ref().is_some_and(Line::is_told);
        if told || self.taste.lines == Lines::All {
            self.print(bytes);
        } else if line.is_none() {
            self.text(environment, bytes);
        }
        if let Some(line) = line {
            self.counted.tally.add(line);
            self.bar.set_message(format!("{} alerts", self.counted.tally.alerts()));
        }
    }

    /// To standard output, as it came.
    fn print(&mut self, bytes: &[u8]) {
        if self.failure.is_some() {
            return;
        }
        let written = self.bar.suspend(|| {
            let mut stdout = io::stdout().lock();
            stdout.write_all(bytes)?;
            stdout.flush()
        });
        if let Err(error) = written {
            self.failure = Some(error);
            self.stop.raise(Level::Drain);
        }
    }

    fn text(&mut self, environment: usize, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        let text = text.trim_end();
        if !text.is_empty() {
            self.say(&format!("bootstrap[{environment}]: {text}"));
        }
    }

    /// To standard error. If that is gone, nobody is there to be told.
    fn say(&mut self, text: &str) {
        self.bar.suspend(|| {
            let _ = writeln!(io::stderr().lock(), "{}", harmless(text));
        });
    }
}

/// Hidden until it is known how many files there are.
fn progress_bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::hidden());
    match ProgressStyle::with_template("{bar:30} {pos}/{len} files, {msg}") {
        Ok(style) => bar.with_style(style).with_message("0 alerts"),
        Err(_) => bar,
    }
}
