//! `/health`: each dependency is used, all at once, and each failure is told.

use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

/// How long a dependency has to answer.
const CHECK_MAX: Duration = Duration::from_secs(2);

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

/// Uses all dependencies side by side; none stops another, and none takes longer than 2 s.
pub async fn examine(checks: Checks) -> Health {
    let asked: Vec<_> = checks.into_iter().map(|check| tokio::spawn(examine_one(check))).collect();
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

async fn examine_one(check: Check) -> Checked {
    let started = Instant::now();
    let asking = tokio::task::spawn_blocking(move || (check.ask)());
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
        let health = examine(checks).await;
        drop(end);
        assert_eq!(health.summary, "3 of 4 fail: keys, twin slow, twin mad");
        assert_eq!(health.unreachable, ["keys", "twin slow", "twin mad"]);
        assert_eq!(health.checks[1].error.as_deref(), Some("no key"));
        assert_eq!(health.checks[2].error.as_deref(), Some("no answer within 2 s"));
    }
}
