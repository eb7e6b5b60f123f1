//! What `wt status` says, from facts gathered elsewhere (CONTRACTS, "Commands").

use std::fmt;
use std::time::Duration;

use chrono::{DateTime, Utc};
use models::Age;
use serde::Serialize;
use serde::ser::{SerializeMap as _, SerializeStruct as _, Serializer};

use crate::commands::count;

/// Every twin of a project that was started, or is known.
#[derive(Debug, Clone)]
pub(crate) struct Status {
    /// Sorted by name.
    pub(crate) twins: Vec<TwinStatus>,
    /// Jobs whose last run failed, and what is wrong with the daemon.
    pub(crate) jobs: Vec<JobFault>,
    /// When it was asked.
    pub(crate) now: DateTime<Utc>,
}

/// A job that fails.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct JobFault {
    /// Its name, or what of the daemon it is: `clock`, `jobs.toml`, `jobs.db`.
    pub(crate) name: String,
    /// As the ledger of runs has it: `failed`, `timed out`, `abandoned`; `trouble` of the daemon.
    pub(crate) state: &'static str,
    pub(crate) since: DateTime<Utc>,
    /// Why.
    pub(crate) error: String,
}

/// One twin.
#[derive(Debug, Clone)]
pub(crate) struct TwinStatus {
    pub(crate) name: String,
    /// The twin's own.
    pub(crate) version: String,
    pub(crate) state: State,
    pub(crate) tier: Tier,
    /// Where it listens; none where it was not started.
    pub(crate) url: Option<String>,
    /// The calibration served; 0 is none.
    pub(crate) calibration: u64,
    /// The calibration that a part of the callers is served, and the part in basis points.
    pub(crate) canary: Option<(u64, u32)>,
}

/// Whether a twin serves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum State {
    /// It does.
    Running,
    /// It was not started, or was stopped.
    Stopped,
    /// It serves an older model than it should, and why.
    Refusing(String),
    /// It was started and does not serve, and why.
    Down(String),
}

/// Whether a twin is kept true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Tier {
    /// It takes calibrations.
    Pro {
        /// End of the last calibration run that came to it.
        calibrated_at: Option<DateTime<Utc>>,
        /// The newest published one; 0 is none.
        published: u64,
        /// Whether one awaits a decision.
        awaiting: bool,
        /// The age of that run from which it says nothing of the present.
        stale_after: Duration,
    },
    /// It never changes.
    Snapshot,
}

impl TwinStatus {
    /// Why it fails; none where it does not.
    fn error(&self) -> Option<&str> {
        match &self.state {
            State::Running | State::Stopped => None,
            State::Refusing(why) | State::Down(why) => Some(why),
        }
    }

    /// Whether it serves what production is known to be; none where that is not promised.
    pub(crate) fn is_aligned(&self, now: DateTime<Utc>) -> Option<bool> {
        let Tier::Pro { calibrated_at, published, awaiting, stale_after } = &self.tier else {
            return None;
        };
        let is_fresh =
            calibrated_at.is_some_and(|at| (now - at).to_std().unwrap_or_default() < *stale_after);
        Some(
            self.state == State::Running && is_fresh && !awaiting && self.calibration == *published,
        )
    }

    fn line(&self, now: DateTime<Utc>) -> String {
        let head = format!("{} v{}", self.name, self.version);
        if let Some(why) = self.error() {
            return format!("✗ {head} · {why}");
        }
        let canary = self.canary.map(|(number, share_bp)| {
            format!(" · calibration {number} for {} % of callers", f64::from(share_bp) / 100.0)
        });
        format!("✓ {head} · {}{}", self.age(now), canary.unwrap_or_default())
    }

    /// When it was last compared with production.
    pub(crate) fn age(&self, now: DateTime<Utc>) -> String {
        match &self.tier {
            Tier::Snapshot => "frozen snapshot".to_owned(),
            Tier::Pro { calibrated_at: None, .. } => "not yet calibrated".to_owned(),
            Tier::Pro { calibrated_at: Some(at), .. } => {
                // A clock set back makes a run of the future, which is of just now.
                format!("calibrated {}", Age((now - at).to_std().unwrap_or_default()))
            }
        }
    }
}

impl Status {
    /// The twins that a line is due for: those that run or should.
    fn started(&self) -> impl Iterator<Item = &TwinStatus> {
        self.twins.iter().filter(|twin| twin.state != State::Stopped)
    }

    /// How many fail.
    pub(crate) fn errors(&self) -> usize {
        self.twins.iter().filter(|twin| twin.error().is_some()).count() + self.jobs.len()
    }

    /// Whether none runs, nor should.
    pub(crate) fn is_idle(&self) -> bool {
        self.started().next().is_none()
    }

