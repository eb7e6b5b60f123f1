//! The daemon: asks the engine what is due, has the work done, and tells how it went.

mod events;
mod runner;
mod setup;

use std::collections::BTreeMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

use crate::config::{Jobs, Length};
use crate::engine::{Beginning, Engine, Order};
use crate::ledger::{Cause, Ending, Ledger, LedgerError, Run, RunId, State};
use crate::lock::{Lock, LockError};
use crate::notify::Sender;
use crate::process::Place;

pub use runner::Runner;
pub use setup::{Clock, Setup};

/// Between looks at what is to be told, and at what waits for nothing known.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Why the daemon could not begin.
#[derive(Debug, thiserror::Error)]
pub enum DaemonError {
    /// Another runs.
    #[error("process {pid} runs this project's jobs already")]
    Runs {
        /// Which.
        pid: String,
    },
    /// The runner's lock cannot be made.
    #[error(transparent)]
    Lock(LockError),
    /// The ledger cannot be opened.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// How long a daemon lives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Life {
    /// Until it is asked to end.
    UntilStopped,
    /// Until all that is due is done.
    Once,
    /// Until a time, and what goes on then has ended.
    Until(DateTime<Utc>),
    /// Until one run is done, that somebody asked for.
    For(RunId),
}

/// What a daemon did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// Runs that came to an end, as they ended.
    pub ended: Vec<Run>,
}

/// Does the work of a project's jobs. The one that holds the project's lock.
#[derive(Debug)]
pub struct Daemon {
    setup: Setup,
    engine: Engine,
    jobs: Jobs,
    /// The text the jobs were read from.
    text: Option<String>,
    place: Place,
    tasks: JoinSet<(RunId, Ending)>,
    stops: BTreeMap<RunId, oneshot::Sender<String>>,
    sender: Sender,
    summary: Summary,
    /// What the ledger refuses for, and since when; others read it in the lock.
    fault: Option<(String, DateTime<Utc>)>,
    lock: Lock,
}

impl Daemon {
    /// Takes the lock and the ledger, and sees to what the last daemon left.
    ///
    /// # Errors
    ///
    /// Where another daemon runs, or the ledger cannot be opened.
    pub fn open(setup: Setup, life: Life) -> Result<Self, DaemonError> {
        let lock = Lock::take(&setup.lock(), &std::process::id().to_string());
        let lock = lock.map_err(|refused| match refused {
            LockError::Held { holder, .. } => DaemonError::Runs { pid: Runner::of(&holder).pid },
            fault @ LockError::Io { .. } => DaemonError::Lock(fault),
        })?;
        let ledger = Ledger::open(&setup.ledger())?;
        let sender = Sender::new(setup.ledger());
        let beginning = match life {
            Life::UntilStopped | Life::Until(_) => Beginning::Next,
            Life::Once | Life::For(_) => Beginning::Last,
        };
        let place = setup.place();
        let (text, jobs) = setup.read_jobs();
        let engine = Engine::new(ledger, beginning, jobs.daemon.parallel.get() as usize);
        let (tasks, stops, summary) = (JoinSet::new(), BTreeMap::new(), Summary::default());
        let fault = None;
        Ok(Self { setup, engine, jobs, text, place, tasks, stops, sender, summary, fault, lock })
    }

    /// What `jobs.toml` says.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// Runs jobs for as long as it lives. What cannot be read, run or told stops nothing else.
    pub async fn run(mut self, life: Life, mut stop: watch::Receiver<bool>) -> Summary {
        let mut telling = self.setup.clock.now();
        loop {
            let now = self.setup.clock.now();
            self.reload();
            self.recover(now);
            let wait = if life.is_over(&self.summary) { None } else { self.step(life, now) };
            let Some(wait) = wait else { break };
            if now >= telling {
                self.sender.send_due(&self.jobs.channels, now);
                telling = now + LOOK_EVERY;
            }
            let is_busy = !self.tasks.is_empty();
            tokio::select! {
                Some(ended) = self.tasks.join_next() => self.ended(ended),
                () = self.setup.clock.wait(wait, is_busy) => {}
                _ = stop.wait_for(|stop| *stop) => break,
            }
        }
        self.drain().await;
        self.sender.finish(&self.jobs.channels, self.setup.clock.now()).await;
        self.summary
    }

