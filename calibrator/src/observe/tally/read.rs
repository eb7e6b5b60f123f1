//! From the lake to a tally: SQL counts, and the counts are put in their places.

use std::collections::BTreeSet;
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt32Array, UInt64Array};
use datafusion::arrow::datatypes::{
    DataType, Field, Schema, TimeUnit, TimestampMicrosecondType, UInt64Type,
};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use models::Surface;
use observer::lake::{Lake, Segment, path};

use super::homes::{self, Homes};
use super::{
    Answer, CALLERS_MAX, Cell, Count, Home, ShapeOf, Sighting, Slot, Tally, Word, cells,
    sampled_below,
};
use crate::observe::rows::Rows;
use crate::observe::session::LakeSession;
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
        let starts = cells::all(tally.seen.first_us, tally.seen.last_us);
        session.add_function(cell_function(&starts));
        session.add_function(homes::function());
        session.query("routed.sql", include_str!("../../sql/routed.sql")).await?;
        session.query("accepted.sql", include_str!("../../sql/accepted.sql")).await?;
        let homes = Homes::read(&session).await?;
        tally.read_answers(&session, &homes, &starts).await?;
        tally.read_shapes(&session, &homes, &starts).await?;
        tally.read_objects(&session).await?;
        tally.read_polls(&session, &homes).await?;
        tally.read_callers(&session, &homes).await?;
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
        let sql = "SELECT arrow_cast(api_version, 'Utf8') AS api_version, COUNT(*) AS n \
                   FROM exchanges WHERE api_version IS NOT NULL GROUP BY api_version";
        for batch in session.query("api versions", sql).await? {
            let rows = Rows(&batch);
            self.api_versions.extend(rows.word("api_version").into_iter().zip(rows.u64("n")));
        }
        Ok(())
    }

    async fn read_answers(
        &mut self,
        session: &LakeSession,
        homes: &Homes,
        starts: &[(i64, Cell)],
    ) -> Result<(), ObserveError> {
        let sql = include_str!("../../sql/observed_places.sql");
        for batch in session.query("observed_places.sql", sql).await? {
            let rows = Rows(&batch);
            let (bodies, media) = (rows.word("body"), rows.word("response_media"));
            let counts = counts(&rows, starts);
            let all = homes.of(&rows).into_iter().zip(bodies).zip(media).zip(counts);
            for (((home, body), media), (cell, count)) in all {
                self.answers.entry(Answer { home, body, media }).or_default().add(cell, count);
            }
        }
        let sql = include_str!("../../sql/observed_request_media.sql");
        for batch in session.query("observed_request_media.sql", sql).await? {
            let rows = Rows(&batch);
            let keys = rows.u64("home").into_iter().zip(rows.word("media"));
            for ((home, media), n) in keys.zip(rows.u64("n")) {
                let (route, path) = homes.route_and_path(home);
                *self.request_media.entry((route, path, media)).or_default() += n;
            }
        }
        Ok(())
    }

    async fn read_shapes(
        &mut self,
        session: &LakeSession,
        homes: &Homes,
        starts: &[(i64, Cell)],
    ) -> Result<(), ObserveError> {
        let sql = include_str!("../../sql/observed_shapes.sql");
        for batch in session.query("observed_shapes.sql", sql).await? {
            let rows = Rows(&batch);
            let (of, shapes, held) = (homes.of(&rows), rows.u64("shape"), rows.bool("held"));
            let all = of.into_iter().zip(shapes).zip(held).zip(counts(&rows, starts));
            for (((home, shape), held), (cell, count)) in all {
                self.shapes.entry(Sighting { home, shape, held }).or_default().add(cell, count);
            }
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

    async fn read_polls(
        &mut self,
        session: &LakeSession,
        homes: &Homes,
    ) -> Result<(), ObserveError> {
        let (schema, samples) = self.samples();
        session.register("samples", schema, vec![samples])?;
        let sql = include_str!("../../sql/observed_entities.sql");
        for batch in session.query("observed_entities.sql", sql).await? {
            let rows = Rows(&batch);
            let (entities, shapes, n) = (rows.u64("entity"), rows.u64("shape"), rows.u64("n"));
            for (row, home) in homes.of(&rows).into_iter().enumerate() {
                let polls = self.polls.entry(home).or_default();
                *polls.entry((entities[row], shapes[row])).or_default() += n[row];
            }
        }
        Ok(())
    }

    /// The sampling bound of each place.
    fn samples(&self) -> (Arc<Schema>, RecordBatch) {
        let mut answers: std::collections::BTreeMap<Home, u64> = std::collections::BTreeMap::new();
        for (Answer { home, .. }, cells) in &self.answers {
            *answers.entry(home.clone()).or_default() += cells.n();
        }
        let homes = answers.keys().map(homes::number_of);
        let statuses = answers.keys().map(|home| home.status);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(UInt64Array::from_iter_values(homes)),
            Arc::new(datafusion::arrow::array::UInt16Array::from_iter_values(statuses)),
            Arc::new(UInt64Array::from_iter_values(answers.values().map(|n| sampled_below(*n)))),
        ];
        let schema = Arc::new(Schema::new(vec![
            Field::new("home", DataType::UInt64, false),
            Field::new("status", DataType::UInt16, false),
            Field::new("below", DataType::UInt64, false),
        ]));
        let batch = RecordBatch::try_new(Arc::clone(&schema), columns);
        (schema, batch.expect("columns follow the schema above"))
    }

    async fn read_callers(
        &mut self,
        session: &LakeSession,
        homes: &Homes,
    ) -> Result<(), ObserveError> {
        let mut callers = BTreeSet::new();
        for batch in session.query("callers", "SELECT DISTINCT caller FROM exchanges").await? {
            callers.extend(batch.column(0).as_primitive::<UInt64Type>().values().iter().copied());
        }
        let told_apart = callers.into_iter().take(CALLERS_MAX);
        let schema = Arc::new(Schema::new(vec![Field::new("caller", DataType::UInt64, false)]));
        let column: ArrayRef = Arc::new(UInt64Array::from_iter_values(told_apart));
        let batch = RecordBatch::try_new(Arc::clone(&schema), vec![column])
            .expect("one column of its type");
        session.register("told_apart", schema, vec![batch])?;
        let sql = include_str!("../../sql/observed_callers.sql");
        for batch in session.query("observed_callers.sql", sql).await? {
            let rows = Rows(&batch);
            let (callers, shapes, n) = (rows.u64("caller"), rows.u64("shape"), rows.u64("n"));
            let spans = rows.spans();
            for (row, home) in homes.of(&rows).into_iter().enumerate() {
                let polls = self.callers.entry(home).or_default();
                let count = Count { n: n[row], seen: spans[row] };
                polls.entry((callers[row], shapes[row])).or_default().add(count);
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

/// `cell(seen_at)`: the number of the cell in the list.
fn cell_function(starts: &[(i64, Cell)]) -> ScalarUDF {
    let starts: Vec<i64> = starts.iter().map(|(start, _)| *start).collect();
    let run = move |arguments: &[ColumnarValue]| {
        let times = arguments[0].clone().into_array(1)?;
        let times = times.as_primitive::<TimestampMicrosecondType>();
        let number = |time: i64| starts.partition_point(|start| *start <= time).saturating_sub(1);
        let numbers = times.values().iter().map(|time| u32::try_from(number(*time)).unwrap_or(0));
        Ok(ColumnarValue::Array(Arc::new(UInt32Array::from_iter_values(numbers))))
    };
    let time = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    create_udf("cell", vec![time], DataType::UInt32, Volatility::Immutable, Arc::new(run))
}

fn counts(rows: &Rows<'_>, starts: &[(i64, Cell)]) -> Vec<(Cell, Count)> {
    let numbers = rows.u32("cell").into_iter().map(|number| starts[number as usize].1);
    let counts = rows.u64("n").into_iter().zip(rows.spans());
    numbers.zip(counts.map(|(n, seen)| Count { n, seen })).collect()
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
