//! The command line's entry: parse, call the library, give back the exit code.

use std::process::ExitCode;

fn main() -> ExitCode {
    merchant_gateway::cli::main()
}
