use std::collections::BTreeMap;

use chrono::Duration;

use super::*;

/// How long a run takes and how it ends.
type Work = Box<dyn FnMut(&Run) -> (Duration, Ending)>;

/// Works through a span of simulated time; each job's work takes as long as it says.
struct Simulation {
    engine: Engine,
    jobs: Jobs,
    now: DateTime<Utc>,
    /// When each run that goes on ends, and how.
    going: BTreeMap<RunId, (DateTime<Utc>, Ending)>,
    work: Work,
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

impl Simulation {
    fn new(toml: &str, work: impl FnMut(&Run) -> (Duration, Ending) + 'static) -> Self {
        let ledger = Ledger::in_memory().unwrap();
        let jobs = Jobs::read(toml);
        let engine = Engine::new(ledger, Beginning::Next, 8);
        let (now, going) = (at("2026-11-01T00:00:00Z"), BTreeMap::new());
        Self { engine, jobs, now, going, work: Box::new(work) }
    }

    fn well(toml: &str) -> Self {
        Self::new(toml, |_| (Duration::seconds(5), Ending::Succeeded))
    }

    /// From event to event, as the daemon does.
    fn run_until(&mut self, end: DateTime<Utc>) {
        while self.now <= end {
            let over: Vec<_> = self
                .going
                .iter()
                .filter(|(_, (at, _))| *at <= self.now)
                .map(|(id, _)| *id)
                .collect();
            for id in over {
                let (_, ending) = self.going.remove(&id).unwrap();
                self.engine.ended(&self.jobs, id, ending, self.now);
            }
            for order in self.engine.tick(&self.jobs, self.now).unwrap() {
                match order {
                    Order::Start(run, _) => {
                        let (takes, ending) = (self.work)(&run);
                        self.going.insert(run.id, (self.now + takes, ending));
                    }
                    Order::Stop(id, why) => {
                        self.going.insert(id, (self.now, Ending::Cancelled(why)));
                    }
                }
            }
            let due = self.engine.next_due(&self.jobs, self.now).unwrap();
            let ends =
                self.going.values().map(|(at, _)| (*at).max(self.now + Duration::milliseconds(1)));
            let Some(next) = due.into_iter().chain(ends).min() else { break };
            self.now = next;
        }
        self.now = end;
    }

    /// The daemon is gone until then.
    fn down_until(&mut self, end: DateTime<Utc>) {
        self.now = end;
        self.going.clear();
        self.engine.latest = None;
        self.engine.recover(&self.jobs, end, |_| true).unwrap();
    }

