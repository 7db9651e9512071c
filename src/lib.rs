//! iota: CloudTrail log files in, alerts of Python rules out.
//!
//! ```text
//! payload -> invoke -> object -> source -> bytes -> gunzip -> bytes -> records -> Record
//!    -> repeats -> prefilter -> batch -> engine (Python workers) -> Verdict -> alert -> windows -> Alert -> sink -> JSON line
//!                                                                counters -> report
//! ```
//!
//! Data goes down this line and never up. A stage knows the shared nouns ([`error`], [`model`], [`json`], [`config`],
//! [`rulepack`]) and itself; one file, [`pipeline`], knows them all; the doors ([`lambda`], [`cli`]) choose where bytes
//! come from and where lines go. `tests/tidy.rs` holds these rules.
//!
//! # Invariants
//!
//! * Every record the splitter finds is judged, a repeat, malformed or oversize, and the `object` line says how many of
//!   each. An object that does not balance is not done.
//! * An object is done when all its records are accounted for and all its lines are written (and its alerts
//!   acknowledged, where `IOTA_ALERTS_TO` is set). Anything else is a fault, and whoever delivered it delivers it again.
//! * A rule's failure is told and never costs the object, another rule's alert, or its own match once `rule()` was true.
//! * Ids are a function of content: a repeat carries the same ids.
//! * Memory does not grow with the object: one bounded buffer, one batch in flight per worker.
//!
//! # Environment
//!
//! Read in [`config`] only. A bad value stops the start with its name.
//!
//! | variable | default | what it sets |
//! |---|---|---|
//! | `IOTA_RULEPACK` | `/opt/iota/rulepack.json` | the compiled rules |
//! | `IOTA_RULES` | `rules` beside the pack | where relative paths of the pack start; for the command, the folder of rules |
//! | `IOTA_ENGINE` | `/opt/python`; the command's built-in one | the folder that holds the package `iota_engine` |
//! | `IOTA_PYTHON` | the managed runtime's; `python3` | the interpreter for the rules |
//! | `IOTA_WORKERS` | one per vCPU | Python workers; objects handled at the same time |
//! | `IOTA_WORKER_PER` | `pack` | `rule`: no two rules share a worker |
//! | `IOTA_WORKER_MEMORY_MB` | the function's less 96, shared; 1024; at most 128 with a worker for each rule | address space of one worker |
//! | `IOTA_RULE_TIMEOUT_MS` | 2000 on a whole vCPU | one rule on one record, its other functions included |
//! | `IOTA_MAX_OBJECT_BYTES` | 512 MiB | decompressed bytes of one object |
//! | `IOTA_MAX_RECORD_BYTES` | 1 MiB | a longer record is counted as oversize |
//! | `IOTA_MAX_DEPTH` | 128 | a record nested deeper is malformed |
//! | `IOTA_MAX_ALERT_BYTES` | 64 KiB | no printed alert is longer |
//! | `IOTA_DEADLINE_MARGIN_MS` | 2000 | how long before the function's deadline work stops |
//! | `IOTA_ALERTS_TO` | | SQS queue or EventBridge bus that must acknowledge an object's alerts before it is done |
//! | `IOTA_SIGNALS` | `count` | `log` prints matches that are no alerts, and those that exceptions hide |
//! | `IOTA_MASK` | | names of members that are secrets too, such as `apiKey,licence_key`; `off`: none is masked in what is printed |
//! | `IOTA_VERIFY_SAMPLE` | 10000; 0 with a worker for each rule | of so many records the function has one judged by every rule, to check the prefilter; 0 for none |
//! | `IOTA_READER_ROLE_ARN` | | the role that the function takes on to read log files of another account |
//! | `IOTA_SANDBOX` | `auto` | `require`: no rule runs unless every rung of isolation holds; `off`: none of the kernel's |

mod alert;
mod alerts_to;
mod canary;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod digest;
mod engine;
mod error;
#[cfg(test)]
mod fuzz;
mod gunzip;
mod hidden;
mod invoke;
mod json;
pub mod lambda;
mod mask;
mod model;
mod observe;
mod pipeline;
mod prefilter;
mod records;
mod repeats;
mod report;
mod rulepack;
mod scope;
mod sink;
mod source;
mod windows;
