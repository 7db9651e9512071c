//! The system calls of a worker: which the kernel lets through, as programs that it takes.
//!
//! In: nothing but the architecture. Out: filters. One is for the time before the engine has started, when only
//! trusted code runs; two more the engine installs itself, before any rule. Separate because it is one table, and
//! because it is tested for both architectures on either, by running the programs.

use std::collections::BTreeMap;

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

/// Names and numbers: x86_64, aarch64.
type Table = &'static [(&'static str, i64, i64)];

/// The architecture has no such call: it is spelt otherwise there.
const NONE: i64 = -1;

const EPERM: u32 = 1;
const ENOSYS: u32 = 38;

/// What an interpreter needs that has started: memory, time, reading, and writing to what is open already.
const ALLOWED: Table = &[
    ("read", 0, 63),
    ("write", 1, 64),
    ("readv", 19, 65),
    ("writev", 20, 66),
    ("pread64", 17, 67),
    ("preadv", 295, 69),
    ("pwrite64", 18, 68),
    ("close", 3, 57),
    ("fstat", 5, 80),
    ("newfstatat", 262, 79),
    ("stat", 4, NONE),
    ("lstat", 6, NONE),
    ("statx", 332, 291),
    ("lseek", 8, 62),
    ("fadvise64", 221, 223),
    ("getdents64", 217, 61),
    ("access", 21, NONE),
    ("faccessat", 269, 48),
    ("faccessat2", 439, 439),
    ("readlink", 89, NONE),
    ("readlinkat", 267, 78),
    ("statfs", 137, 43),
    ("fstatfs", 138, 44),
    ("getcwd", 79, 17),
    ("dup", 32, 23),
    ("dup2", 33, NONE),
    ("dup3", 292, 24),
    ("pipe", 22, NONE),
    ("pipe2", 293, 59),
    ("poll", 7, NONE),
    ("ppoll", 271, 73),
    ("select", 23, NONE),
    ("pselect6", 270, 72),
    ("epoll_create1", 291, 20),
    ("epoll_ctl", 233, 21),
    ("epoll_wait", 232, NONE),
    ("epoll_pwait", 281, 22),
    ("mmap", 9, 222),
    ("mprotect", 10, 226),
    ("munmap", 11, 215),
    ("mremap", 25, 216),
    ("madvise", 28, 233),
    ("brk", 12, 214),
    ("mincore", 27, 232),
    ("msync", 26, 227),
    ("rt_sigaction", 13, 134),
    ("rt_sigprocmask", 14, 135),
    ("rt_sigreturn", 15, 139),
    ("rt_sigpending", 127, 136),
    ("sigaltstack", 131, 132),
    ("setitimer", 38, 103),
    ("getitimer", 36, 102),
    ("alarm", 37, NONE),
    ("restart_syscall", 219, 128),
    ("futex", 202, 98),
    ("set_robust_list", 273, 99),
    ("get_robust_list", 274, 100),
    ("rseq", 334, 293),
    ("set_tid_address", 218, 96),
    ("membarrier", 324, 283),
    ("sched_yield", 24, 124),
    ("sched_getaffinity", 204, 123),
    ("gettid", 186, 178),
    ("exit", 60, 93),
    ("exit_group", 231, 94),
    ("getpid", 39, 172),
    ("getppid", 110, 173),
    ("getuid", 102, 174),
    ("geteuid", 107, 175),
    ("getgid", 104, 176),
    ("getegid", 108, 177),
    ("getgroups", 115, 158),
    ("getresuid", 118, 148),
    ("getresgid", 120, 150),
    ("getrlimit", 97, 163),
    ("getrusage", 98, 165),
    ("times", 100, 153),
    ("uname", 63, 160),
    ("sysinfo", 99, 179),
    ("getrandom", 318, 278),
    ("getcpu", 309, 168),
    ("clock_gettime", 228, 113),
    ("clock_getres", 229, 114),
    ("clock_nanosleep", 230, 115),
    ("nanosleep", 35, 101),
    ("gettimeofday", 96, 169),
    ("time", 201, NONE),
];

/// Allowed with some arguments only: see [`conditions`].
const CONDITIONAL: Table = &[
    ("open", 2, NONE),
    ("openat", 257, 56),
    ("ioctl", 16, 29),
    ("fcntl", 72, 25),
    ("prlimit64", 302, 261),
    ("clone", 56, 220),
];

