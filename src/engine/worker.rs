//! One worker process: its pipes, its cell, its end.
//!
//! Strictly one request, then its replies. One thread does all of it with `poll`: writing what the pipe takes, reading
//! replies, draining stderr, and between them watching the cell. So nothing blocks for good, whatever the child does.

use std::fs::File;
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::{OFlags, fcntl_setfl};
use tempfile::TempDir;

use super::frame::{self, Frames};
use super::isolation::{Ladder, Refused};
use super::message::{Hello, Limits, PROTOCOL, Reply, Request, Start, Tampered};
use super::spawn::Spawner;
use super::tenant::Tenant;
use super::{EngineError, Until};

/// How often the cell is looked at while nothing arrives.
const LOOK: Duration = Duration::from_millis(50);
/// From the start of the process to its hello, on a whole core.
const HELLO: Duration = Duration::from_secs(20);
/// The engine's own work between two calls of rule code.
const ENGINE_STALL: Duration = Duration::from_secs(20);
/// Of a worker's stderr between two requests, so much becomes log lines.
const STDERR_LINES: usize = 20;
const STDERR_LINE_BYTES: usize = 2000;

/// What every worker of a pool is told.
#[derive(Debug, Clone)]
pub(super) struct Welcome {
    pub(super) pack: std::path::PathBuf,
    pub(super) rules: std::path::PathBuf,
    pub(super) digest: String,
    pub(super) limits: Limits,
    pub(super) site: Vec<String>,
    pub(super) signals: bool,
    pub(super) ladder: Ladder,
}

/// A running worker. Dropping it kills and reaps the process.
pub(super) struct Worker {
    child: Child,
    stdin: ChildStdin,
    stdout: ChildStdout,
    stderr: ChildStderr,
    frames: Frames,
    cell: File,
    limits: Limits,
    noise: Noise,
    seq: u64,
    refused: Vec<Refused>,
    tenant: Tenant,
    _directory: TempDir,
}

/// What rule code printed.
#[derive(Default)]
struct Noise {
    partial: Vec<u8>,
    lines: Vec<String>,
    dropped: u64,
}

/// Which pair was running, as the worker wrote it down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    tick: u64,
    pub(super) item: u32,
    pub(super) rule: u32,
    phase: u32,
}

impl Cell {
    /// True while rule code runs, not the engine itself.
    pub(super) fn in_rule(self) -> bool {
        self.phase != 0
    }
}

/// How an exchange with a worker failed. The worker is of no use any more.
#[derive(Debug)]
pub(super) enum Death {
    /// It ended.
    Died { cause: String, cell: Cell },
    /// It said what it may not. Who made it do so, the cell may not tell: it may have gone on since.
    Lied { cause: String },
    /// It is not what it was: rule code has changed it. Which, it knows only if it was watching.
    Tampered(Tampered),
    /// Rule code (or the engine) did not come back in time.
    Hung { cell: Cell },
    /// Our own time is up.
    Over,
}

/// Told by the receiver of replies.
pub(super) enum Flow {
    More,
    Done,
}

