//! The command line's entry: parse, call the library, give back the exit code.

fn main() {}
