//! What goes on, as it goes on.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use futures::stream;

use super::page::{self, ask};
use super::pages::Runs;
use super::server::Room;

/// Between two looks at the run ledger, while somebody watches.
const EVERY: Duration = Duration::from_millis(500);

/// A server-sent event `runs` with the rows of the table, at once and after each change.
pub(super) async fn events(
    State(room): State<Arc<Room>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let events = stream::unfold((room, None), |(room, last)| async move {
        let rows = next(&room, last.as_deref()).await?;
        let event = Event::default().event("runs").data(&rows);
        Some((Ok(event), (room, Some(rows))))
    });
    Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))
}

/// The rows once they differ from the last; none once the server stops.
async fn next(room: &Arc<Room>, last: Option<&str>) -> Option<String> {
    let mut stop = room.stop.clone();
    loop {
        if *stop.borrow() {
            return None;
        }
        // A ledger that cannot be read for a moment is asked again.
        if let Ok(runs) = ask(room, |desk| Ok(Runs::from(desk.work()?))).await {
            let rows = page::fill(room, "run_rows.html", &Rows { page: runs });
            if last != Some(rows.as_str()) {
                return Some(rows);
            }
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            changed = stop.changed() => changed.ok()?,
        }
    }
}

/// As the page has them.
#[derive(serde::Serialize)]
struct Rows {
    page: Runs,
}
