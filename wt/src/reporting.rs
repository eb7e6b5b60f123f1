//! What a report stands in, gathered from the ledger and the lake.

use chrono::DateTime;
use models::{Digest, Drift, Ledger, Window};
use reports::{Bucket, Models, Past, Report};

use crate::commands::block_on;
use crate::project::{Project, Twin};

/// Parts that the traffic of a window is shown in.
const PARTS: u16 = 48;

/// A run with all that is known around it.
pub(crate) fn whole(
    project: &Project,
    twin: &Twin<'_>,
    number: u64,
    drift: Drift,
) -> anyhow::Result<Report> {
    Ok(Report {
        number,
        models: models(twin, &drift)?,
        history: history(&twin.ledger()?)?,
        traffic: traffic(project, twin.name(), drift.window)?,
        drift,
    })
}

/// The model a run compared with and what its calibrations make of it; none where it has none, or
/// the twin's ledger does not lead to the first.
pub(crate) fn models(twin: &Twin<'_>, drift: &Drift) -> anyhow::Result<Option<Models>> {
    let Some(first) = drift.calibrations.first() else { return Ok(None) };
    let ledger = twin.ledger()?;
    let mut before = twin.base_model()?;
    let mut published = ledger.published();
    while Digest::of(&before) != first.base.sha256 {
        let Some(next) = published.next() else { return Ok(None) };
        before = before.apply(&next?)?;
    }
    let mut after = before.clone();
    for calibration in &drift.calibrations {
        after = after.apply(calibration)?;
    }
    Ok(Some(Models { before, after }))
}

/// The ledger's calibrations as far as their history is told.
pub(crate) fn history(ledger: &Ledger) -> anyhow::Result<Vec<Past>> {
    let past = ledger.states().map(|(number, state)| {
        let calibration = ledger.get(number)?;
        Ok(Past {
            number,
            at: calibration.created_at,
            state,
            fidelity: calibration.fidelity,
            rolls_back: calibration.rolls_back,
        })
    });
    past.collect()
}

/// The calls of a window; none where the lake no longer has them.
pub(crate) fn traffic(
    project: &Project,
    twin: &str,
    window: Window,
) -> anyhow::Result<Vec<Bucket>> {
    let (Some(from), Some(to), Some(lake)) = (window.from, window.to, project.lake_if_any()?)
    else {
        return Ok(Vec::new());
    };
    let ends = (from.timestamp_micros(), to.timestamp_micros());
    let parts = block_on(async { Ok(calibrator::traffic(&lake, twin, ends, PARTS).await?) })?;
    let bucket = |part: calibrator::Traffic| {
        let from = DateTime::from_timestamp_micros(part.from_us)?;
        Some(Bucket { from, calls: part.calls, refused: part.refused })
    };
    Ok(parts.into_iter().filter_map(bucket).collect())
}