impl Worker {
    /// Starts a process and shakes hands.
    pub(super) fn start(
        spawner: &Spawner,
        welcome: &Welcome,
        tenant: Tenant,
        program: &str,
        until: &Until,
    ) -> Result<Self, EngineError> {
        let spawn_error = |e: io::Error| EngineError::Spawn { program: program.into(), cause: e.to_string() };
        let directory = tempfile::Builder::new().prefix("iota-").tempdir().map_err(spawn_error)?;
        let cell_path = directory.path().join("cell");
        std::fs::write(&cell_path, [0; 64]).map_err(spawn_error)?;
        let cell = File::open(&cell_path).map_err(spawn_error)?;
        let (mut child, outcome) = spawner.spawn(directory.path()).map_err(spawn_error)?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(spawn_error(io::Error::other("the child has no pipes")));
        };
        for result in [
            fcntl_setfl(&stdin, OFlags::NONBLOCK),
            fcntl_setfl(&stdout, OFlags::NONBLOCK),
            fcntl_setfl(&stderr, OFlags::NONBLOCK),
        ] {
            result.map_err(|e| spawn_error(e.into()))?;
        }
        let mut worker = Self {
            child,
            stdin,
            stdout,
            stderr,
            frames: Frames::default(),
            cell,
            limits: welcome.limits,
            noise: Noise::default(),
            seq: 0,
            refused: Vec::new(),
            tenant,
            _directory: directory,
        };
        let hello = worker.shake_hands(welcome, &cell_path, until)?;
        worker.refused = welcome.ladder.check(&hello.isolation, &outcome, worker.pid())?;
        Ok(worker)
    }

    fn shake_hands(&mut self, welcome: &Welcome, cell: &std::path::Path, until: &Until) -> Result<Hello, EngineError> {
        let seal = unguessable();
        let start = Request::Start(Start {
            protocol: PROTOCOL,
            engine_version: env!("CARGO_PKG_VERSION"),
            pack: &welcome.pack,
            rules: &welcome.rules,
            digest: &welcome.digest,
            cell,
            only: self.tenant.only(),
            limits: welcome.limits,
            site: &welcome.site,
            signals: welcome.signals,
            confine: welcome.ladder.confine(),
            seal: &seal,
        });
        let mut answer = None;
        let outcome = self.exchange(&start, &[], until, HELLO, |reply| {
            answer = Some(reply);
            Ok(Flow::Done)
        });
        match (outcome, answer) {
            (Err(Death::Over), _) => Err(EngineError::Over),
            (Err(Death::Hung { .. } | Death::Tampered(_)), _) => {
                Err(EngineError::Handshake("it did not answer".into()))
            }
            (Err(Death::Died { cause, .. } | Death::Lied { cause }), _) => {
                let said = self.noise.lines.last().map(|line| format!("; it said: {line}")).unwrap_or_default();
                Err(EngineError::Handshake(format!("{cause}{said}")))
            }
            (Ok(()), Some(Reply::Hello(hello))) => {
                self.frames.require(&seal);
                check_hello(&hello, welcome).map(|()| hello)
            }
            (Ok(()), Some(Reply::Fatal(fatal))) => {
                Err(EngineError::Handshake(format!("{} ({})", fatal.message, fatal.reason)))
            }
            (Ok(()), _) => Err(EngineError::Handshake("its first answer was no hello".into())),
        }
    }

    /// The number of the next request; replies repeat it.
    pub(super) fn next_seq(&mut self) -> u64 {
        self.seq += 1;
        self.seq
    }

    /// Sends a request and hands each reply to `receive` until that says it was the last.
    /// `stall` bounds the engine's own work; rule code has the limits of its phase, twice.
    pub(super) fn exchange(
        &mut self,
        request: &Request<'_>,
        body: &[u8],
        until: &Until,
        stall: Duration,
        mut receive: impl FnMut(Reply) -> Result<Flow, String>,
    ) -> Result<(), Death> {
        let header = serde_json::to_vec(request).map_err(|e| self.died(e.to_string()))?;
        let head = frame::head(&header, body.len());
        let mut unsent: [&[u8]; 2] = [&head, body];
        let mut watch = Watch::new(self.read_cell());
        // The pipe is empty, so most requests fit.
        self.send(&mut unsent)?;
        loop {
            while let Some(header) = self.frames.next().map_err(|bad| lied(not_a_frame(&bad)))? {
                let reply = Reply::parse(header).map_err(|e| lied(format!("a reply that is no reply: {e}")))?;
                if let Reply::Tampered(tampered) = reply {
                    return Err(Death::Tampered(tampered));
                }
                match receive(reply).map_err(lied)? {
                    Flow::More => {}
                    Flow::Done if self.frames.is_empty() => return Ok(()),
                    Flow::Done => return Err(lied("it went on after its last reply".into())),
                }
            }
            let quiet = self.turn(&mut unsent)?;
            if until.over() {
                return Err(Death::Over);
            }
            if quiet {
                watch.look(self.read_cell(), &self.limits, stall)?;
            }
        }
    }

    /// Waits until something can be done and does it. True if nothing came.
    fn turn(&mut self, unsent: &mut [&[u8]; 2]) -> Result<bool, Death> {
        let pending = unsent.iter().any(|part| !part.is_empty());
        let ready = {
            let mut fds = vec![PollFd::new(&self.stdout, PollFlags::IN), PollFd::new(&self.stderr, PollFlags::IN)];
            if pending {
                fds.push(PollFd::new(&self.stdin, PollFlags::OUT));
            }
            let timeout = Timespec { tv_sec: 0, tv_nsec: LOOK.subsec_nanos().into() };
            match poll(&mut fds, Some(&timeout)) {
                Ok(_) | Err(rustix::io::Errno::INTR) => {}
                Err(error) => return Err(self.died(format!("poll: {error}"))),
            }
            let ready = |at: usize| fds.get(at).is_some_and(|fd| !fd.revents().is_empty());
            [ready(0), ready(1), ready(2)]
        };
        if ready[2] {
            self.send(unsent)?;
        }
        if ready[1] {
            self.drain_stderr();
        }
        if ready[0] {
            self.receive()?;
        }
        Ok(!ready[0] && !ready[2])
    }

    fn send(&mut self, unsent: &mut [&[u8]; 2]) -> Result<(), Death> {
        match self.stdin.write_vectored(&unsent.map(IoSlice::new)) {
            Ok(written) => {
                let head = written.min(unsent[0].len());
                *unsent = [&unsent[0][head..], &unsent[1][written - head..]];
            }
            Err(error) if is_transient(&error) => {}
            // It has closed its end; whether it is dead, stdout will tell.
            Err(_) => return Err(self.ended()),
        }
        Ok(())
    }

    fn receive(&mut self) -> Result<(), Death> {
        match self.frames.read_from(&mut self.stdout) {
            Ok(0) => Err(self.ended()),
            Ok(_) => Ok(()),
            Err(error) if is_transient(&error) => Ok(()),
            Err(error) => Err(self.died(format!("can't read its replies: {error}"))),
        }
    }

    fn drain_stderr(&mut self) {
        let mut buf = [0; 16 * 1024];
        // At end of file this reads nothing, again and again; stdout is at its end too then and ends the exchange.
        if let Ok(read) = self.stderr.read(&mut buf) {
            self.noise.extend(&buf[..read]);
        }
    }

    /// The pipe has ended: gives the process a moment to be dead, then says how it died.
    fn ended(&mut self) -> Death {
        let patience = Instant::now() + Duration::from_millis(500);
        self.drain_stderr();
        let cause = loop {
            match self.child.try_wait() {
                Ok(Some(status)) => {
                    break match (status.code(), status.signal()) {
                        (Some(code), _) => format!("the worker exited with status {code}"),
                        (None, signal) => format!("the worker was ended by signal {}", signal.unwrap_or_default()),
                    };
                }
                Ok(None) if Instant::now() < patience => std::thread::sleep(Duration::from_millis(2)),
                _ => break "the worker closed its pipes".into(),
            }
        };
        self.died(cause)
    }

    fn died(&self, cause: String) -> Death {
        Death::Died { cause, cell: self.read_cell() }
    }

    fn read_cell(&self) -> Cell {
        read_cell(&self.cell)
    }

    /// What rule code printed since the last call: lines, and how many more there were.
    pub(super) fn take_noise(&mut self) -> (Vec<String>, u64) {
        if !self.noise.partial.is_empty() {
            let partial = std::mem::take(&mut self.noise.partial);
            self.noise.push(&partial);
        }
        (std::mem::take(&mut self.noise.lines), std::mem::take(&mut self.noise.dropped))
    }

    /// The rungs of the ladder that do not hold.
    pub(super) fn refused(&self) -> &[Refused] {
        &self.refused
    }

    /// Whose rules it runs.
    pub(super) fn tenant(&self) -> Tenant {
        self.tenant
    }

    /// The process's id, for what `/proc` tells of it.
    pub(super) fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may be gone already; either way it is reaped.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Noise {
    fn extend(&mut self, bytes: &[u8]) {
        for piece in bytes.split_inclusive(|&byte| byte == b'\n') {
            if self.partial.len() < STDERR_LINE_BYTES {
                self.partial.extend_from_slice(&piece[..piece.len().min(STDERR_LINE_BYTES)]);
            }
            if piece.ends_with(b"\n") {
                let line = std::mem::take(&mut self.partial);
                self.push(&line);
            }
        }
    }

    fn push(&mut self, line: &[u8]) {
        if self.lines.len() < STDERR_LINES {
            self.lines.push(String::from_utf8_lossy(line.trim_ascii_end()).into_owned());
        } else {
            self.dropped += 1;
        }
    }
}

