//! Twins that run together: one clock, and effects of one in another.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};

use crate::twin::Twin;

/// The twins that run together in this process. A clone is the same universe.
///
/// They have one time where their configurations hold clones of one clock; what is moved in one is then
/// moved in all, session by session.
#[derive(Debug, Clone, Default)]
pub struct Universe {
    twins: Arc<RwLock<BTreeMap<String, Weak<Twin>>>>,
    host: Arc<Mutex<Option<mpsc::Sender<Wish>>>>,
}

/// What the admin API asks of whoever runs the twins.
#[derive(Debug)]
pub enum Wish {
    /// That another twin joins.
    Start {
        /// Its name.
        name: String,
        /// Where it is to listen.
        port: u16,
        /// Told when it serves, or why it does not.
        answer: oneshot::Sender<Result<(), String>>,
    },
    /// That one ends.
    Stop {
        /// Its name.
        name: String,
        /// Told when it is ending; it may still be answering.
        answer: oneshot::Sender<Result<(), String>>,
    },
}

/// A twin of a universe.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where it listens.
    pub port: u16,
}

/// Wishes that wait for the host.
const WISHES: usize = 16;

impl Universe {
    /// A universe without twins; each joins as it is served.
    pub fn new() -> Self {
        Self::default()
    }

    /// What is wished of whoever runs the twins from now on; without such a one they cannot be
    /// started or stopped one by one.
    pub fn host(&self) -> mpsc::Receiver<Wish> {
        let (wish, wished) = mpsc::channel(WISHES);
        *self.host.lock().unwrap_or_else(PoisonError::into_inner) = Some(wish);
        wished
    }

    /// The twins that are served, by name.
    pub fn members(&self) -> Vec<Member> {
        let member = |twin: &Arc<Twin>| Member {
            name: twin.config.name.clone(),
            port: twin.config.listen.port(),
        };
        self.all().iter().map(member).collect()
    }

    /// Asks the host for something; `Err` says why it is not so.
    pub(crate) async fn ask(
        &self,
        wish: impl FnOnce(oneshot::Sender<Result<(), String>>) -> Wish,
    ) -> Result<(), String> {
        let host = self.host.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let gone = || "nobody runs these twins together".to_owned();
        let (answer, answered) = oneshot::channel();
        host.ok_or_else(gone)?.send(wish(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }

    /// The twin of a name, while it is served.
    pub(crate) fn twin(&self, name: &str) -> Option<Arc<Twin>> {
        self.twins.read().unwrap_or_else(PoisonError::into_inner).get(name)?.upgrade()
    }

    /// All that are served, by name.
    pub(crate) fn all(&self) -> Vec<Arc<Twin>> {
        let twins = self.twins.read().unwrap_or_else(PoisonError::into_inner);
        twins.values().filter_map(Weak::upgrade).collect()
    }

    /// Takes a twin in. It leaves by ending.
    pub(crate) fn join(&self, twin: &Arc<Twin>) {
        let mut twins = self.twins.write().unwrap_or_else(PoisonError::into_inner);
        twins.retain(|_, known| known.strong_count() > 0);
        twins.insert(twin.config.name.clone(), Arc::downgrade(twin));
    }
}
