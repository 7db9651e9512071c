//! One process of the function: started, listened to, and ended with everything it has started.
//!
//! Input: a command. Output: its lines, to the console. All child processes of `iota local` are spawned here. A process
//! ends with its [`Child`]; if we are killed ourselves, it ends because its Runtime API is gone.

use std::fs::{self, DirBuilder};
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus};
use std::thread;

use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use super::console::{Console, Occurrence};
use super::identity::random_hex;

/// CloudWatch's limit on one log event. A longer line is passed on in pieces and can't be a line of ours.
const MAX_LINE_BYTES: u64 = 1024 * 1024;

/// A running process.
#[derive(Debug)]
pub(crate) struct Child {
    process: std::process::Child,
    pid: Pid,
    /// Once reaped, its id may become another's and must not be killed.
    reaped: bool,
}

impl Child {
    /// Starts `command`, whose output goes to `console` as that of execution environment `environment`.
    pub(crate) fn start(mut command: Command, environment: usize, console: &Console) -> io::Result<Self> {
        let mut process = command.spawn()?;
        let (stdout, stderr) = (process.stdout.take(), process.stderr.take());
        let child = Self { pid: Pid::from_child(&process), process, reaped: false };
        if let Some(stdout) = stdout {
            let console = console.clone();
            pump(stdout, move |piece| console.tell(from_stdout(piece, environment)))?;
        }
        if let Some(stderr) = stderr {
            let console = console.clone();
            pump(stderr, move |piece| console.tell(Occurrence::Text { environment, bytes: piece.bytes }))?;
        }
        Ok(child)
    }

    /// Whether it has ended by itself. It is not reaped by this: its id stays its own until [`Child::end`].
    pub(crate) fn has_ended(&self) -> bool {
        let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        !matches!(waitid(WaitId::Pid(self.pid), options), Ok(None))
    }

    /// Kills it and its group, if they still run, and tells how it ended. Lambda does it the same way: at once.
    pub(crate) fn end(&mut self) -> io::Result<ExitStatus> {
        if !self.reaped {
            // An error means that the group is gone already.
            let _ = kill_process_group(self.pid, Signal::KILL);
        }
        let status = self.process.wait();
        self.reaped = true;
        status
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// What a process wrote: up to a newline, or to the limit, or to its end.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    bytes: Vec<u8>,
    /// A whole line; `bytes` holds its newline.
    whole: bool,
}

fn from_stdout(piece: Piece, environment: usize) -> Occurrence {
    if piece.whole {
        Occurrence::Line { environment, bytes: piece.bytes }
    } else {
        Occurrence::Text { environment, bytes: piece.bytes }
    }
}

/// Reads `from` to its end on a thread of its own, which ends with the last process that can write there.
fn pump(from: impl Read + Send + 'static, deliver: impl Fn(Piece) + Send + 'static) -> io::Result<()> {
    let read = move || {
        let mut pieces = Pieces { reader: BufReader::new(from), within_line: false };
        while let Ok(Some(piece)) = pieces.next() {
            deliver(piece);
        }
    };
    thread::Builder::new().name("function-output".to_owned()).spawn(read).map(drop)
}

/// Cuts a stream into lines, and lines that are too long into pieces.
struct Pieces<R> {
    reader: R,
    /// The last piece did not end its line.
    within_line: bool,
}

impl<R: BufRead> Pieces<R> {
    fn next(&mut self) -> io::Result<Option<Piece>> {
        let mut bytes = Vec::new();
        let limited = &mut self.reader.by_ref().take(MAX_LINE_BYTES);
        if limited.read_until(b'\n', &mut bytes)? == 0 {
            return Ok(None);
        }
        let ends = bytes.ends_with(b"\n");
        let whole = ends && !self.within_line;
        self.within_line = !ends;
        Ok(Some(Piece { bytes, whole }))
    }
}

/// The `/tmp` of one execution environment: kept over restarts of the process, gone with the environment.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("iota-local-{}", random_hex::<8>()?));
        DirBuilder::new().mode(0o700).create(&path)?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_cut_into_whole_lines_and_the_rest() {
        let long = "x".repeat(MAX_LINE_BYTES as usize);
        let text = format!("one\n\n{long}y\ntorn");
        let mut pieces = Pieces { reader: text.as_bytes(), within_line: false };
        let mut found = Vec::new();
        while let Some(piece) = pieces.next().unwrap() {
            found.push((piece.bytes.len(), piece.whole));
        }
        assert_eq!(found, [(4, true), (1, true), (long.len(), false), (2, false), (4, false)]);
    }
}
