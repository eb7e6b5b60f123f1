//! `/health`: each dependency is used, all at once, and each failure is told.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long a dependency has to answer.
const CHECK_MAX: Duration = Duration::from_secs(2);
/// Questions to one dependency that may go on at a time.
const ASKED_MAX: usize = 4;

/// One dependency and how to use it.
#[derive(Clone)]
pub struct Check {
    /// `lake`, `ledger`, `keys`, `twin stripe`.
    pub name: String,
    /// Uses it, or says why it cannot; may block.
    pub ask: Arc<dyn Fn() -> Result<(), String> + Send + Sync>,
}

/// What is exercised.
pub type Checks = Vec<Check>;

/// What came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Health {
    /// `ok`, or which fail.
    pub summary: String,
    /// Names of what cannot be used.
    pub unreachable: Vec<String>,
    /// Each check, in order.
    pub checks: Vec<Checked>,
}

/// One check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The dependency.
    pub name: String,
    /// Whether it can be used.
    pub ok: bool,
    /// Why it cannot.
    pub error: Option<String>,
    /// How long it took, whole milliseconds.
    pub took_ms: u64,
}

/// Questions under way, by what is asked.
///
/// A dependency that hangs holds [`ASKED_MAX`] threads at most, however often the page is looked at.
#[derive(Debug, Clone, Default)]
pub struct Asked(Arc<Mutex<BTreeMap<String, usize>>>);

impl Asked {
    /// Takes a turn, unless too many have not been answered.
    fn begin(&self, name: &str) -> Option<Turn> {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let turns = asked.entry(name.to_owned()).or_default();
        if *turns >= ASKED_MAX {
            return None;
        }
        *turns += 1;
        Some(Turn { asked: self.clone(), name: name.to_owned() })
    }
}

/// Over when the answer is there, or the check panicked.
struct Turn {
    asked: Asked,
    name: String,
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut asked = self.asked.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turns) = asked.get_mut(&self.name) {
            *turns -= 1;
        }
    }
}

/// Uses all dependencies side by side; none stops another, and none takes longer than 2 s.
pub async fn examine(checks: Checks, before: &Asked) -> Health {
    let asked: Vec<_> =
        checks.into_iter().map(|check| tokio::spawn(examine_one(check, before.clone()))).collect();
    let mut checked = Vec::new();
    for one in asked {
        match one.await {
            Ok(one) => checked.push(one),
            Err(fault) => tracing::error!(%fault, "a check was not made"),
        }
    }
    let unreachable: Vec<String> =
        checked.iter().filter(|one| !one.ok).map(|one| one.name.clone()).collect();
    let summary = match unreachable.len() {
        0 => "ok".to_owned(),
        failing => format!("{failing} of {} fail: {}", checked.len(), unreachable.join(", ")),
    };
    Health { summary, unreachable, checks: checked }
}

async fn examine_one(check: Check, asked: Asked) -> Checked {
    let started = Instant::now();
    let Some(turn) = asked.begin(&check.name) else {
        let error = Some(format!("{ASKED_MAX} questions before have no answer yet"));
        return Checked { name: check.name, ok: false, error, took_ms: 0 };
    };
    let asking = tokio::task::spawn_blocking(move || {
        let _until_it_answers = turn;
        (check.ask)()
    });
    let error = match tokio::time::timeout(CHECK_MAX, asking).await {
        Ok(Ok(answer)) => answer.err(),
        Ok(Err(fault)) => Some(format!("the check failed: {fault}")),
        Err(_) => Some(format!("no answer within {} s", CHECK_MAX.as_secs())),
    };
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    Checked { name: check.name, ok: error.is_none(), error, took_ms }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(name: &str, ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Check {
        Check { name: name.to_owned(), ask: Arc::new(ask) }
    }

    #[tokio::test]
    async fn each_failure_is_told_and_stops_no_other_check() {
        let (end, held) = std::sync::mpsc::channel::<()>();
        let held = std::sync::Mutex::new(held);
        let checks = vec![
            check("lake", || Ok(())),
            check("keys", || Err("no key".to_owned())),
            check("twin slow", move || {
                let _until_the_test_ends = held.lock().map(|held| held.recv());
                Ok(())
            }),
            check("twin mad", || panic!("mad")),
        ];
        let health = examine(checks, &Asked::default()).await;
        drop(end);
        assert_eq!(health.summary, "3 of 4 fail: keys, twin slow, twin mad");
        assert_eq!(health.unreachable, ["keys", "twin slow", "twin mad"]);
        assert_eq!(health.checks[1].error.as_deref(), Some("no key"));
        assert_eq!(health.checks[2].error.as_deref(), Some("no answer within 2 s"));
    }

    #[tokio::test]
    async fn what_hangs_is_not_asked_without_end() {
        let (end, held) = std::sync::mpsc::channel::<()>();
        let (held, asked) = (Arc::new(Mutex::new(held)), Arc::new(Mutex::new(0)));
        let begun = Arc::clone(&asked);
        let hangs = check("lake", move || {
            *begun.lock().unwrap() += 1;
            let _until_the_test_ends = held.lock().map(|held| held.recv());
            Ok(())
        });
        let before = Asked::default();
        let mut looks = tokio::task::JoinSet::new();
        for _ in 0..3 * ASKED_MAX {
            let (hangs, before) = (hangs.clone(), before.clone());
            looks.spawn(async move { examine(vec![hangs], &before).await });
        }
        let seen = looks.join_all().await;
        let later = examine(vec![hangs], &before).await;
        drop(end);
        assert_eq!(*asked.lock().unwrap(), ASKED_MAX);
        assert!(seen.iter().all(|health| health.unreachable == ["lake"]));
        let told = later.checks[0].error.as_deref();
        assert_eq!(told, Some("4 questions before have no answer yet"));
    }
}