/// Answered as by an old kernel: libraries fall back to what can be looked into.
const UNKNOWN: Table = &[("clone3", 435, 435), ("openat2", 437, 437)];

/// Refused from the first instruction of the interpreter on.
const REFUSED_EARLY: Table = &[
    ("socket", 41, 198),
    ("socketpair", 53, 199),
    ("ptrace", 101, 117),
    ("process_vm_readv", 310, 270),
    ("process_vm_writev", 311, 271),
    ("process_madvise", 440, 440),
    ("pidfd_open", 434, 434),
    ("pidfd_getfd", 438, 438),
    ("pidfd_send_signal", 424, 424),
    ("bpf", 321, 280),
    ("perf_event_open", 298, 241),
    ("userfaultfd", 323, 282),
    ("kcmp", 312, 272),
    ("keyctl", 250, 219),
    ("add_key", 248, 217),
    ("request_key", 249, 218),
    ("mount", 165, 40),
    ("umount2", 166, 39),
    ("pivot_root", 155, 41),
    ("unshare", 272, 97),
    ("setns", 308, 268),
    ("kexec_load", 246, 104),
    ("init_module", 175, 105),
    ("finit_module", 313, 273),
    ("reboot", 169, 142),
    ("swapon", 167, 224),
    ("acct", 163, 89),
    ("io_uring_setup", 425, 425),
    ("io_uring_enter", 426, 426),
    ("io_uring_register", 427, 427),
];

/// An architecture that we have the numbers of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Arch {
    X86_64,
    Aarch64,
}

impl Arch {
    /// The one this was built for.
    pub(super) fn own() -> Option<Self> {
        match std::env::consts::ARCH {
            "x86_64" => Some(Self::X86_64),
            "aarch64" => Some(Self::Aarch64),
            _ => None,
        }
    }

    fn target(self) -> TargetArch {
        match self {
            Self::X86_64 => TargetArch::x86_64,
            Self::Aarch64 => TargetArch::aarch64,
        }
    }

    /// The rows of a table that this architecture has.
    fn rows(self, table: Table) -> impl Iterator<Item = (&'static str, i64)> {
        let number = move |&(name, x86_64, aarch64): &(&'static str, i64, i64)| match self {
            Self::X86_64 => (name, x86_64),
            Self::Aarch64 => (name, aarch64),
        };
        table.iter().map(number).filter(|&(_, number)| number != NONE)
    }
}

/// For the time from `fork` to the engine's own filters.
pub(super) fn early(arch: Arch) -> Result<BpfProgram, BackendError> {
    let rules = arch.rows(REFUSED_EARLY).map(|(_, number)| (number, Vec::new())).collect();
    compile(rules, SeccompAction::Allow, SeccompAction::Errno(EPERM), arch)
}

/// For the rest of the worker's life, in the order they are to be installed.
pub(super) fn lasting(arch: Arch) -> Result<[BpfProgram; 2], BackendError> {
    let unknown = arch.rows(UNKNOWN).map(|(_, number)| (number, Vec::new())).collect();
    // What the first filter answers must pass the second: of two refusals the kernel takes the newer.
    let mut allowed: BTreeMap<i64, Vec<SeccompRule>> =
        arch.rows(ALLOWED).chain(arch.rows(UNKNOWN)).map(|(_, number)| (number, Vec::new())).collect();
    for (name, number) in arch.rows(CONDITIONAL) {
        allowed.insert(number, conditions(name)?);
    }
    Ok([
        compile(unknown, SeccompAction::Allow, SeccompAction::Errno(ENOSYS), arch)?,
        compile(allowed, SeccompAction::Errno(EPERM), SeccompAction::Allow, arch)?,
    ])
}

/// A call of another architecture ends the process: a filter knows only its own numbers.
fn compile(
    rules: BTreeMap<i64, Vec<SeccompRule>>,
    otherwise: SeccompAction,
    matched: SeccompAction,
    arch: Arch,
) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, otherwise, matched, arch.target())?.try_into()
}

