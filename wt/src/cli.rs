//! The command tree: what can be asked, under which heading, and what answers it.

use std::fmt::Write as _;
use std::io::{ErrorKind, IsTerminal as _};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

use crate::commands;
use crate::outcome::Outcome;
use crate::output::{Format, Output};

/// Keeps local twins of vendors' APIs true to production.
#[derive(Debug, Parser)]
#[command(name = "wt", version, disable_help_subcommand = false, arg_required_else_help = true)]
struct Cli {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    command: Command,
}

/// What every command takes.
#[derive(Debug, Args)]
struct Common {
    /// The project's folder [default: the nearest one upwards with a wondertwin.json]
    #[arg(long, global = true, value_name = "DIR")]
    project: Option<PathBuf>,
    /// What results are printed as
    #[arg(long, global = true, default_value = "text", value_name = "FORMAT",
        value_parser = Format::parser(&["text", "json"]))]
    format: Format,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the whole loop: a vendor changes, its twin follows
    Demo(commands::demo::Args),
    /// Make a twin, empty or from an OpenAPI file
    Init(commands::init::Args),
    /// Record traffic, through a proxy or from files
    Record(commands::record::Args),
    /// Make the model from recordings
    Synth(commands::synth::Args),
    /// Serve one twin until it is stopped
    Serve(commands::serve::Args),
    /// Write a twin's model as OpenAPI 3.1
    Export(commands::export::Args),
    /// Bring production into the lake
    #[command(subcommand)]
    Observe(commands::observe::Command),
    /// Compare production with the model, and correct the model
    Calibrate(commands::calibrate::Args),
    /// List, show and decide on calibrations
    #[command(subcommand)]
    Calibrations(commands::calibrations::Command),
    /// Show what a calibration run found
    Report(commands::report::Args),
    /// Show what waits for a decision in a browser, and decide there
    Review(commands::review::Args),
    /// Run the pipeline on a schedule
    #[command(subcommand)]
    Jobs(commands::jobs::Command),
    /// Look into the lake
    #[command(subcommand)]
    Lake(commands::lake::Command),
    /// Start twins in the background
    Up(commands::up::Args),
    /// Stop twins that `wt up` started
    Down(commands::down::Args),
    /// Show which twins run and how true they are
    Status(commands::status::Args),
    /// Look into a running twin
    Inspect(commands::inspect::Args),
    /// Have running twins forget all that happened
    Reset(commands::reset::Args),
    /// Put a file's objects into a running twin
    Seed(commands::seed::Args),
    /// Show what a twin wrote to its log, as it comes
    Logs(commands::logs::Args),
    /// Run captured requests once more and compare the answers
    Replay(commands::replay::Args),
    /// Run scenarios against running twins
    Test(commands::test::Args),
    /// List the twins that come with wt
    Catalog(commands::catalog::Args),
    /// Make a frozen, signed package of a twin
    Freeze(commands::freeze::Args),
}

/// The headings of `wt help`, in the order of CONTRACTS; a command stands under one of them.
const GROUPS: [(&str, &[&str]); 7] = [
    ("Try it", &["demo"]),
    ("Build a twin", &["init", "record", "synth", "serve", "export"]),
    ("Keep it true", &["observe", "calibrate", "calibrations", "report", "review", "jobs", "lake"]),
    ("Run twins", &["up", "down", "status"]),
    ("Use them in tests", &["inspect", "reset", "seed", "logs", "replay", "test"]),
    ("Get and release twins", &["catalog", "freeze"]),
    ("Help", &["help"]),
];

/// Runs the process's command line.
pub(crate) fn main() -> ExitCode {
    let matches = command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    log_to_stderr();
    let mut out = Output::of_process(cli.common.format);
    match run(&cli, &mut out) {
        Ok(outcome) => outcome.into(),
        // The reader of a pipe had enough, as `head` has.
        Err(error) if is_broken_pipe(&error) => Outcome::Done.into(),
        Err(error) => {
            out.say(&describe(&error));
            Outcome::of(&error).into()
        }
    }
}

