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
mod planted;
mod random;
mod run;

use clap::Parser as _;

/// As `wt` has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures import and calibration on generated traffic.
#[derive(Debug, clap::Parser)]
struct Cli {
    #[command(flatten)]
    args: run::Args,
    /// A single phase, as the bench calls itself, or drift planted in vendors' models.
    #[command(subcommand)]
    task: Option<Task>,
}

#[derive(Debug, clap::Subcommand)]
enum Task {
    #[command(flatten)]
    Phase(phase::Phase),
    Planted(planted::Args),
}

fn main() -> anyhow::Result<()> {
    let cli = Cli::parse();
    match cli.task {
        Some(Task::Phase(phase)) => println!("{}", serde_json::to_string(&phase.run()?)?),
        Some(Task::Planted(args)) => planted::run(&args)?,
        None => run::run(&cli.args)?,
    }
    Ok(())
}