/// A program as bytes, in the order of this machine.
pub(super) fn bytes(program: &BpfProgram) -> Vec<u8> {
    let instruction = |i: &seccompiler::sock_filter| {
        let [c0, c1] = i.code.to_ne_bytes();
        let [k0, k1, k2, k3] = i.k.to_ne_bytes();
        [c0, c1, i.jt, i.jf, k0, k1, k2, k3]
    };
    program.iter().flat_map(instruction).collect()
}

/// With which arguments a call is let through: any of the rules will do. None at all would mean always.
fn conditions(name: &str) -> Result<Vec<SeccompRule>, BackendError> {
    // Writing, creating, truncating and appending; unnamed files are created by a flag of their own.
    const WRITES: u64 = 0o1 | 0o2 | 0o100 | 0o1000 | 0o2000 | 0o20_000_000;
    // A thread: it shares memory, files and signal handlers. Namespaces are never new.
    const THREAD: u64 = 0x0000_0100 | 0x0000_0800 | 0x0001_0000;
    const NAMESPACES: u64 = 0x7e02_0000;
    // Duplicate and flags; not who is sent a signal when something arrives.
    const FCNTL: &[u64] = &[0, 1, 2, 3, 4, 1030, 1032];
    // Is it a terminal, how large, close on exec, do not block, how much is there.
    const IOCTL: &[u64] = &[0x5401, 0x5413, 0x541b, 0x5421, 0x5450, 0x5451];
    let flags = |argument| one(argument, SeccompCmpOp::MaskedEq(WRITES), 0);
    Ok(match name {
        "open" => vec![flags(1)?],
        "openat" => vec![flags(2)?],
        "clone" => vec![one(0, SeccompCmpOp::MaskedEq(THREAD | NAMESPACES), THREAD)?],
        // Reading a limit; setting one needs a new value.
        "prlimit64" => {
            vec![SeccompRule::new(vec![SeccompCondition::new(2, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, 0)?])?]
        }
        "fcntl" => any_of(FCNTL)?,
        "ioctl" => any_of(IOCTL)?,
        // Never called with another name; were it, nothing would be let through.
        _ => vec![one(0, SeccompCmpOp::MaskedEq(0), 1)?],
    })
}

/// The second argument is one of these.
fn any_of(values: &[u64]) -> Result<Vec<SeccompRule>, BackendError> {
    values.iter().map(|&value| one(1, SeccompCmpOp::Eq, value)).collect()
}

