//! What was found of the month's changes, how late, and what was found that is none.

use std::collections::BTreeMap;
use std::fmt;

use chrono::{DateTime, Duration, Utc};
use jobs::ledger::Run;
use serde_json::Value;

use crate::fidelity::{self, Look};
use crate::script::{Change, Find};
use crate::support::Folder;

/// Kinds whose patch takes something away.
const DESTRUCTIVE: [&str; 3] = ["field_removed", "route_removed", "enum_value_removed"];

/// Share of held-out exchanges that the twin's model describes wholly, at least, after each morning.
const FIDELITY_MIN_BP: u64 = 9_900;

/// How well the month was followed.
pub struct Verdict {
    rows: Vec<Row>,
    /// Findings that show no change: kind, place, when.
    false_alarms: Vec<String>,
    destructive: Vec<String>,
    /// After each morning's decisions, on held-out exchanges, in order.
    looks: Vec<Look>,
}

struct Row {
    number: usize,
    at: DateTime<Utc>,
    what: String,
    quiet: bool,
    /// By a finding or a note.
    found_at: Option<DateTime<Utc>>,
    /// What is to be found afterwards was; so it is where nothing is.
    is_back: bool,
}

impl Row {
    fn is_right(&self) -> bool {
        (self.quiet || self.found_at.is_some()) && self.is_back
    }
}

/// Reads what the month's calibration runs printed; changes from before `begin` are known of, and may
/// still be found, but are not asked for.
pub fn of(folder: &Folder, runs: &[Run], changes: &[Change], begin: DateTime<Utc>) -> Verdict {
    let mut rows: Vec<Row> = changes
        .iter()
        .map(|change| Row {
            number: change.number,
            at: change.at(),
            what: format!(
                "{} {}{}",
                change.find.kind,
                change.find.path,
                change.find.route.as_deref().or(change.find.event.as_deref()).unwrap_or_default()
            ),
            quiet: change.quiet,
            found_at: None,
            is_back: change.then.is_none(),
        })
        .collect();
    let (mut false_alarms, mut destructive) = (BTreeMap::new(), BTreeMap::new());
    let mut mornings = Vec::new();
    for run in runs.iter().filter(|run| run.kind == "calibrate") {
        let out = format!(".wt/jobs/{:06}-{}.out", run.id.0, run.attempt);
        let Ok(printed) = serde_json::from_str::<Value>(&folder.read(&out)) else { continue };
        let is_made = |change: &Change| change.at() <= run.scheduled_at;
        for note in printed["notes"].as_array().unwrap().iter().filter_map(Value::as_str) {
            let is_told = |change: &Change| is_made(change) && change.is_told_by(note);
            if let Some(index) = changes.iter().position(is_told) {
                rows[index].found_at.get_or_insert(run.scheduled_at);
            }
        }
        for finding in printed["findings"].as_array().unwrap() {
            let back = changes.iter().zip(&rows).position(|(change, row)| {
                let is_back = |then: &Find| row.found_at.is_some() && then.is_shown_by(finding);
                change.then.as_ref().is_some_and(is_back)
            });
            if let Some(index) = back {
                rows[index].is_back = true;
                continue;
            }
            // The first of several like it that was not found yet, else the one that was.
            let is_it = |change: &Change| is_made(change) && change.find.is_shown_by(finding);
            let shown = changes
                .iter()
                .zip(&rows)
                .position(|(change, row)| is_it(change) && row.found_at.is_none())
                .or_else(|| changes.iter().position(is_it));
            // A field that came is optional at first, and required once enough showed it; one that goes is
            // optional until enough lacked it.
            let is_consequence = changes.iter().any(|change| {
                matches!(change.find.kind.as_str(), "field_added" | "field_removed")
                    && finding["kind"] == "requiredness_changed"
                    && is_made(change)
                    && change.find.ends(finding)
            });
            match shown {
                None if is_consequence => {}
                Some(index) if !changes[index].quiet => {
                    rows[index].found_at.get_or_insert(run.scheduled_at);
                }
                _ => {
                    let text = |name: &str| finding[name].as_str().unwrap_or_default();
                    let place =
                        if text("route").is_empty() { text("event") } else { text("route") };
                    let told = format!("{} {place} {}", text("kind"), text("path"));
                    let first = format!(
                        "{} {} -> {}",
                        run.scheduled_at.format("%d %H:%M"),
                        finding["before"],
                        finding["after"]
                    );
                    if DESTRUCTIVE.contains(&text("kind")) {
                        destructive.entry(told).or_insert(first);
                    } else {
                        false_alarms.entry(told).or_insert(first);
                    }
                }
            }
        }
        if run.job == "maintain" {
            // Before the run that follows it.
            mornings.push(run.scheduled_at + Duration::minutes(2));
        }
    }
    rows.retain(|row| row.at >= begin);
    let list = |found: BTreeMap<String, String>| {
        found.into_iter().map(|(told, first)| format!("{told}, first {first}")).collect()
    };
    Verdict {
        rows,
        false_alarms: list(false_alarms),
        destructive: list(destructive),
        looks: fidelity::looks(folder, &mornings),
    }
}

