//! From the proxy's channel to a recording: scrub, write, draw session boundaries.

use std::sync::Arc;

use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use super::{CaptureEvent, Status};
use crate::scrub::Scrubber;
use crate::wrec::{Recorder, Session, WriteError};

/// Receives until the proxy has ended; scrubs and records each exchange the upstream answered.
///
/// Blocks its thread: for `tokio::task::spawn_blocking`. Returns the sessions finalised, in order;
/// `status` is told the open one. Whenever traffic pauses, what was written is synced.
///
/// # Errors
///
/// The recording cannot be written; exchanges that follow are counted as dropped by the proxy.
#[expect(clippy::needless_pass_by_value, reason = "moved onto the thread that blocks")]
pub fn record(
    mut events: Receiver<CaptureEvent>,
    scrubber: Scrubber,
    mut recorder: Recorder,
    status: Arc<Status>,
) -> Result<Vec<Session>, WriteError> {
    let mut finalised = Vec::new();
    while let Some(event) = next(&mut events, &mut recorder)? {
        match event {
            CaptureEvent::Exchange(exchange) if exchange.status == 0 => {}
            CaptureEvent::Exchange(exchange) => recorder.record(&scrubber.scrub(*exchange))?,
            CaptureEvent::NewSession(done) => {
                let closed = recorder.close()?;
                let names = closed.iter().map(|session| session.name.clone()).collect();
                finalised.extend(closed);
                status.set_sessions(Vec::new());
                let _nobody_waits = done.send(names);
            }
        }
        status.set_sessions(recorder.session().into_iter().collect());
    }
    finalised.extend(recorder.close()?);
    status.set_sessions(Vec::new());
    Ok(finalised)
}

/// The next event; before waiting for it, what was recorded is synced.
fn next(
    events: &mut Receiver<CaptureEvent>,
    recorder: &mut Recorder,
) -> Result<Option<CaptureEvent>, WriteError> {
    match events.try_recv() {
        Ok(event) => Ok(Some(event)),
        Err(TryRecvError::Disconnected) => Ok(None),
        Err(TryRecvError::Empty) => {
            recorder.sync()?;
            Ok(events.blocking_recv())
        }
    }
}