/// The lower half of an argument, which is all the kernel looks at here.
fn one(argument: u8, operator: SeccompCmpOp, value: u64) -> Result<SeccompRule, BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, operator, value)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALLOW: u32 = 0x7fff_0000;
    const KILL: u32 = 0x8000_0000;
    const ERRNO: u32 = 0x0005_0000;

    /// What the kernel would do: the instructions that filters are made of, over a system call's number and arguments.
    fn run(program: &BpfProgram, audit_arch: u32, number: i64, args: [u64; 6]) -> u32 {
        let mut data = [0; 64];
        data[0..4].copy_from_slice(&(number as u32).to_le_bytes());
        data[4..8].copy_from_slice(&audit_arch.to_le_bytes());
        for (at, arg) in args.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&arg.to_le_bytes());
        }
        let (mut at, mut acc) = (0, 0_u32);
        loop {
            let i = &program[at];
            at += 1;
            let jump = |taken: bool| usize::from(if taken { i.jt } else { i.jf });
            match i.code {
                0x20 => acc = u32::from_le_bytes(data[i.k as usize..][..4].try_into().expect("four bytes")),
                0x54 => acc &= i.k,
                0x05 => at += i.k as usize,
                0x15 => at += jump(acc == i.k),
                0x25 => at += jump(acc > i.k),
                0x35 => at += jump(acc >= i.k),
                0x06 => return i.k,
                code => panic!("instruction {code:#x}"),
            }
        }
    }

    fn audit(arch: Arch) -> u32 {
        match arch {
            Arch::X86_64 => 0xc000_003e,
            Arch::Aarch64 => 0xc000_00b7,
        }
    }

    /// The strictest answer of the lasting filters, as the kernel picks it.
    fn answer(arch: Arch, number: i64, args: [u64; 6]) -> u32 {
        let programs = lasting(arch).expect("a filter");
        let answers = programs.map(|program| run(&program, audit(arch), number, args));
        // The smaller action value wins; of two refusals the newer.
        let action = |answer: u32| answer & 0xffff_0000;
        if action(answers[1]) <= action(answers[0]) { answers[1] } else { answers[0] }
    }

    #[test]
    fn everything_that_is_not_listed_is_refused() {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let listed: Vec<i64> =
                [ALLOWED, UNKNOWN].into_iter().flat_map(|table| arch.rows(table)).map(|(_, number)| number).collect();
            let conditional: Vec<i64> = arch.rows(CONDITIONAL).map(|(_, number)| number).collect();
            for number in (0..600).filter(|number| !conditional.contains(number)) {
                let unknown = arch.rows(UNKNOWN).any(|(_, n)| n == number);
                let expected = match (unknown, listed.contains(&number)) {
                    (true, _) => ERRNO | ENOSYS,
                    (_, true) => ALLOW,
                    _ => ERRNO | EPERM,
                };
                assert_eq!(answer(arch, number, [0; 6]), expected, "{arch:?} {number}");
            }
            // The x32 spelling of `read`, and any call by another architecture's entry.
            assert_eq!(answer(arch, 0x4000_0000, [0; 6]), ERRNO | EPERM);
            let other = if arch == Arch::X86_64 { 0x4000_0003 } else { audit(Arch::X86_64) };
            assert_eq!(run(&lasting(arch).expect("a filter")[1], other, 0, [0; 6]), KILL, "{arch:?}");
        }
    }

    #[test]
    fn some_calls_pass_with_some_arguments() {
        let check = |name: &str, args: [u64; 6], expected: u32| {
            for arch in [Arch::X86_64, Arch::Aarch64] {
                if let Some((_, number)) = arch.rows(CONDITIONAL).find(|(n, _)| *n == name) {
                    assert_eq!(answer(arch, number, args), expected, "{arch:?} {name} {args:x?}");
                }
            }
        };
        let refused = ERRNO | EPERM;
        check("openat", [0, 0, 0o2_000_000, 0, 0, 0], ALLOW);
        for flag in [0o1, 0o2, 0o100, 0o1000, 0o2000, 0o20_000_000] {
            check("openat", [0, 0, flag, 0, 0, 0], refused);
            check("open", [0, flag, 0, 0, 0, 0], refused);
        }
        // As glibc starts a thread; as `fork` and `vfork` are made; a thread in a new namespace.
        check("clone", [0x003d_0f00, 0, 0, 0, 0, 0], ALLOW);
        check("clone", [0x0120_0011, 0, 0, 0, 0, 0], refused);
        check("clone", [0x4111, 0, 0, 0, 0, 0], refused);
        check("clone", [0x103d_0f00, 0, 0, 0, 0, 0], refused);
        check("prlimit64", [0, 9, 0, 0x7fff, 0, 0], ALLOW);
        check("prlimit64", [0, 9, 0x1_0000_0000, 0, 0, 0], refused);
        check("fcntl", [1, 3, 0, 0, 0, 0], ALLOW);
        check("fcntl", [1, 8, 1, 0, 0, 0], refused);
        check("ioctl", [0, 0x5401, 0, 0, 0, 0], ALLOW);
        check("ioctl", [0, 0x5412, 0, 0, 0, 0], refused);
    }

    #[test]
    fn what_starts_an_interpreter_passes_the_early_filter() {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let program = early(arch).expect("a filter");
            let refused: Vec<i64> = arch.rows(REFUSED_EARLY).map(|(_, number)| number).collect();
            for number in 0..600 {
                let expected = if refused.contains(&number) { ERRNO | EPERM } else { ALLOW };
                assert_eq!(run(&program, audit(arch), number, [0; 6]), expected, "{arch:?} {number}");
            }
        }
    }

    #[test]
    fn no_number_stands_for_two_calls() {
        for arch in [Arch::X86_64, Arch::Aarch64] {
            let mut seen = BTreeMap::new();
            for (name, number) in
                [ALLOWED, CONDITIONAL, UNKNOWN, REFUSED_EARLY].into_iter().flat_map(|table| arch.rows(table))
            {
                assert_eq!(seen.insert(number, name), None, "{arch:?} {name} is {number}");
            }
        }
    }
}
