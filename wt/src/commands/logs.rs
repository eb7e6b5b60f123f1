//! `wt logs`.

use std::fs::File;
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;

/// Show what a twin wrote to its log, as it comes.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Lines of what was written before
    #[arg(long, default_value_t = 100)]
    lines: usize,
    /// End with what was written before
    #[arg(long)]
    no_follow: bool,
}

/// How often the log is looked at for more.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Of the end of a log that is looked at for the last lines.
const TAIL_BYTES: u64 = 1 << 20;

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    project.twin(&args.name)?;
    let path = processes::log_path(&project, &args.name);
    let failed = || format!("cannot read {}: `wt up {}` begins it", path.display(), args.name);
    let mut log = File::open(&path).with_context(failed)?;
    let length = log.metadata().with_context(failed)?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES))).with_context(failed)?;
    let mut bytes = Vec::new();
    log.read_to_end(&mut bytes).with_context(failed)?;
    out.print(&last_lines(&String::from_utf8_lossy(&bytes), args.lines))?;
    if args.no_follow {
        return Ok(Outcome::Done);
    }
    loop {
        std::thread::sleep(LOOK_EVERY);
        bytes.clear();
        // A twin that is started again begins its log anew.
        if log.metadata().with_context(failed)?.len() < log.stream_position()? {
            log.seek(SeekFrom::Start(0))?;
        }
        log.read_to_end(&mut bytes).with_context(failed)?;
        out.print(&String::from_utf8_lossy(&bytes))?;
    }
}

fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<_> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_those_at_the_end() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a\n", 9), "a");
        assert_eq!(last_lines("", 9), "");
    }
}