fn run(cli: &Cli, out: &mut Output) -> anyhow::Result<Outcome> {
    let project = cli.common.project.as_deref();
    match &cli.command {
        Command::Demo(args) => commands::demo::run(args, project, out),
        Command::Init(args) => commands::init::run(args, project, out),
        Command::Record(args) => commands::record::run(args, project, out),
        Command::Synth(args) => commands::synth::run(args, project, out),
        Command::Serve(args) => commands::serve::run(args, project, out),
        Command::Export(args) => commands::export::run(args, project, out),
        Command::Observe(command) => commands::observe::run(command, project, out),
        Command::Calibrate(args) => commands::calibrate::run(args, project, out),
        Command::Calibrations(command) => commands::calibrations::run(command, project, out),
        Command::Report(args) => commands::report::run(args, project, out),
        Command::Review(args) => commands::review::run(args, project, out),
        Command::Jobs(command) => commands::jobs::run(command, project, out),
        Command::Lake(command) => commands::lake::run(command, project, out),
        Command::Up(args) => commands::up::run(args, project, out),
        Command::Down(args) => commands::down::run(args, project, out),
        Command::Status(args) => commands::status::run(args, project, out),
        Command::Inspect(args) => commands::inspect::run(args, project, out),
        Command::Reset(args) => commands::reset::run(args, project, out),
        Command::Seed(args) => commands::seed::run(args, project, out),
        Command::Logs(args) => commands::logs::run(args, project, out),
        Command::Replay(args) => commands::replay::run(args, project, out),
        Command::Test(args) => commands::test::run(args, project, out),
        Command::Catalog(args) => commands::catalog::run(args, out),
        Command::Freeze(args) => commands::freeze::run(args, project, out),
    }
}

/// The tree with its help grouped, which clap does for options only.
fn command() -> clap::Command {
    let mut command = Cli::command();
    command.build();
    let mut help = String::from("{about}\n\n{usage-heading} {usage}\n");
    for (heading, names) in GROUPS {
        let _ = writeln!(help, "\n{heading}:");
        for name in names {
            let about = command.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            let _ = writeln!(help, "  {name:14}{about}");
        }
    }
    help += "\nOptions:\n{options}";
    Cli::command().help_template(help)
}

/// `error: …` and a line for each cause.
fn describe(error: &anyhow::Error) -> String {
    let mut text = format!("error: {error}");
    let mut said = error.to_string();
    for cause in error.chain().skip(1) {
        let cause = cause.to_string();
        // A transparent error says what its cause says.
        if !said.ends_with(&cause) {
            let _ = write!(text, "\n  caused by: {cause}");
        }
        said = cause;
    }
    text
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .root_cause()
        .downcast_ref::<std::io::Error>()
        .is_some_and(|fault| fault.kind() == ErrorKind::BrokenPipe)
}

/// Warnings and errors of the libraries; more with `WT_LOG=debug`.
fn log_to_stderr() {
    let filter = tracing_subscriber::EnvFilter::try_from_env("WT_LOG")
        .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn"));
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr)
        .init();
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_tree_is_sound_and_help_lists_every_command_once() {
        let mut command = command();
        command.clone().debug_assert();
        command.build();
        let all: BTreeSet<_> = command.get_subcommands().map(clap::Command::get_name).collect();
        let listed: Vec<_> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        assert_eq!(listed.iter().copied().collect::<BTreeSet<_>>(), all);
        assert_eq!(listed.len(), all.len(), "a command stands under two headings");
    }

    #[test]
    fn an_error_is_told_with_each_cause_once() {
        let fault = std::io::Error::new(ErrorKind::StorageFull, "no space left");
        let error = Err::<(), _>(fault).context("cannot write a.json").context("init").unwrap_err();
        let told = "error: init\n  caused by: cannot write a.json\n  caused by: no space left";
        assert_eq!(describe(&error), told);
    }
}