    fn alignment(&self) -> Option<(usize, usize)> {
        let pro: Vec<bool> = self.started().filter_map(|twin| twin.is_aligned(self.now)).collect();
        let aligned = pro.iter().filter(|aligned| **aligned).count();
        (!pro.is_empty()).then_some((aligned, pro.len()))
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let serves = |twin: &&TwinStatus| matches!(twin.state, State::Running | State::Refusing(_));
        let running = self.twins.iter().filter(serves).count();
        write!(f, "{} running", count(running, "twin"))?;
        match self.alignment() {
            Some((aligned, of)) if aligned == of => f.write_str(" · drift-aligned")?,
            Some((aligned, of)) => write!(f, " · {aligned} of {of} drift-aligned")?,
            None => {}
        }
        writeln!(f, " · {}", count(self.errors(), "error"))?;
        for twin in self.started() {
            writeln!(f, "{}", twin.line(self.now))?;
        }
        for job in &self.jobs {
            let age = Age((self.now - job.since).to_std().unwrap_or_default());
            writeln!(f, "✗ job {} · {} {age}: {}", job.name, job.state, job.error)?;
        }
        Ok(())
    }
}

impl Serialize for Status {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let twins: Vec<_> = self.twins.iter().map(|twin| Stamped { twin, now: self.now }).collect();
        let mut map = serializer.serialize_map(Some(4))?;
        map.serialize_entry("twins", &twins)?;
        map.serialize_entry("aligned", &self.alignment().map(|(aligned, of)| aligned == of))?;
        map.serialize_entry("errors", &self.errors())?;
        map.serialize_entry("jobs", &self.jobs)?;
        map.end()
    }
}

/// A twin's status with the time it was asked.
struct Stamped<'t> {
    twin: &'t TwinStatus,
    now: DateTime<Utc>,
}