/// Notices that one pair does not come to an end. Time counts only while we ourselves are awake: a frozen function
/// must not blame a rule.
struct Watch {
    last: Cell,
    stuck: Duration,
    looked: Instant,
}

impl Watch {
    fn new(cell: Cell) -> Self {
        Self { last: cell, stuck: Duration::ZERO, looked: Instant::now() }
    }

    fn look(&mut self, cell: Cell, limits: &Limits, stall: Duration) -> Result<(), Death> {
        let now = Instant::now();
        let since = now.duration_since(std::mem::replace(&mut self.looked, now));
        if cell.tick != self.last.tick {
            *self = Self { last: cell, stuck: Duration::ZERO, looked: now };
            return Ok(());
        }
        self.stuck += since.min(2 * LOOK);
        let limit = match cell.phase {
            0 => stall.max(ENGINE_STALL),
            1 => 2 * Duration::from_millis(limits.import_ms),
            _ => 2 * Duration::from_millis(limits.rule_ms),
        };
        if self.stuck > limit { Err(Death::Hung { cell }) } else { Ok(()) }
    }
}

fn check_hello(hello: &Hello, welcome: &Welcome) -> Result<(), EngineError> {
    if (hello.protocol, hello.engine_version.as_str()) != (PROTOCOL, env!("CARGO_PKG_VERSION")) {
        return Err(EngineError::Handshake(format!(
            "it is version {} and this is {}; install both from one release",
            hello.engine_version,
            env!("CARGO_PKG_VERSION")
        )));
    }
    if hello.digest != welcome.digest {
        return Err(EngineError::Handshake("it read another rulepack than this process; was it replaced?".into()));
    }
    Ok(())
}

fn read_cell(file: &File) -> Cell {
    let mut bytes = [0; 20];
    // A cell that can't be read blames nobody.
    if file.read_exact_at(&mut bytes, 0).is_err() {
        bytes = [0; 20];
    }
    let word = |at: usize| u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
    let tick = u64::from(word(0)) | u64::from(word(4)) << 32;
    Cell { tick, item: word(8), rule: word(12), phase: word(16) }
}

fn lied(cause: String) -> Death {
    Death::Lied { cause }
}

/// 32 hex digits out of the system's randomness, which seeds the standard library's hashes.
fn unguessable() -> String {
    let half = || RandomState::new().hash_one(Instant::now());
    format!("{:016x}{:016x}", half(), half())
}

fn not_a_frame(bad: &frame::NotAFrame) -> String {
    format!("it wrote what is no frame of the engine's (length {})", bad.0)
}

fn is_transient(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted)
}
