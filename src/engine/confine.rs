//! The step between `fork` and `exec`: what a worker is denied before its first instruction.
//!
//! In: a command. Out: the same command, and what became of each rung once it has started. Separate because it holds
//! the only unsafe code of iota: the closure of `pre_exec` runs in a copy of this process in which only the forking
//! thread exists, where nothing may allocate or lock.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::{Resource, Rlimit, setrlimit};
use rustix::thread::set_no_new_privs;
use seccompiler::BpfProgram;

/// What a child reports: an error number for each step, zero if it held.
const STEPS: usize = 2;

/// How the first steps went: error numbers of those that did not hold.
pub(super) struct Outcome {
    /// Of `no_new_privs`.
    pub(super) no_new_privs: Option<Errno>,
    /// Of the early filter.
    pub(super) filter: Option<Errno>,
}

/// The reading end of what the child reports.
pub(super) struct Report(OwnedFd);

/// Has the child deny itself privileges and the calls in `filter` before it becomes another program. A step that is
/// refused is reported and does not hinder the start.
pub(super) fn prepare(command: &mut Command, filter: BpfProgram) -> io::Result<Report> {
    let (reader, writer) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
    let first_steps = move || {
        let none = Rlimit { current: Some(0), maximum: Some(0) };
        // The engine sets it again and says so if it can't.
        let _ = setrlimit(Resource::Core, none);
        let privileges = set_no_new_privs(true).err();
        let filtered = match privileges {
            // The kernel takes no filter from whoever may still gain privileges.
            Some(errno) => Some(errno),
            None => seccompiler::apply_filter(&filter).err().map(|error| errno_of(&error)),
        };
        let number = |errno: Option<Errno>| errno.map_or(0, Errno::raw_os_error).to_ne_bytes();
        let mut report = [0; 4 * STEPS];
        report[..4].copy_from_slice(&number(privileges));
        report[4..].copy_from_slice(&number(filtered));
        // Unsaid, it counts as refused.
        let _ = rustix::io::write(writer.as_fd(), &report);
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls on memory that it owns, which was allocated before
    // the fork: `setrlimit`, `prctl`, `seccomp`, `write`. It allocates nothing, takes no lock, frees nothing (`filter`
    // and `writer` are borrowed: the closure may run again), and cannot panic: all copies are of constant lengths.
    unsafe { command.pre_exec(first_steps) };
    Ok(Report(reader))
}

impl Report {
    /// To be asked once the child runs another program: by then it has said what it will.
    pub(super) fn read(self) -> Outcome {
        let mut bytes = [0; 4 * STEPS];
        let whole = rustix::io::read(&self.0, &mut bytes).is_ok_and(|read| read == bytes.len());
        let step = |at: usize| {
            let number = i32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]]);
            match number {
                _ if !whole => Some(Errno::IO),
                0 => None,
                number => Some(Errno::from_raw_os_error(number)),
            }
        };
        Outcome { no_new_privs: step(0), filter: step(4) }
    }
}

fn errno_of(error: &seccompiler::Error) -> Errno {
    match error {
        seccompiler::Error::Prctl(cause) | seccompiler::Error::Seccomp(cause) => {
            Errno::from_io_error(cause).unwrap_or(Errno::IO)
        }
        _ => Errno::INVAL,
    }
}
