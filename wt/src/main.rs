//! The command line: parse, call one function, print.

mod cli;
mod client;
mod clock;
mod commands;
mod deciding;
mod demo;
mod desk;
mod files;
mod host;
mod outcome;
mod output;
mod processes;
mod project;
mod reporting;
mod scenario;
mod status;
mod turn;

/// A twin makes and drops many small values for each request.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> std::process::ExitCode {
    cli::main()
}