impl Serialize for Stamped<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let twin = self.twin;
        let state = match &twin.state {
            State::Running => "running",
            State::Stopped => "stopped",
            State::Refusing(_) | State::Down(_) => "failing",
        };
        let (tier, calibrated_at) = match &twin.tier {
            Tier::Pro { calibrated_at, .. } => ("pro", *calibrated_at),
            Tier::Snapshot => ("snapshot", None),
        };
        let mut map =
            serializer.serialize_struct("twin", 9 + usize::from(twin.canary.is_some()))?;
        map.serialize_field("name", &twin.name)?;
        map.serialize_field("version", &twin.version)?;
        map.serialize_field("state", state)?;
        map.serialize_field("tier", tier)?;
        map.serialize_field("url", &twin.url)?;
        map.serialize_field("calibration", &twin.calibration)?;
        if let Some((calibration, share_bp)) = twin.canary {
            let canary = serde_json::json!({"calibration": calibration, "share_bp": share_bp});
            map.serialize_field("canary", &canary)?;
        }
        map.serialize_field("calibrated_at", &calibrated_at)?;
        map.serialize_field("aligned", &twin.is_aligned(self.now))?;
        map.serialize_field("error", &twin.error())?;
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: &str = "2026-11-19T12:00:00Z";

    fn pro(name: &str, version: &str, minutes_ago: Option<i64>) -> TwinStatus {
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let calibrated_at = minutes_ago.map(|minutes| now - chrono::TimeDelta::minutes(minutes));
        TwinStatus {
            name: name.into(),
            version: version.into(),
            state: State::Running,
            tier: Tier::Pro {
                calibrated_at,
                published: 3,
                awaiting: false,
                stale_after: Duration::from_hours(24),
            },
            url: Some("http://127.0.0.1:9001".into()),
            calibration: 3,
            canary: None,
        }
    }

    fn status(twins: Vec<TwinStatus>) -> Status {
        Status { twins, jobs: vec![], now: NOW.parse().unwrap() }
    }

    fn snapshot(name: &str) -> TwinStatus {
        TwinStatus { tier: Tier::Snapshot, calibration: 0, ..pro(name, "1.0.0", None) }
    }

    #[test]
    fn the_words_are_those_of_the_contract() {
        let aligned =
            status(vec![pro("plaid", "2.0.1", Some(47)), pro("stripe", "0.3.4", Some(125))]);
        insta::assert_snapshot!(aligned, @r"
        2 twins running · drift-aligned · 0 errors
        ✓ plaid v2.0.1 · calibrated 47m ago
        ✓ stripe v0.3.4 · calibrated 2h ago
        ");
    }

    #[test]
    fn a_canary_is_said() {
        let tried = TwinStatus { canary: Some((4, 1_000)), ..pro("stripe", "0.3.4", Some(5)) };
        let said = status(vec![tried]);
        insta::assert_snapshot!(said.to_string().lines().nth(1).unwrap(), @"✓ stripe v0.3.4 · calibrated 5m ago · calibration 4 for 10 % of callers");
        let document = serde_json::to_value(&said).unwrap();
        assert_eq!(document["twins"][0]["canary"]["share_bp"], 1_000);
    }

    #[test]
    fn without_a_pro_twin_nothing_is_said_of_alignment() {
        let frozen = status(vec![snapshot("slack")]);
        insta::assert_snapshot!(frozen, @r"
        1 twin running · 0 errors
        ✓ slack v1.0.0 · frozen snapshot
        ");
        insta::assert_snapshot!(status(vec![]), @"0 twins running · 0 errors");
    }

    #[test]
    fn a_failing_twin_says_why_and_a_stopped_one_has_no_line() {
        let mut gone = pro("github", "1.0.0", Some(0));
        gone.state = State::Down("not running: process 17 ended, see .wt/logs/github.log".into());
        let mut refusing = pro("plaid", "2.0.1", Some(0));
        refusing.state = State::Refusing("refuses calibration 4: it does not apply".into());
        let mut stopped = pro("zoom", "1.0.0", Some(0));
        (stopped.state, stopped.url) = (State::Stopped, None);
        let twins = vec![gone, refusing, snapshot("slack"), pro("stripe", "0.3.4", None), stopped];
        insta::assert_snapshot!(status(twins), @r"
        3 twins running · 0 of 3 drift-aligned · 2 errors
        ✗ github v1.0.0 · not running: process 17 ended, see .wt/logs/github.log
        ✗ plaid v2.0.1 · refuses calibration 4: it does not apply
        ✓ slack v1.0.0 · frozen snapshot
        ✓ stripe v0.3.4 · not yet calibrated
        ");
    }

    #[test]
    fn a_job_that_fails_is_an_error_and_says_why() {
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let mut all = status(vec![pro("stripe", "0.3.4", Some(5))]);
        all.jobs.push(JobFault {
            name: "sample-stripe".into(),
            state: "failed",
            since: now - chrono::TimeDelta::hours(2),
            error: "api.stripe.com cannot be reached: connection refused (exit status 3)".into(),
        });
        insta::assert_snapshot!(all, @r"
        1 twin running · drift-aligned · 1 error
        ✓ stripe v0.3.4 · calibrated 5m ago
        ✗ job sample-stripe · failed 2h ago: api.stripe.com cannot be reached: connection refused (exit status 3)
        ");
    }

    #[test]
    fn a_twin_is_aligned_by_what_it_serves_what_waits_and_when_it_was_last_compared() {
        let of = |change: fn(&mut TwinStatus)| {
            let mut twin = pro("stripe", "0.3.4", Some(5));
            change(&mut twin);
            status(vec![twin]).to_string().lines().next().unwrap().to_owned()
        };
        let yes = "1 twin running · drift-aligned · 0 errors";
        let no = "1 twin running · 0 of 1 drift-aligned · 0 errors";
        assert_eq!(of(|_| {}), yes);
        assert_eq!(of(|twin| twin.calibration = 2), no);
        let day_old = |twin: &mut TwinStatus| {
            let Tier::Pro { calibrated_at: Some(at), .. } = &mut twin.tier else { panic!() };
            *at -= chrono::TimeDelta::hours(25);
        };
        assert_eq!(of(day_old), no);
        let stale_soon = |twin: &mut TwinStatus| {
            let Tier::Pro { stale_after, .. } = &mut twin.tier else { panic!() };
            *stale_after = Duration::from_mins(5);
        };
        assert_eq!(of(stale_soon), no, "its run has just that age");
        let waiting = |twin: &mut TwinStatus| {
            let Tier::Pro { awaiting, .. } = &mut twin.tier else { panic!() };
            *awaiting = true;
        };
        assert_eq!(of(waiting), no);
    }

    #[test]
    fn the_document_has_the_members_of_the_contract() {
        let mut gone = pro("github", "1.0.0", Some(0));
        gone.state = State::Down("not running".into());
        let all = status(vec![gone, snapshot("slack")]);
        insta::assert_json_snapshot!(all, @r#"
        {
          "twins": [
            {
              "name": "github",
              "version": "1.0.0",
              "state": "failing",
              "tier": "pro",
              "url": "http://127.0.0.1:9001",
              "calibration": 3,
              "calibrated_at": "2026-11-19T12:00:00Z",
              "aligned": false,
              "error": "not running"
            },
            {
              "name": "slack",
              "version": "1.0.0",
              "state": "running",
              "tier": "snapshot",
              "url": "http://127.0.0.1:9001",
              "calibration": 0,
              "calibrated_at": null,
              "aligned": null,
              "error": null
            }
          ],
          "aligned": false,
          "errors": 1,
          "jobs": []
        }
        "#);
    }
}
