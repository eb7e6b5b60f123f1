//! What happens when: from jobs, ledger and the time to orders. The clock is an argument.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};

use crate::config::{CatchUp, Job, Jobs, Overlap};
use crate::ledger::{Cause, Ending, Fate, Ledger, LedgerError, Planned, Run, RunId, State, Took};
use crate::plan;

/// By how much the clock may go back without a word: what time servers correct.
const SET_BACK_MAX: TimeDelta = TimeDelta::seconds(60);
/// How long it is told that the clock went back.
const SET_BACK_TOLD: TimeDelta = TimeDelta::hours(1);

/// What is to be done with a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Do its work. The ledger says that it runs.
    Start(Run, Box<Job>),
    /// End it, and why.
    Stop(RunId, String),
}

/// How jobs that were never seen begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beginning {
    /// With the next time they are due.
    Next,
    /// With the last time they were: a run of `--once` is the only one there may be.
    Last,
}

/// Decides over runs; what it decided is in the ledger.
#[derive(Debug)]
pub struct Engine {
    ledger: Ledger,
    beginning: Beginning,
    /// Runs side by side.
    parallel: usize,
    /// The latest time told.
    latest: Option<DateTime<Utc>>,
    /// Asked to end, and not ended yet.
    stopping: BTreeSet<RunId>,
    /// Runs whose end the ledger did not take, to be told again.
    untold: Vec<(RunId, Ending, DateTime<Utc>)>,
}

impl Engine {
    /// Nothing is due before the first tick.
    pub fn new(ledger: Ledger, beginning: Beginning, parallel: usize) -> Self {
        let parallel = parallel.max(1);
        let (latest, stopping, untold) = (None, BTreeSet::new(), Vec::new());
        Self { ledger, beginning, parallel, latest, stopping, untold }
    }