    /// What is due now; how long to wait for more, and nothing where there will be none.
    fn step(&mut self, life: Life, now: DateTime<Utc>) -> Option<Duration> {
        let jobs = match life {
            // Only what was asked for: the schedule is the daemon's.
            Life::For(_) => self.jobs.without_schedules(),
            Life::UntilStopped | Life::Once | Life::Until(_) => self.jobs.clone(),
        };
        match self.engine.tick(&jobs, now) {
            Ok(orders) => {
                self.mend(now);
                for order in orders {
                    self.obey(order);
                }
            }
            Err(fault) => self.tell_fault(&fault),
        }
        let is_over = match life {
            Life::Until(end) => now >= end,
            Life::Once => self.engine.is_idle().unwrap_or(true),
            Life::UntilStopped | Life::For(_) => false,
        };
        if is_over && self.tasks.is_empty() {
            return None;
        }
        let next = self.engine.next_due(&jobs, now).ok().flatten();
        let wait = next.map(|next| (next - now).to_std().unwrap_or_default());
        let left = match life {
            Life::Until(end) => (end - now).to_std().unwrap_or_default(),
            Life::UntilStopped | Life::Once | Life::For(_) => Duration::MAX,
        };
        let most = self.setup.clock.look_every().unwrap_or(Duration::MAX).min(left);
        let most = most.max(Duration::from_millis(5));
        Some(wait.unwrap_or(LOOK_EVERY).clamp(Duration::from_millis(5), most))
    }

    fn reload(&mut self) {
        let text = self.setup.text();
        if text.is_some() && text != self.text {
            (self.text, self.jobs) = self.setup.read_jobs();
        }
    }

    fn recover(&mut self, now: DateTime<Utc>) {
        let (place, stops) = (&self.place, &self.stops);
        let recovered = self.engine.recover(&self.jobs, now, |run| {
            let State::Running { pid, .. } = run.state else { return false };
            !stops.contains_key(&run.id) && place.is_over(run.id, run.attempt, pid)
        });
        match recovered {
            Ok(runs) => runs.iter().for_each(|run| self.tell(run.id)),
            Err(fault) => self.tell_fault(&fault),
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Stop(id, why) => {
                if let Some(stop) = self.stops.remove(&id) {
                    let _ended_by_itself = stop.send(why);
                    // Known to be ours until its end is told.
                    self.stops.insert(id, oneshot::channel().0);
                }
            }
            Order::Start(run, job) => {
                let (stop, stopped) = oneshot::channel();
                self.stops.insert(run.id, stop);
                let timeout = job.manner.timeout.0;
                match self.place.start(&run, &job.task.program()) {
                    Ok(work) => {
                        if let Err(fault) = self.engine.ledger_mut().set_pid(run.id, work.pid()) {
                            self.tell_fault(&fault);
                        }
                        let id = run.id;
                        self.tasks.spawn(async move { (id, work.end(timeout, stopped).await) });
                    }
                    Err(ending) => self.over(run.id, ending),
                }
            }
        }
    }

    fn ended(&mut self, ended: Result<(RunId, Ending), tokio::task::JoinError>) {
        match ended {
            Ok((id, ending)) => self.over(id, ending),
            Err(fault) => tracing::error!(%fault, "waiting for a run failed"),
        }
    }

    fn over(&mut self, id: RunId, ending: Ending) {
        let now = self.setup.clock.now();
        let why = ending.reason().unwrap_or_default().to_owned();
        if let Some(State::Scheduled { not_before }) =
            self.engine.ended(&self.jobs, id, ending, now)
        {
            let again = not_before.format("%F %H:%M:%S UTC");
            tracing::warn!(run = id.0, "an attempt failed, the next is at {again}: {why}");
        }
        self.stops.remove(&id);
        self.tell(id);
    }

