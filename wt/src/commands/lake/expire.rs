//! `wt lake expire`.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, TimeDelta, Utc};
use observer::lake::expire::{self, Expiry};
use observer::lake::{Lake, Segment};
use serde::Serialize;

use super::compact::{Removed, remove, segments};
use super::twins;
use crate::clock;
use crate::commands::calibrate::window::newest_us;
use crate::commands::calibrate::{after_published, parse_duration};
use crate::commands::count;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::Project;
use crate::turn::Turn;

/// Let exchanges go that are older than an age
///
/// Age counts back from the twin's newest exchange and not from today, and whole days (UTC) go: with
/// --older-than 30d and a newest exchange of 30 November, all of 30 October and before. What no
/// published calibration has looked at stays, whatever its age, unless --force. Files are removed once
/// no reader can be at them any more, after --grace.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin [default: all]
    name: Option<String>,
    /// The age: 12h, 90d, 52w
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    older_than: TimeDelta,
    /// Say what would go and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Also what no published calibration has looked at
    #[arg(long)]
    force: bool,
    /// For how long files stay that are no part of the lake any more: 90s, 30m, 6h, 2d
    #[arg(long, value_name = "DURATION", default_value = "1d", value_parser = parse_duration)]
    grace: TimeDelta,
}

/// What went of one twin.
#[derive(Debug, Serialize)]
struct Expired {
    twin: String,
    /// Nothing before is kept.
    before: Option<DateTime<Utc>>,
    exchanges: u64,
    bytes: u64,
    /// Exchanges of that age that stay because no published calibration has looked at them.
    held_back: u64,
    /// Nothing of the twin was ever published.
    never_published: bool,
    removed: Removed,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let mut done = Vec::new();
    if let Some(lake) = project.lake_if_any()? {
        for twin in twins(&project, &lake, args.name.as_deref())? {
            let turn = || Turn::take(&project, &twin, "lake expire", out);
            let _turn = (!args.dry_run).then(turn).transpose()?;
            // Of a twin that the project has no more, nothing was looked at.
            let looked_at_us = match project.twin(&twin) {
                Ok(known) => after_published(&known.ledger()?)?,
                Err(_) => i64::MIN,
            };
            done.push(expire_twin(&lake, twin, looked_at_us, args)?);
        }
    }
    let text = || match done.as_slice() {
        [] => "the lake is empty: there is nothing to expire".to_owned(),
        done => done.iter().map(|one| one.text(args.dry_run)).collect::<Vec<_>>().join("\n"),
    };
    out.result(text, &serde_json::json!({"twins": done, "dry_run": args.dry_run}))?;
    Ok(Outcome::Done)
}

/// Expires one twin's exchanges; those from `looked_at_us` on are of no published calibration.
fn expire_twin(
    lake: &Lake,
    twin: String,
    looked_at_us: i64,
    args: &Args,
) -> anyhow::Result<Expired> {
    let present = segments(lake, &twin)?;
    let by_age = of_age(&present, args.older_than);
    let plan = if !args.force && looked_at_us < by_age.before_us {
        expire::plan(&present, looked_at_us)
    } else {
        by_age.clone()
    };
    let is_done = !args.dry_run && !plan.is_empty() && expire::expire(lake, &twin, &plan)?;
    let removed = if args.dry_run { Removed::default() } else { remove(lake, &twin, args.grace)? };
    let goes = is_done || args.dry_run;
    let exchanges = if goes { plan.exchanges() } else { 0 };
    Ok(Expired {
        before: DateTime::from_timestamp_micros(plan.before_us).filter(|_| exchanges > 0),
        exchanges,
        bytes: if goes { plan.bytes() } else { 0 },
        held_back: by_age.exchanges() - plan.exchanges(),
        never_published: looked_at_us == i64::MIN,
        removed,
        twin,
    })
}

/// What is older than the age, counted from the newest exchange or delivery.
fn of_age(segments: &[Segment], older_than: TimeDelta) -> Expiry {
    let seen: Vec<_> = segments.iter().filter(|one| one.timed_rows() > 0).cloned().collect();
    let Some(newest_us) = newest_us(&seen, clock::now()) else { return Expiry::default() };
    let age_us = older_than.num_microseconds().unwrap_or(i64::MAX);
    expire::plan(segments, newest_us.saturating_sub(age_us))
}

impl Expired {
    fn text(&self, dry_run: bool) -> String {
        let exchanges =
            |number: u64| count(usize::try_from(number).unwrap_or(usize::MAX), "exchange");
        let twin = &self.twin;
        let mut text = match self.before {
            Some(before) => format!(
                "{twin}: {} before {} {} ({}){}",
                exchanges(self.exchanges),
                before.format("%Y-%m-%d"),
                if dry_run { "would go" } else { "went" },
                indicatif::HumanBytes(self.bytes),
                self.removed.text()
            ),
            None => format!("{twin}: nothing to expire{}", self.removed.text()),
        };
        if self.held_back > 0 {
            let held_back = exchanges(self.held_back);
            let why = if self.never_published {
                "no calibration was ever published"
            } else {
                "no published calibration has looked at them"
            };
            let _ = write!(
                text,
                "\n  {held_back} of that age stay, {why}: `wt calibrate {twin}` looks at them, --force lets them go"
            );
        }
        text
    }
}