    /// The run ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// The run ledger, to write to.
    pub fn ledger_mut(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// Runs that the last daemon left running: it died. They wait for another attempt or are
    /// abandoned. `is_over` says whether a run's process is gone.
    ///
    /// # Errors
    ///
    /// Where the ledger refuses; so of all below.
    pub fn recover(
        &mut self,
        jobs: &Jobs,
        now: DateTime<Utc>,
        mut is_over: impl FnMut(&Run) -> bool,
    ) -> Result<Vec<Run>, LedgerError> {
        let mut recovered = Vec::new();
        for run in self.ledger.open_runs()? {
            if matches!(run.state, State::Running { .. }) && is_over(&run) {
                let why = "the daemon ended without waiting for it".to_owned();
                self.finish(jobs, &run, Ending::Abandoned(why), now)?;
                recovered.push(run);
            }
        }
        Ok(recovered)
    }

    /// What is to be done now.
    #[expect(clippy::missing_errors_doc, reason = "as recover")]
    pub fn tick(&mut self, jobs: &Jobs, now: DateTime<Utc>) -> Result<Vec<Order>, LedgerError> {
        self.tell_again(jobs)?;
        self.mind_the_clock(now)?;
        self.mind_the_faults(jobs, now)?;
        for job in jobs.jobs.values().filter(|job| job.manner.enabled) {
            self.plan(job, now)?;
        }
        self.dispatch(jobs, now)
    }

    /// When the next tick brings something, if nobody asks for a run before.
    #[expect(clippy::missing_errors_doc, reason = "as recover")]
    pub fn next_due(
        &self,
        jobs: &Jobs,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, LedgerError> {
        let jobs = jobs.jobs.values().filter(|job| job.manner.enabled);
        let scheduled = jobs.filter_map(|job| job.schedule.next_after(now)).min();
        let open = self.ledger.open_runs()?;
        let waiting = open.iter().filter_map(|run| match run.state {
            State::Scheduled { not_before } if not_before > now => Some(not_before),
            _ => None,
        });
        Ok(scheduled.into_iter().chain(waiting).min())
    }

    /// Whether a run waits or goes on.
    #[expect(clippy::missing_errors_doc, reason = "as recover")]
    pub fn is_idle(&self) -> Result<bool, LedgerError> {
        Ok(self.untold.is_empty() && self.ledger.open_runs()?.is_empty())
    }

    /// Takes down how an attempt ended, and what becomes of the run.
    ///
    /// Where the ledger refuses, the end is kept and told again with the next tick.
    pub fn ended(
        &mut self,
        jobs: &Jobs,
        id: RunId,
        ending: Ending,
        now: DateTime<Utc>,
    ) -> Option<State> {
        self.stopping.remove(&id);
        let told = match self.ledger.run(id) {
            Ok(Some(run)) => self.finish(jobs, &run, ending.clone(), now).map(Some),
            Ok(None) => Ok(None),
            Err(fault) => Err(fault),
        };
        told.unwrap_or_else(|fault| {
            tracing::error!(
                fault = &fault as &dyn std::error::Error,
                run = id.0,
                "its end is kept"
            );
            self.untold.push((id, ending, now));
            None
        })
    }

    fn tell_again(&mut self, jobs: &Jobs) -> Result<(), LedgerError> {
        while let Some((id, ending, at)) = self.untold.first().cloned() {
            if let Some(run) = self.ledger.run(id)? {
                self.finish(jobs, &run, ending, at)?;
            }
            self.untold.remove(0);
        }
        Ok(())
    }

    fn finish(
        &mut self,
        jobs: &Jobs,
        run: &Run,
        ending: Ending,
        now: DateTime<Utc>,
    ) -> Result<State, LedgerError> {
        let job = jobs.jobs.get(&run.job).filter(|job| run.attempt <= job.manner.retries);
        let again = job.filter(|_| ending.is_worth_another());
        let again_at = again.map(|job| now + plan::backoff(job, run.attempt));
        self.ledger.end(run, ending, now, again_at)
    }

    fn mind_the_clock(&mut self, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let latest = match self.latest {
            Some(latest) => Some(latest),
            None => self.ledger.farthest()?,
        };
        if let Some(latest) = latest.filter(|latest| *latest - now > SET_BACK_MAX) {
            let minutes = (latest - now).num_minutes();
            let text = format!(
                "the clock went back by {minutes} min, from {} to {}: what ran is not run again",
                latest.format("%F %H:%M"),
                now.format("%F %H:%M")
            );
            self.ledger.set_back(now)?;
            self.ledger.set_trouble("clock", &text, now)?;
            let skipped = State::Skipped(now, text);
            self.ledger.add("daemon", "clock", Cause::Config, now, Some(&skipped))?;
            self.latest = Some(now);
        } else {
            self.latest = Some(latest.map_or(now, |latest| latest.max(now)));
        }
        let troubles = self.ledger.troubles()?;
        let old =
            troubles.iter().find(|one| one.subject == "clock" && now - one.since > SET_BACK_TOLD);
        if old.is_some() {
            self.ledger.clear_trouble("clock")?;
        }
        Ok(())
    }

    /// Jobs that cannot be read have a run that says so, and the rest of the file is a trouble.
    fn mind_the_faults(&mut self, jobs: &Jobs, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let troubles = self.ledger.troubles()?;
        let told =
            troubles.iter().find(|one| one.subject == "jobs.toml").map(|one| one.text.clone());
        let others: Vec<_> = jobs.faults.iter().filter(|fault| fault.job().is_none()).collect();
        let text = others.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
        match (&told, text.is_empty()) {
            (Some(_), true) => self.ledger.clear_trouble("jobs.toml")?,
            (told, false) if told.as_ref() != Some(&text) => {
                self.ledger.set_trouble("jobs.toml", &text, now)?;
            }
            _ => {}
        }
        for fault in &jobs.faults {
            let Some(job) = fault.job() else { continue };
            let text = format!("jobs.toml, {fault}");
            let last = self.ledger.history(Some(job), 1)?.pop();
            if last.is_some_and(|run| run.state.reason() == Some(&text)) {
                continue;
            }
            let failed = State::Failed(Took { started_at: None, ended_at: now }, text);
            self.ledger.add(job, "unknown", Cause::Config, now, Some(&failed))?;
        }
        Ok(())
    }

    fn plan(&mut self, job: &Job, now: DateTime<Utc>) -> Result<(), LedgerError> {
        let kind = job.task.kind();
        let planned = match (self.ledger.cursor(&job.name)?, self.beginning) {
            (Some(after), _) => {
                let due = plan::due(job, after, now);
                if due.is_empty() {
                    return Ok(());
                }
                due
            }
            (None, Beginning::Next) => Vec::new(),
            (None, Beginning::Last) => {
                let fate = Fate::Starts(now);
                vec![Planned { scheduled_at: now, cause: Cause::CatchUp, fate }]
            }
        };
        self.ledger.plan(&job.name, kind, &planned, now)
    }

    fn dispatch(&mut self, jobs: &Jobs, now: DateTime<Utc>) -> Result<Vec<Order>, LedgerError> {
        let open = self.ledger.open_runs()?;
        let mut running = open.iter().filter(|r| matches!(r.state, State::Running { .. })).count();
        let mut by_job: BTreeMap<&str, Vec<&Run>> = BTreeMap::new();
        for run in &open {
            by_job.entry(&run.job).or_default().push(run);
        }
        let mut orders = Vec::new();
        for (name, runs) in by_job {
            let Some(job) = jobs.jobs.get(name) else {
                self.drop_waiting(jobs, name, &runs, now)?;
                continue;
            };
            let Some(next) = self.choose(job, &runs, now, &mut orders)? else { continue };
            if running >= self.parallel {
                continue;
            }
            if self.ledger.start(next.id, now)? {
                running += 1;
                let state = State::Running { since: now, pid: None };
                orders.push(Order::Start(Run { state, ..next.clone() }, Box::new(job.clone())));
            }
        }
        Ok(orders)
    }

    /// Runs of a job that is gone do not start. Of one that cannot be read, they wait until it can.
    fn drop_waiting(
        &mut self,
        jobs: &Jobs,
        name: &str,
        runs: &[&Run],
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        if jobs.faults.iter().any(|fault| fault.job().is_none_or(|job| job == name)) {
            return Ok(());
        }
        for run in runs {
            self.ledger.skip(run.id, "the job is no longer in jobs.toml", now)?;
        }
        Ok(())
    }

    /// The run of a job that may start now; what overlaps is dealt with.
    fn choose<'r>(
        &mut self,
        job: &Job,
        runs: &[&'r Run],
        now: DateTime<Utc>,
        orders: &mut Vec<Order>,
    ) -> Result<Option<&'r Run>, LedgerError> {
        let is_due =
            |run: &&Run| matches!(run.state, State::Scheduled { not_before } if not_before <= now);
        // One that waits for another attempt goes on, too.
        let is_begun = |run: &&Run| matches!(run.state, State::Running { .. }) || run.attempt > 1;
        let begun = runs.iter().copied().find(is_begun);
        let mut waiting: Vec<&Run> =
            runs.iter().copied().filter(|run| is_due(run) && !is_begun(run)).collect();
        if let Some(begun) = begun {
            match job.manner.overlap {
                Overlap::Skip => {
                    let why = format!(
                        "the run of {} still went on",
                        begun.scheduled_at.with_timezone(&job.schedule.zone).format("%F %H:%M")
                    );
                    for run in waiting.iter().filter(|run| run.cause == Cause::Schedule) {
                        self.ledger.skip(run.id, &why, now)?;
                    }
                }
                Overlap::Queue => {}
                Overlap::Replace => {
                    if let Some(by) = waiting.last() {
                        self.replace(begun, by, now, orders)?;
                    }
                }
            }
            self.shorten(job, &mut waiting, now)?;
            return Ok(Some(begun).filter(is_due));
        }
        if job.manner.overlap == Overlap::Replace && job.manner.catch_up != CatchUp::All {
            while waiting.len() > 1 {
                self.ledger.skip(waiting.remove(0).id, "a later run took its place", now)?;
            }
        }
        Ok(waiting.first().copied())
    }

    fn replace(
        &mut self,
        begun: &Run,
        by: &Run,
        now: DateTime<Utc>,
        orders: &mut Vec<Order>,
    ) -> Result<(), LedgerError> {
        let why = format!("replaced by the run of {} UTC", by.scheduled_at.format("%F %H:%M"));
        match begun.state {
            State::Running { .. } => {
                if self.stopping.insert(begun.id) {
                    orders.push(Order::Stop(begun.id, why));
                }
                Ok(())
            }
            _ => self.ledger.skip(begun.id, &why, now),
        }
    }

    /// Keeps a queue from growing for ever.
    fn shorten(
        &mut self,
        job: &Job,
        waiting: &mut Vec<&Run>,
        now: DateTime<Utc>,
    ) -> Result<(), LedgerError> {
        let most = job.manner.catch_up_max.max(1) as usize;
        while job.manner.overlap == Overlap::Queue && waiting.len() > most {
            let why = format!("more than {most} runs waited");
            self.ledger.skip(waiting.remove(0).id, &why, now)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