    /// Notes what there is to tell of a run that may have ended.
    fn tell(&mut self, id: RunId) {
        let now = self.setup.clock.now();
        let Ok(Some(run)) = self.engine.ledger().run(id) else { return };
        if run.state.ended_at().is_none() {
            return;
        }
        let told = events::of(&run, &self.jobs, self.engine.ledger(), &self.place)
            .and_then(|notices| self.engine.ledger_mut().add_notices(&notices, now));
        if let Err(fault) = told {
            self.tell_fault(&fault);
        }
        self.summary.ended.push(run);
    }

    /// Takes down, once it can be, for how long the ledger took nothing.
    fn mend(&mut self, now: DateTime<Utc>) {
        let Some((text, since)) = self.fault.take() else { return };
        let told = format!("nothing was taken down since {}: {text}", since.format("%F %H:%M:%S"));
        let state = State::Skipped(now, told);
        let ledger = self.engine.ledger_mut();
        if ledger.add("daemon", "ledger", Cause::Config, now, Some(&state)).is_err() {
            // Told when it began.
            self.fault = Some((text, since));
        }
        self.say();
    }

    fn tell_fault(&mut self, fault: &LedgerError) {
        let text = format!("{fault}: {}", fault.source);
        let now = self.setup.clock.now();
        let since = self.fault.as_ref().map_or(now, |(_, since)| *since);
        if self.fault.as_ref().is_none_or(|(told, _)| *told != text) {
            tracing::error!("{text}; the daemon goes on and tries again");
            self.fault = Some((text, since));
            self.say();
        }
    }

    /// Says in the lock who runs and what the ledger refuses for: nothing else is left to say it in.
    fn say(&self) {
        let fault = self.fault.as_ref().map(|(text, _)| text.clone());
        let runner = Runner { pid: std::process::id().to_string(), fault };
        if let Err(fault) = self.lock.say(&runner.to_string()) {
            tracing::error!(%fault, "the lock cannot be written");
        }
    }

    /// Waits for what goes on, and ends it when that takes too long.
    async fn drain(&mut self) {
        let Length(most) = self.jobs.daemon.drain;
        let deadline = tokio::time::Instant::now() + most;
        while let Ok(Some(ended)) = tokio::time::timeout_at(deadline, self.tasks.join_next()).await
        {
            self.ended(ended);
        }
        for (_, stop) in std::mem::take(&mut self.stops) {
            let _ended_by_itself = stop.send("the daemon was asked to end".to_owned());
        }
        while let Some(ended) = self.tasks.join_next().await {
            self.ended(ended);
        }
    }
}

impl Life {
    fn is_over(self, summary: &Summary) -> bool {
        matches!(self, Self::For(id) if summary.ended.iter().any(|run| run.id == id))
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;

    #[tokio::test]
    async fn what_the_ledger_refuses_for_is_read_in_the_lock_while_it_lasts() {
        let folder = tempfile::tempdir().unwrap();
        let jobs = "[jobs.a]\nkind = 'command'\nargv = ['true']\nschedule = '* * * * *'\n";
        std::fs::write(folder.path().join("jobs.toml"), jobs).unwrap();
        let mut now: DateTime<Utc> = "2026-11-26T08:00:00Z".parse().unwrap();
        let setup = Setup {
            project: folder.path().to_owned(),
            own: folder.path().join(".wt"),
            wt: "wt".into(),
            clock: Clock::simulated(now),
        };
        assert_eq!(Runner::present(&setup.lock()), None);
        let mut daemon = Daemon::open(setup.clone(), Life::UntilStopped).unwrap();
        let second = Daemon::open(setup.clone(), Life::Once).unwrap_err().to_string();
        let pid = std::process::id();
        assert_eq!(second, format!("process {pid} runs this project's jobs already"));
        let fault = || Runner::present(&setup.lock()).unwrap().fault;
        assert_eq!(fault(), None);

        daemon.engine.ledger().limit(true).unwrap();
        // Each minute takes a row, until there is no room for one.
        for _ in 0..1_000 {
            now += TimeDelta::minutes(1);
            daemon.step(Life::UntilStopped, now);
            if fault().is_some() {
                break;
            }
        }
        assert!(fault().is_some_and(|why| why.contains("full")), "{:?}", fault());
        daemon.engine.ledger().limit(false).unwrap();
        daemon.step(Life::UntilStopped, now);
        assert_eq!(fault(), None);
    }
}
