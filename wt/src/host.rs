//! Twins of one process: started and stopped together or one by one, with one clock.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use anyhow::{Context as _, bail};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use twins::{Clock, Universe, Wish};

use crate::commands::serve::{self, Loaded, Serving};
use crate::project::Project;

/// Runs the twins of a project beside each other.
///
/// One process for all: a clock that is moved in one is moved in all, an effect of one in another is a call, and what
/// they have in common is in memory once. What goes wrong in a request stays in its request.
pub(crate) struct Host<'p> {
    project: &'p Project,
    serving: Serving,
    universe: Universe,
    clock: Clock,
    running: BTreeMap<String, Running>,
}

/// A twin that runs.
struct Running {
    stop: watch::Sender<bool>,
    handle: JoinHandle<()>,
}

/// A twin that will serve in a moment.
pub(crate) struct Starting {
    stop: watch::Sender<bool>,
    ready: JoinHandle<anyhow::Result<twins::Running>>,
}

impl<'p> Host<'p> {
    pub(crate) fn new(project: &'p Project, serving: Serving) -> Self {
        let clock = serving.clock();
        let (universe, running) = (Universe::new(), BTreeMap::new());
        Self { project, serving, universe, clock, running }
    }

    /// Reads what several twins are made of, beside each other: a large model takes a while. In their order.
    pub(crate) fn load(&self, twins: &[(String, u16)]) -> Vec<anyhow::Result<Loaded>> {
        std::thread::scope(|scope| {
            let load = |(name, port): &'_ (String, u16)| self.load_one(name, *port);
            let all: Vec<_> = twins.iter().map(|twin| scope.spawn(move || load(twin))).collect();
            all.into_iter()
                .map(|one| one.join().expect("what reads a twin does not panic"))
                .collect()
        })
    }

    fn load_one(&self, name: &str, port: u16) -> anyhow::Result<Loaded> {
        let together =
            serve::Together { universe: self.universe.clone(), clock: self.clock.clone() };
        serve::load(&self.project.twin(name)?, port, &self.serving, together)
    }

    /// Starts a twin.
    async fn start(&mut self, name: &str, port: u16) -> anyhow::Result<SocketAddr> {
        let starting = self.begin(name, port, self.load_one(name, port));
        self.take_in(name, starting).await
    }

    /// Begins to start a twin that was read; others can be begun before it serves.
    pub(crate) fn begin(
        &mut self,
        name: &str,
        port: u16,
        loaded: anyhow::Result<Loaded>,
    ) -> anyhow::Result<Starting> {
        self.running.retain(|_, one| !one.handle.is_finished());
        if self.running.contains_key(name) {
            bail!("{name} runs already");
        }
        let (loaded, name) = (loaded?, name.to_owned());
        let (stop, stopped) = watch::channel(false);
        let ready = tokio::spawn(async move { loaded.start(&name, port, stopped).await });
        Ok(Starting { stop, ready })
    }

    /// Waits until a twin serves.
    pub(crate) async fn take_in(
        &mut self,
        name: &str,
        starting: anyhow::Result<Starting>,
    ) -> anyhow::Result<SocketAddr> {
        let Starting { stop, ready } = starting?;
        let running = ready.await.with_context(|| format!("{name} ended as it was started"))??;
        if let Some(refused) = running.status().refused {
            tracing::warn!(twin = name, "a calibration is refused: {}", refused.reason);
        }
        let address = running.addr;
        self.running.insert(name.to_owned(), Running { stop, handle: running.handle });
        Ok(address)
    }

    /// Runs on until told to stop or no twin is left, and does what is wished the while.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) -> anyhow::Result<()> {
        let mut wishes = self.universe.host();
        let mut ending = Vec::new();
        while !self.running.is_empty() {
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                wish = wishes.recv() => self.heed(wish, &mut ending).await,
            }
        }
        for (name, Running { stop, handle }) in std::mem::take(&mut self.running) {
            stop.send_replace(true);
            ending.push((name, handle));
        }
        for (name, handle) in ending {
            handle.await.with_context(|| format!("{name} stopped by itself"))?;
        }
        Ok(())
    }

    async fn heed(&mut self, wish: Option<Wish>, ending: &mut Vec<(String, JoinHandle<()>)>) {
        match wish {
            Some(Wish::Start { name, port, answer }) => {
                let started = self.start(&name, port).await;
                // Who asked may have gone.
                let _ = answer.send(started.map(drop).map_err(|error| format!("{error:#}")));
            }
            Some(Wish::Stop { name, answer }) => {
                let handle = self.running.remove(&name).map(|one| {
                    one.stop.send_replace(true);
                    one.handle
                });
                let told = match handle {
                    Some(handle) => {
                        ending.push((name, handle));
                        Ok(())
                    }
                    None => Err(format!("{name} does not run")),
                };
                let _ = answer.send(told);
            }
            None => {}
        }
    }
}
