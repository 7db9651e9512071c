//! The Lambda function. As the managed runtime's exec wrapper it is started in place of Python, with the interpreter
//! as its first argument.

use std::path::PathBuf;

fn main() -> Result<(), lambda_runtime::Error> {
    iota::lambda::run(std::env::args_os().nth(1).map(PathBuf::from))
}
