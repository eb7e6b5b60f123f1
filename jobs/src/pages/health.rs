//! `/health`: each dependency is used, all at once, and each failure is told.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::flight::Flight;

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

impl fmt::Debug for Check {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
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

/// Questions under way: each dependency is asked once at a time, however often the page is looked at.
#[derive(Debug, Clone, Default)]
pub struct Asked {
    lists: Flight<Checks>,
    answers: Flight<Result<(), String>>,
}

/// Uses all dependencies side by side; none stops another, and none takes longer than 2 s.
///
/// `list` says which there are, and may block as they may.
pub async fn examine(list: Arc<dyn Fn() -> Checks + Send + Sync>, asked: &Asked) -> Health {
    let checked = match asked.lists.join("list", CHECK_MAX, move || list()).await {
        Ok(checks) => {
            futures::future::join_all(checks.into_iter().map(|check| examine_one(check, asked)))
                .await
        }
        Err(why) => vec![Checked::of("project", Err(why), CHECK_MAX)],
    };
    let unreachable: Vec<String> =
        checked.iter().filter(|one| !one.ok).map(|one| one.name.clone()).collect();
    let summary = match unreachable.len() {
        0 => "ok".to_owned(),
        failing => format!("{failing} of {} fail: {}", checked.len(), unreachable.join(", ")),
    };
    Health { summary, unreachable, checks: checked }
}

async fn examine_one(check: Check, asked: &Asked) -> Checked {
    let started = Instant::now();
    let Check { name, ask } = check;
    let answer = asked.answers.join(&name, CHECK_MAX, move || ask()).await;
    Checked::of(&name, answer.flatten(), started.elapsed())
}

impl Checked {
    fn of(name: &str, answer: Result<(), String>, took: Duration) -> Self {
        let took_ms = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
        Self { name: name.to_owned(), ok: answer.is_ok(), error: answer.err(), took_ms }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    fn check(name: &str, ask: impl Fn() -> Result<(), String> + Send + Sync + 'static) -> Check {
        Check { name: name.to_owned(), ask: Arc::new(ask) }
    }

    fn list(checks: Vec<Check>) -> Arc<dyn Fn() -> Checks + Send + Sync> {
        Arc::new(move || checks.clone())
    }

    /// Something that blocks until the test lets go, and how often it was begun.
    fn gate() -> (std::sync::mpsc::Sender<()>, Arc<AtomicUsize>, impl Fn() + Send + Sync) {
        let (end, held) = std::sync::mpsc::channel::<()>();
        let (held, begun) = (Mutex::new(held), Arc::new(AtomicUsize::new(0)));
        let counted = Arc::clone(&begun);
        let blocks = move || {
            counted.fetch_add(1, Ordering::SeqCst);
            let _until_the_test_ends = held.lock().map(|held| held.recv());
        };
        (end, begun, blocks)
    }

    #[tokio::test]
    async fn each_failure_is_told_and_stops_no_other_check() {
        let (end, _, blocks) = gate();
        let checks = list(vec![
            check("lake", || Ok(())),
            check("keys", || Err("no key".to_owned())),
            check("twin slow", move || {
                blocks();
                Ok(())
            }),
            check("twin mad", || panic!("mad")),
        ]);
        let health = examine(checks, &Asked::default()).await;
        drop(end);
        assert_eq!(health.summary, "3 of 4 fail: keys, twin slow, twin mad");
        assert_eq!(health.unreachable, ["keys", "twin slow", "twin mad"]);
        assert_eq!(health.checks[1].error.as_deref(), Some("no key"));
        assert_eq!(health.checks[2].error.as_deref(), Some("no answer within 2 s"));
        let mad = "the check itself failed: the daemon's log says why";
        assert_eq!(health.checks[3].error.as_deref(), Some(mad));
    }

    #[tokio::test]
    async fn what_hangs_is_not_asked_again_until_it_answers_and_holds_up_nobody_else() {
        let (end, begun, blocks) = gate();
        let hangs: Arc<dyn Fn() -> Checks + Send + Sync> = Arc::new(move || {
            blocks();
            Vec::new()
        });
        let asked = Asked::default();
        for _ in 0..2 {
            let health = examine(Arc::clone(&hangs), &asked).await;
            assert_eq!(health.summary, "1 of 1 fail: project");
            // The one thread of the test's runtime is free all the while.
            assert_eq!(health.checks[0].error.as_deref(), Some("no answer within 2 s"));
        }
        assert_eq!(begun.load(Ordering::SeqCst), 1);
        drop(end);
    }
}
