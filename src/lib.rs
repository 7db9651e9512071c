//! iota
mod alert;
#[cfg(feature = "cli")]
pub mod cli;
mod config;
mod digest;
mod engine;
mod error;
mod gunzip;
mod invoke;
mod json;
pub mod lambda;
mod model;
mod observe;
mod pipeline;
mod records;
mod repeats;
mod report;
mod rulepack;
mod sink;
mod source;