    fn history(&self) -> String {
        let mut runs = self.engine.ledger().history(None, 100).unwrap();
        runs.reverse();
        let line = |run: &Run| {
            let why = run.state.reason().map(|why| format!(" ({why})")).unwrap_or_default();
            let when = run.scheduled_at.format("%d %H:%M");
            format!(
                "{when} {} {} #{} {}{why}",
                run.job,
                run.cause.name(),
                run.attempt,
                run.state.name()
            )
        };
        runs.iter().map(line).collect::<Vec<_>>().join("\n")
    }
}

fn job(schedule: &str, more: &str) -> String {
    format!("[jobs.a]\nkind = 'calibrate'\ntwin = 'x'\nschedule = '{schedule}'\n{more}\n")
}

#[test]
fn a_month_runs_each_instant_once() {
    let toml = job("17 * * * *", "")
        + "[jobs.b]\nkind = 'command'\nargv = ['x']\nschedule = '*/10 * * * *'\njitter = '3m'";
    let mut month = Simulation::well(&toml);
    month.run_until(at("2026-12-01T00:00:00Z"));
    let counts = month.engine.ledger().counts().unwrap();
    let done = |job: &str| counts.iter().find(|c| c.0 == job && c.1 == "succeeded").unwrap().2;
    // The last of b waits for its jitter.
    assert_eq!((done("a"), done("b")), (720, 30 * 144 - 1));
}

#[test]
fn a_run_that_is_due_while_one_goes_on_is_skipped_queued_or_takes_its_place() {
    let run = |overlap: &str| {
        let toml = job("0 * * * *", &format!("overlap = '{overlap}'"));
        let mut long = true;
        let mut day = Simulation::new(&toml, move |_| {
            let takes = if std::mem::take(&mut long) { 150 } else { 5 };
            (Duration::minutes(takes), Ending::Succeeded)
        });
        day.run_until(at("2026-11-01T04:30:00Z"));
        day.history()
    };
    insta::assert_snapshot!(run("skip"), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a schedule #1 skipped (the run of 2026-11-01 01:00 still went on)
    01 03:00 a schedule #1 skipped (the run of 2026-11-01 01:00 still went on)
    01 04:00 a schedule #1 succeeded
    "#);
    insta::assert_snapshot!(run("queue"), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a schedule #1 succeeded
    01 03:00 a schedule #1 succeeded
    01 04:00 a schedule #1 succeeded
    "#);
    insta::assert_snapshot!(run("replace"), @r#"
    01 01:00 a schedule #1 cancelled (replaced by the run of 2026-11-01 02:00 UTC)
    01 02:00 a schedule #1 succeeded
    01 03:00 a schedule #1 succeeded
    01 04:00 a schedule #1 succeeded
    "#);
}

#[test]
fn what_was_missed_is_caught_up_with_as_the_job_says() {
    let run = |policy: &str| {
        let mut day = Simulation::well(&job("0 * * * *", policy));
        day.run_until(at("2026-11-01T01:30:00Z"));
        day.down_until(at("2026-11-01T05:30:00Z"));
        day.run_until(at("2026-11-01T06:30:00Z"));
        day.history()
    };
    insta::assert_snapshot!(run("catch_up = 'none'"), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a catch-up #1 skipped (was due while no daemon ran)
    01 03:00 a catch-up #1 skipped (was due while no daemon ran)
    01 04:00 a catch-up #1 skipped (was due while no daemon ran)
    01 05:00 a catch-up #1 skipped (was due while no daemon ran)
    01 06:00 a schedule #1 succeeded
    "#);
    insta::assert_snapshot!(run("catch_up = 'one'"), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a catch-up #1 skipped (was due while no daemon ran)
    01 03:00 a catch-up #1 skipped (was due while no daemon ran)
    01 04:00 a catch-up #1 skipped (was due while no daemon ran)
    01 05:00 a catch-up #1 succeeded
    01 06:00 a schedule #1 succeeded
    "#);
    insta::assert_snapshot!(run("catch_up = 'all'"), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a catch-up #1 succeeded
    01 03:00 a catch-up #1 succeeded
    01 04:00 a catch-up #1 succeeded
    01 05:00 a catch-up #1 succeeded
    01 06:00 a schedule #1 succeeded
    "#);
    insta::assert_snapshot!(run("catch_up = 'all'\ncatch_up_max = 2"), @r#"
    01 01:00 a schedule #1 succeeded
    01 03:00 a catch-up #1 skipped (was due while no daemon ran, as all runs before it since 2026-11-01 01:00)
    01 04:00 a catch-up #1 succeeded
    01 05:00 a catch-up #1 succeeded
    01 06:00 a schedule #1 succeeded
    "#);
}

#[test]
fn a_failed_run_is_tried_again_with_growing_waits() {
    let mut day = Simulation::new(&job("0 12 * * *", "retries = 3\nbackoff = '10m'"), |run| {
        let failed =
            Ending::Failed { reason: format!("vendor down {}", run.attempt), lasting: false };
        (Duration::zero(), if run.attempt < 4 { failed } else { Ending::Succeeded })
    });
    day.run_until(at("2026-11-01T23:00:00Z"));
    insta::assert_snapshot!(day.history(), @"01 12:00 a schedule #4 succeeded");
    let attempts = day.engine.ledger().attempts(RunId(1)).unwrap();
    let told: Vec<_> = attempts
        .iter()
        .map(|one| (one.ended_at.format("%H:%M").to_string(), one.reason.clone().unwrap()))
        .collect();
    let expected =
        [("12:00", "vendor down 1"), ("12:10", "vendor down 2"), ("12:30", "vendor down 3")];
    assert_eq!(told, expected.map(|(at, why)| (at.to_owned(), why.to_owned())));
}

#[test]
fn what_would_fail_the_same_way_is_not_tried_again() {
    let mut day = Simulation::new(&job("0 12 * * *", ""), |_| {
        (Duration::zero(), Ending::Failed { reason: "no twin `x`".into(), lasting: true })
    });
    day.run_until(at("2026-11-01T23:00:00Z"));
    insta::assert_snapshot!(day.history(), @"01 12:00 a schedule #1 failed (no twin `x`)");
}

#[test]
fn a_run_the_daemon_died_in_is_tried_again_and_abandoned_in_the_end() {
    let mut day = Simulation::new(&job("0 * * * *", "retries = 1\nbackoff = '1m'"), |_| {
        (Duration::hours(9), Ending::Succeeded)
    });
    day.run_until(at("2026-11-01T01:10:00Z"));
    day.down_until(at("2026-11-01T01:11:00Z"));
    day.run_until(at("2026-11-01T01:20:00Z"));
    day.down_until(at("2026-11-01T01:21:00Z"));
    insta::assert_snapshot!(day.history(), @"01 01:00 a schedule #2 abandoned (the daemon ended without waiting for it)");
}

#[test]
fn a_clock_that_goes_back_is_told_and_repeats_nothing() {
    let mut day = Simulation::well(&job("0 * * * *", ""));
    day.run_until(at("2026-11-01T05:30:00Z"));
    day.now = at("2026-11-01T02:30:00Z");
    day.run_until(at("2026-11-01T03:10:00Z"));
    let troubles = day.engine.ledger().troubles().unwrap();
    insta::assert_snapshot!(troubles[0].text, @"the clock went back by 150 min, from 2026-11-01 05:00 to 2026-11-01 02:30: what ran is not run again");
    day.run_until(at("2026-11-01T07:30:00Z"));
    assert_eq!(day.engine.ledger().troubles().unwrap(), []);
    insta::assert_snapshot!(day.history(), @r#"
    01 01:00 a schedule #1 succeeded
    01 02:00 a schedule #1 succeeded
    01 03:00 a schedule #1 succeeded
    01 04:00 a schedule #1 succeeded
    01 05:00 a schedule #1 succeeded
    01 02:30 daemon config #1 skipped (the clock went back by 150 min, from 2026-11-01 05:00 to 2026-11-01 02:30: what ran is not run again)
    01 06:00 a schedule #1 succeeded
    01 07:00 a schedule #1 succeeded
    "#);
}

#[test]
fn a_job_that_cannot_be_read_fails_once_and_others_go_on() {
    let toml = job("0 * * * *", "") + "[jobs.b]\nkind = 'bake'\nschedule = '@daily'";
    let mut day = Simulation::well(&toml);
    day.run_until(at("2026-11-01T02:30:00Z"));
    insta::assert_snapshot!(day.history(), @r#"
    01 00:00 b config #1 failed (jobs.toml, line 7, `jobs.b.kind`: `bake` is no kind: write one of `sample`, `calibrate`, `report`, `compact`, `expire`, `freeze`, `notify`, `command`)
    01 01:00 a schedule #1 succeeded
    01 02:00 a schedule #1 succeeded
    "#);
}

#[test]
fn a_full_disk_stops_no_daemon_and_loses_no_end() {
    let mut day = Simulation::well(&job("0 * * * *", ""));
    day.run_until(at("2026-11-01T01:00:00Z"));
    let id = *day.going.keys().next().unwrap();
    day.engine.ledger().limit(true).unwrap();
    // Fill what is left of the file's pages.
    while day.engine.ledger_mut().add("filler", "x", Cause::Manual, day.now, None).is_ok() {}
    let fault = day.engine.tick(&day.jobs, at("2026-11-01T02:00:00Z")).unwrap_err();
    assert!(format!("{:?}", fault.source).contains("DiskFull"), "{fault:?}");
    let reason = "x".repeat(10_000);
    let failed = Ending::Failed { reason: reason.clone(), lasting: true };
    assert_eq!(day.engine.ended(&day.jobs, id, failed, day.now), None);
    assert!(!day.engine.is_idle().unwrap());

    day.engine.ledger().limit(false).unwrap();
    day.engine.tick(&day.jobs, at("2026-11-01T02:00:00Z")).unwrap();
    let run = day.engine.ledger().run(id).unwrap().unwrap();
    assert_eq!(run.state.reason(), Some(reason.as_str()));
}

#[test]
fn a_job_that_is_gone_does_not_start() {
    let mut day = Simulation::well(&job("0 * * * *", "jitter = '50m'"));
    day.run_until(at("2026-11-01T01:00:00Z"));
    day.jobs = Jobs::default();
    day.run_until(at("2026-11-01T03:00:00Z"));
    insta::assert_snapshot!(day.history(), @"01 01:00 a schedule #1 skipped (the job is no longer in jobs.toml)");
}
