//! The `iota` command.

fn main() -> std::process::ExitCode {
    iota::cli::main()
}
