//! Property runs for the parts that read what strangers wrote: inputs from a seed, each judged by an oracle.
//!
//! Every execution has dice of its own, made of the seed and its number, so a finding can be had again without those
//! before it. A finding names both, and shows the input, made smaller where its target knows how.
//! `make fuzz` runs everything long; `cargo test` runs a little of it. Test-only: nothing of this is in a binary.

mod alert;
mod documents;
mod gunzip;
mod payload;
mod records;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

pub(crate) use self::documents::{Words, damaged, object};

/// No execution takes longer, on a busy machine either.
const LONGEST: Duration = Duration::from_secs(5);
/// Tries to make a finding smaller.
const SHRINKING: usize = 3_000;

/// Where randomness comes from.
pub(crate) struct Dice {
    rng: fastrand::Rng,
    seed: u64,
    execution: u64,
}

impl Dice {
    /// Those of one execution.
    pub(crate) fn new(seed: u64, execution: u64) -> Self {
        // Neighbours must not look alike: the golden ratio spreads them over all seeds.
        let mixed = (seed << 40 ^ execution).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        Self { rng: fastrand::Rng::with_seed(mixed ^ mixed >> 29), seed, execution }
    }

    /// The number of the group of so many executions that this one belongs to, and the dice they share.
    pub(crate) fn group(&self, size: u64) -> (u64, Self) {
        let group = self.execution / size;
        (group, Self::new(self.seed, !group))
    }

    /// Below `sides`.
    pub(crate) fn roll(&mut self, sides: usize) -> usize {
        self.rng.usize(..sides)
    }

    /// Once in so many.
    pub(crate) fn once_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    /// One of them.
    pub(crate) fn of<T: Clone>(&mut self, things: &[T]) -> T {
        things[self.roll(things.len())].clone()
    }

    /// For what has to be rolled again when an input is judged a second time.
    pub(crate) fn seed(&mut self) -> u64 {
        self.rng.u64(..)
    }
}

/// What one execution is about.
pub(crate) trait Input: fmt::Debug + Sized {
    /// Something smaller that still fails, if a way is known.
    fn shrunk(self, _fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        self
    }
}

/// Bytes that are shown as Rust writes them.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) Vec<u8>);

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "b\"{}\"", self.0.escape_ascii())
    }
}

impl Input for Bytes {
    fn shrunk(self, fails: &mut dyn FnMut(&Self) -> bool) -> Self {
        Self(shrunk_bytes(self.0, &mut |bytes| fails(&Self(bytes.to_vec()))))
    }
}

/// Leaves out pieces, large ones first, as long as what is left still fails.
pub(crate) fn shrunk_bytes(mut bytes: Vec<u8>, fails: &mut dyn FnMut(&[u8]) -> bool) -> Vec<u8> {
    let mut piece = bytes.len() / 2;
    while piece > 0 {
        let mut at = 0;
        while at < bytes.len() {
            let end = (at + piece).min(bytes.len());
            let less = [&bytes[..at], &bytes[end..]].concat();
            if fails(&less) { bytes = less } else { at = end }
        }
        piece /= 2;
    }
    bytes
}

fn setting(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("`{name}` is `{text}`, expected a number")))
}

/// How many executions, unless `IOTA_FUZZ_RUNS` says otherwise.
pub(crate) fn runs(few: u64) -> u64 {
    setting("IOTA_FUZZ_RUNS").unwrap_or(few)
}

/// `IOTA_FUZZ_SEED`.
pub(crate) fn seed() -> u64 {
    setting("IOTA_FUZZ_SEED").unwrap_or(1)
}

/// Makes inputs and judges them; a verdict is a word for what kind it was, or what is wrong. `few` is the count for
/// `cargo test`. All of `kinds` must turn up, or the target is blind to what they stand for.
pub(crate) fn run<I: Input>(
    target: &str,
    few: u64,
    kinds: &[&str],
    mut make: impl FnMut(&mut Dice) -> I,
    mut check: impl FnMut(&I) -> Result<&'static str, String>,
) {
    let (seed, began) = (seed(), Instant::now());
    let executions = match setting("IOTA_FUZZ_AT") {
        Some(at) => at..at + 1,
        None => 0..runs(few),
    };
    let count = executions.end - executions.start;
    let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
    for execution in executions {
        let input = make(&mut Dice::new(seed, execution));
        let from = Instant::now();
        let verdict = judged(&mut check, &input).and_then(|kind| match from.elapsed() {
            took if took > LONGEST => Err(format!("it took {took:?}")),
            _ => Ok(kind),
        });
        match verdict {
            Ok(kind) => *seen.entry(kind).or_default() += 1,
            Err(why) => report(target, seed, execution, input, &why, &mut check),
        }
    }
    say(target, count, began, &seen);
    if count > 1 {
        for kind in kinds {
            assert!(seen.contains_key(kind), "fuzz `{target}` never saw `{kind}`: {seen:?}");
        }
    }
}

/// What a run has done.
#[expect(clippy::print_stderr, reason = "a long run is watched")]
pub(crate) fn say(target: &str, executions: u64, began: Instant, seen: &impl fmt::Debug) {
    let seconds = began.elapsed().as_secs_f64();
    eprintln!("fuzz {target}: {executions} executions, seed {}, {seconds:.1} s, {seen:?}", seed());
}

fn judged<I>(check: &mut impl FnMut(&I) -> Result<&'static str, String>, input: &I) -> Result<&'static str, String> {
    catch_unwind(AssertUnwindSafe(|| check(input))).unwrap_or_else(|panic| {
        let words = panic.downcast_ref::<String>().map(String::as_str).or(panic.downcast_ref::<&str>().copied());
        Err(format!("it panicked: {}", words.unwrap_or("without words")))
    })
}

fn report<I: Input>(
    target: &str,
    seed: u64,
    execution: u64,
    input: I,
    why: &str,
    check: &mut impl FnMut(&I) -> Result<&'static str, String>,
) -> ! {
    let (whole, tries) = (format!("{input:?}"), Cell::new(0));
    let small = input.shrunk(&mut |input| {
        tries.set(tries.get() + 1);
        tries.get() < SHRINKING && judged(check, input).is_err()
    });
    let small_why = judged(check, &small).err().unwrap_or_default();
    panic!(
        "finding of fuzz `{target}`, seed {seed}, execution {execution}: {why}\n  input: {whole}\n  smaller: {small:?}\n  \
         which says: {small_why}\n  again: IOTA_FUZZ_SEED={seed} IOTA_FUZZ_AT={execution} cargo test --release --lib fuzz_{target}"
    );
}
