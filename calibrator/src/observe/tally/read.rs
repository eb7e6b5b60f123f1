//! From the lake to a tally.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, AsArray};
use datafusion::arrow::datatypes::UInt64Type;
use futures::StreamExt as _;
use models::Surface;
use observer::lake::{Lake, Segment, path};
use tokio::task::JoinSet;

use super::count::Counter;
use super::{ShapeOf, Slot, Tally, Word, cells};
use crate::observe::rows::Rows;
use crate::observe::session::{LakeSession, fault};
use crate::observe::{ObserveError, Since};

impl Tally {
    /// Counts the exchanges of these segments from a time on.
    ///
    /// # Errors
    ///
    /// Where the lake cannot be read.
    pub async fn read(
        lake: &Lake,
        segments: &[Segment],
        since_us: Since,
    ) -> Result<Self, ObserveError> {
        let mut tally = Self::default();
        for segment in segments {
            tally.dropped += segment.dropped;
            for (reason, count) in &segment.skipped {
                *tally.skipped.entry(reason.clone()).or_default() += count;
            }
        }
        let session = LakeSession::open(lake, segments, since_us).await?;
        tally.read_totals(&session).await?;
        if tally.exchanges == 0 {
            return Ok(tally);
        }
        tally.read_exchanges(&session).await?;
        tally.read_objects(&session).await?;
        tally.read_values(&session).await?;
        tally.settle();
        Ok(tally)
    }

    async fn read_totals(&mut self, session: &LakeSession) -> Result<(), ObserveError> {
        let sql = "SELECT COUNT(*) AS n, MIN(seen_at) AS first_seen, MAX(seen_at) AS last_seen \
                   FROM exchanges";
        for batch in session.query("totals", sql).await? {
            let rows = Rows(&batch);
            for (n, span) in rows.u64("n").into_iter().zip(rows.spans()) {
                self.exchanges += n;
                self.seen = self.seen.merge(span);
            }
        }
        Ok(())
    }

    /// Counts the exchanges, each part of them on a task of its own.
    async fn read_exchanges(&mut self, session: &LakeSession) -> Result<(), ObserveError> {
        let starts: Arc<[_]> = cells::all(self.seen.first_us, self.seen.last_us).into();
        let (name, sql) =
            ("observed_exchanges.sql", include_str!("../../sql/observed_exchanges.sql"));
        let mut parts = JoinSet::new();
        for mut part in session.streams(name, sql).await? {
            let starts = Arc::clone(&starts);
            parts.spawn(async move {
                let mut counter = Counter::default();
                while let Some(batch) = part.next().await {
                    counter.add(&batch.map_err(|source| fault(name, source))?, &starts);
                }
                Ok::<_, ObserveError>(counter.finish(&starts))
            });
        }
        while let Some(part) = parts.join_next().await {
            let mut part = part.expect("counting neither panics nor is cancelled")?;
            part.seen = self.seen;
            self.merge(part);
        }
        Ok(())
    }

    async fn read_objects(&mut self, session: &LakeSession) -> Result<(), ObserveError> {
        let sql = "SELECT DISTINCT shape, object, key, classes, sometimes FROM shapes";
        let seen: BTreeSet<u64> = self.shapes.keys().map(|sighting| sighting.shape).collect();
        for batch in session.query("shapes", sql).await? {
            let rows = Rows(&batch);
            let (ids, objects, keys) = (rows.u64("shape"), rows.word("object"), rows.word("key"));
            let (classes, sometimes) = (rows.u32("classes"), rows.bool("sometimes"));
            // Those of exchanges before the window stay out: they are in another split's stretch.
            for row in (0..rows.len()).filter(|row| seen.contains(&ids[*row])) {
                let shape = self.objects.entry(ids[row]).or_insert_with(|| ShapeOf {
                    object: path::decode(&objects[row]),
                    fields: std::collections::BTreeMap::new(),
                });
                let classes = models::Classes(classes[row]);
                shape.fields.insert(path::decode(&keys[row]), (classes, sometimes[row]));
            }
        }
        Ok(())
    }

    async fn read_values(&mut self, session: &LakeSession) -> Result<(), ObserveError> {
        let sql = include_str!("../../sql/observed_values.sql");
        for batch in session.query("observed_values.sql", sql).await? {
            let rows = Rows(&batch);
            let (routes, events, statuses) =
                (rows.word("route"), rows.word("event"), rows.u16("status"));
            let (surfaces, paths, tokens) =
                (rows.word("surface"), rows.word("path"), rows.text("token"));
            let (pseudonyms, n, spans) = (rows.maybe_u64("pseudonym"), rows.u64("n"), rows.spans());
            let entities = batch.column_by_name("entities").expect("the query lists the column");
            for row in 0..rows.len() {
                let slot = Slot {
                    surface: surface_of(&surfaces[row]),
                    route: routes[row].clone(),
                    event: events[row].clone(),
                    status: statuses[row],
                    path: paths[row].clone(),
                };
                let Some(pseudonym) = pseudonyms[row] else {
                    self.open.insert(slot);
                    continue;
                };
                let word = Word {
                    text: tokens[row].clone(),
                    n: n[row],
                    seen: spans[row],
                    entities: list_at(entities, row),
                };
                self.values.entry(slot).or_default().entry(pseudonym).or_default().merge(word);
            }
        }
        Ok(())
    }
}

fn surface_of(name: &str) -> Surface {
    match name {
        "request" => Surface::Request,
        "webhook" => Surface::Webhook,
        _ => Surface::Response,
    }
}

/// A list of lists of numbers, flat.
fn list_at(column: &dyn Array, row: usize) -> BTreeSet<u64> {
    let inner = column.as_list::<i32>().value(row);
    let numbers = inner.as_primitive::<UInt64Type>();
    numbers.values().iter().copied().collect()
}
