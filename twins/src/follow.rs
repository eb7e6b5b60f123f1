//! Following a ledger: what is published there is taken into service.

use std::path::{Path, PathBuf};
use std::time::Duration;

use models::{Event, Ledger, Refusal};
use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use tokio::sync::mpsc;

use crate::served::{Refused, Reloader, chain};

/// The longest a publication goes unseen where the system tells nothing of changes: folders that
/// do not exist yet, network file systems, spent watches.
const POLL: Duration = Duration::from_millis(500);

/// Takes into service what is published, for ever.
pub(crate) async fn run(dir: PathBuf, ledger: Ledger, reloader: Reloader) {
    let (tell, mut told) = mpsc::channel(1);
    let mut watcher = None;
    let mut at_work = (ledger, reloader);
    loop {
        if watcher.is_none() {
            watcher = watch(&dir, tell.clone());
        }
        let step = tokio::task::spawn_blocking(move || {
            step(&mut at_work.0, &mut at_work.1);
            at_work
        });
        at_work = match step.await {
            Ok(at_work) => at_work,
            Err(error) => {
                tracing::error!(%error, "calibrations are no longer followed");
                return;
            }
        };
        // Either is reason enough to look; nothing told and the poll's time up look the same.
        let _ = tokio::time::timeout(POLL, told.recv()).await;
    }
}

/// Takes into service what was published since the last step.
fn step(ledger: &mut Ledger, reloader: &mut Reloader) {
    let events = match ledger.follow() {
        Ok(events) => events,
        Err(error) => {
            tracing::warn!(error = chain(&error), "the calibrations cannot be read");
            return;
        }
    };
    for event in events {
        match event {
            Event::Published(calibration) => match reloader.reload(&calibration) {
                Ok(model) => tracing::info!(number = calibration.number, %model, "calibrated"),
                Err(error) => tracing::warn!(error = chain(&error), "a calibration is refused"),
            },
            Event::Canary(None) => {
                reloader.end_trial();
                tracing::info!("no canary");
            }
            Event::Canary(Some((calibration, share_bp))) => {
                let number = calibration.number;
                match reloader.try_out(&calibration, share_bp) {
                    Ok(model) => tracing::info!(number, share_bp, %model, "a canary"),
                    Err(error) => tracing::warn!(error = chain(&error), "a canary is refused"),
                }
            }
            Event::Refused(refusal) => {
                tracing::warn!(error = chain(&refusal), "a calibration is refused");
                reloader.refuse(Refused::of(&refusal));
            }
        }
    }
}

impl Refused {
    /// What a ledger says of it.
    pub(crate) fn of(refusal: &Refusal) -> Self {
        Self { number: refusal.number, reason: chain(refusal.reason.as_ref()) }
    }
}

/// Watches a folder, if it is there.
fn watch(dir: &Path, tell: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let changed = move |event: notify::Result<notify::Event>| {
        // Reading the folder is an event too, and telling of that would never end.
        if event.is_ok_and(|event| !event.kind.is_access()) {
            // A full channel has told already.
            let _ = tell.try_send(());
        }
    };
    let mut watcher = notify::recommended_watcher(changed).ok()?;
    watcher.watch(dir, RecursiveMode::NonRecursive).ok()?;
    Some(watcher)
}
