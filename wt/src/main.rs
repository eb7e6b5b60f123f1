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

fn main() -> std::process::ExitCode {
    cli::main()
}
