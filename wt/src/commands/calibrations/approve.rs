//! `wt calibrations approve`.

use std::path::Path;

use calibrator::publish::basis_points;
use serde_json::json;

use super::{FindingArgs, NoteArgs, reviewed, sound, to_decide};
use crate::deciding::Deciding;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;
use crate::turn::Turn;

/// Publish a proposed calibration, which twins then load.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// The calibration [default: the one that awaits a decision]
    number: Option<u64>,
    #[command(flatten)]
    only: FindingArgs,
    /// Serve it to this part of the callers first, as `10%`; approved again, it is served to all
    #[arg(long, value_name = "SHARE", value_parser = parse_share, conflicts_with = "finding")]
    canary: Option<u32>,
    #[command(flatten)]
    note: NoteArgs,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let twin = project.twin(&args.name)?;
    let turn = Turn::take(&project, &args.name, "calibrations approve", out)?;
    let number = to_decide(&sound(&twin, out)?, args.number, &args.name)?;
    let note = args.note.note();
    let deciding = Deciding { project: &project, twin: &twin, number, note };
    if let Some(share_bp) = args.canary {
        deciding.try_out(&turn, share_bp)?;
        let (name, percent) = (&args.name, f64::from(share_bp) / 100.0);
        let text = || {
            format!(
                "✓ calibration {number} of {name} is served to {percent} % of the callers: approve it again for all, or reject it"
            )
        };
        let document =
            json!({"twin": name, "number": number, "state": "canary", "share_bp": share_bp});
        out.result(text, &document)?;
        return Ok(Outcome::Done);
    }
    let done = deciding.approve(&turn, &args.only.finding)?;
    if !args.only.finding.is_empty() {
        let (text, document) = reviewed(&args.name, number, "published", &done);
        out.result(|| text, &document)?;
        return Ok(Outcome::Done);
    }
    out.result(
        || {
            format!(
                "✓ calibration {number} of {} is published: running twins load it now",
                args.name
            )
        },
        &json!({"twin": args.name, "number": number, "state": "published"}),
    )?;
    Ok(Outcome::Done)
}

/// Reads `10%` or `2.5 %` as basis points.
fn parse_share(text: &str) -> Result<u32, String> {
    let percent =
        text.trim().strip_suffix('%').and_then(|number| number.trim().parse::<f64>().ok());
    match percent {
        Some(percent) if percent > 0.0 && percent < 100.0 => Ok(basis_points(percent / 100.0)),
        _ => Err(format!("`{text}` is no share, expected one as 10%, above 0 and below 100")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_part_of_a_hundred() {
        assert_eq!((parse_share("10%"), parse_share("2.5 %")), (Ok(1_000), Ok(250)));
        for bad in ["10", "0%", "100%", "-1%", "%", "ten%"] {
            assert!(parse_share(bad).is_err(), "{bad}");
        }
    }
}
