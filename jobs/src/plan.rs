//! What of a schedule is due: pure, the clock is an argument.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::{CatchUp, Job};
use crate::ledger::{Cause, Fate, Planned};

/// A run that starts so much after it was due had no daemon to start it in time.
pub const LATE_AFTER: TimeDelta = TimeDelta::seconds(60);

/// What is due of a job after one instant up to another, in order.
///
/// Where much more was missed than is caught up with, the oldest stands for those before it.
pub fn due(job: &Job, after: DateTime<Utc>, now: DateTime<Utc>) -> Vec<Planned> {
    let keep = job.manner.catch_up_max.max(1) as usize;
    let (mut instants, is_cut) = latest(job, after, now, keep + 1);
    let older = if is_cut { Some(instants.remove(0)) } else { None };
    let missed = instants.iter().filter(|at| now - **at > LATE_AFTER).count();
    let caught_up = match job.manner.catch_up {
        CatchUp::None => 0,
        CatchUp::One => 1,
        CatchUp::All => keep,
    };
    let plan = |(index, at): (usize, &DateTime<Utc>)| {
        if index >= missed {
            let starts = *at + jitter(job, *at);
            return Planned {
                scheduled_at: *at,
                cause: Cause::Schedule,
                fate: Fate::Starts(starts),
            };
        }
        let fate = if index + caught_up >= missed {
            Fate::Starts(now)
        } else {
            Fate::Skipped("was due while no daemon ran".to_owned())
        };
        Planned { scheduled_at: *at, cause: Cause::CatchUp, fate }
    };
    let older = older.map(|at| {
        let why = format!(
            "was due while no daemon ran, as all runs before it since {}",
            after.format("%F %H:%M")
        );
        Planned { scheduled_at: at, cause: Cause::CatchUp, fate: Fate::Skipped(why) }
    });
    older.into_iter().chain(instants.iter().enumerate().map(plan)).collect()
}

/// The latest instants of a schedule, ascending, and whether there are more before them.
///
/// A schedule of every second and a year of downtime have no hold on this: it looks back as far as
/// it has to.
fn latest(
    job: &Job,
    after: DateTime<Utc>,
    now: DateTime<Utc>,
    keep: usize,
) -> (Vec<DateTime<Utc>>, bool) {
    let mut back = TimeDelta::minutes(2);
    loop {
        let from = after.max(now - back);
        let mut found = Vec::new();
        let mut at = from;
        while let Some(next) = job.schedule.next_after(at).filter(|next| *next <= now) {
            found.push(next);
            at = next;
        }
        if found.len() >= keep || from == after {
            let cut = found.len().saturating_sub(keep);
            let is_cut = found.len() >= keep && (cut > 0 || from > after);
            return (found.split_off(cut), is_cut);
        }
        back = back * 4;
    }
}

/// By how much a run starts later, the same for the same run.
pub fn jitter(job: &Job, at: DateTime<Utc>) -> Duration {
    let most = u64::try_from(job.manner.jitter.0.as_millis()).unwrap_or(u64::MAX);
    let mut hasher = DefaultHasher::new();
    (&job.name, at.timestamp_millis()).hash(&mut hasher);
    Duration::from_millis(hasher.finish().checked_rem(most).unwrap_or(0))
}

/// How long after its attempt failed a run is tried again: doubled each time, six hours at most.
pub fn backoff(job: &Job, attempt: u32) -> Duration {
    let doubled = 1_u32.checked_shl(attempt.saturating_sub(1).min(20)).unwrap_or(u32::MAX);
    job.manner.backoff.0.saturating_mul(doubled).min(Duration::from_hours(6))
}