impl Verdict {
    fn found(&self) -> usize {
        self.rows.iter().filter(|row| row.is_right()).count()
    }

    /// The first morning after a change was found; of one that is not to be found, after it was made.
    fn after(&self, row: &Row) -> Option<&Look> {
        let since = if row.quiet { Some(row.at) } else { row.found_at }?;
        self.looks.iter().find(|look| since < look.at)
    }

    fn median_delay(&self) -> Option<Duration> {
        let delay = |row: &Row| row.found_at.map(|found| found - row.at);
        let mut delays: Vec<_> = self.rows.iter().filter_map(delay).collect();
        delays.sort_unstable();
        delays.get(delays.len() / 2).copied()
    }

    /// At most two of thirty are missed, nothing is found that was not so, least of all that something
    /// is gone, and what was published answers as production does.
    pub fn assert_good(&self) {
        let changes = self.rows.len();
        assert!(self.found() * 30 >= changes * 28, "{} of {changes} found", self.found());
        assert!(self.destructive.is_empty(), "{:#?}", self.destructive);
        assert!(self.false_alarms.is_empty(), "{:#?}", self.false_alarms);
        let is_low =
            |row: &&Row| self.after(row).is_some_and(|look| look.share_bp < FIDELITY_MIN_BP);
        let low: Vec<_> = self.rows.iter().filter(is_low).map(|row| row.number).collect();
        assert!(low.is_empty(), "fidelity below {FIDELITY_MIN_BP} bp after changes {low:?}");
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, " no  made       found      delay  fidelity  change")?;
        for row in &self.rows {
            let (found, delay) = match row.found_at.filter(|_| row.is_back) {
                Some(at) => {
                    (at.format("%d %H:%M").to_string(), format!("{} h", (at - row.at).num_hours()))
                }
                None if row.quiet => ("nothing".to_owned(), "right".to_owned()),
                None => ("-".to_owned(), "missed".to_owned()),
            };
            let bp = self.after(row).map_or("-".to_owned(), |look| format!("{} bp", look.share_bp));
            writeln!(
                f,
                "{:>3}  {}  {found:9}  {delay:>6}  {bp:>8}  {}",
                row.number,
                row.at.format("%d %H:%M"),
                row.what
            )?;
        }
        writeln!(f, "{} of {} right", self.found(), self.rows.len())?;
        if let Some(delay) = self.median_delay() {
            writeln!(f, "median delay {} min on the simulated clock", delay.num_minutes())?;
        }
        let high = self.looks.iter().filter(|look| look.share_bp >= FIDELITY_MIN_BP).count();
        writeln!(
            f,
            "{} mornings, fidelity after {high} of them at least {FIDELITY_MIN_BP} bp, the lowest {:?}",
            self.looks.len(),
            self.looks.iter().map(|look| look.share_bp).min()
        )?;
        for look in self.looks.iter().filter(|look| look.share_bp < 10_000) {
            let misses: Vec<_> =
                look.misses.iter().take(4).map(|(why, n)| format!("{n} × {why}")).collect();
            let at = look.at.format("%d %H:%M");
            writeln!(f, "{at}: {} bp, {}", look.share_bp, misses.join("; "))?;
        }
        for (name, list) in
            [("false alarm", &self.false_alarms), ("DESTRUCTIVE", &self.destructive)]
        {
            for told in list {
                writeln!(f, "{name}: {told}")?;
            }
        }
        Ok(())
    }
}
