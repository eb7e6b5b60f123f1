//! What observing and calibrating cost, on generated traffic of any size.
//!
//! `cargo run --release -p wondertwin-bench -- --exchanges 200000,2000000` writes logs of HAR
//! entries to a temporary folder, imports and calibrates them, and prints what each took next to
//! what simd-json takes for the same bytes. Never a test: figures are printed, not judged.

#![expect(clippy::print_stdout, reason = "a benchmark's result")]

mod api;
mod log;
mod meter;
mod phase;
mod random;
mod run;

use clap::Parser as _;

/// Measures import and calibration on generated traffic.
#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: run::Args,
    /// A single phase, as the bench calls itself.
    #[command(subcommand)]
    phase: Option<phase::Phase>,
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.phase {
        Some(phase) => println!("{}", serde_json::to_string(&phase.run()?)?),
        None => run::run(&cli.args)?,
    }
    Ok(())
}
