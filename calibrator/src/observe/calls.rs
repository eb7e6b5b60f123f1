//! The series of calls from which limits are inferred.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, UInt64Array};
use datafusion::arrow::datatypes::{DataType, Field, Int64Type, Schema};
use models::limits::{Call, Observed};
use observer::lake::{Lake, Segment, limit};

use super::rows::Rows;
use super::session::LakeSession;
use super::{ObserveError, Since, paths};

/// Calls beyond which whole callers are left out: a limit is per caller, so a part of the callers
/// shows it as well as all do.
const CALLS_MAX: u64 = 200_000;

/// Exchanges of the newest segments that are looked at: limits are of the present, and an older stretch
/// need not be read again.
const RECENT_EXCHANGES: u64 = 200_000;

/// Calls of a sample of callers, by time, from the window's newest segments; `routes` are those of paths
/// that no model had.
pub(crate) async fn calls(
    lake: &Lake,
    segments: &[Segment],
    since_us: Since,
    routes: &BTreeMap<String, String>,
) -> Result<Vec<Call>, ObserveError> {
    let session = &LakeSession::open(lake, &recent(segments), since_us).await?;
    paths::register(session, routes)?;
    let callers = sampled_callers(session).await?;
    let schema = Arc::new(Schema::new(vec![Field::new("caller", DataType::UInt64, false)]));
    let column: ArrayRef = Arc::new(UInt64Array::from(callers));
    let batch =
        RecordBatch::try_new(Arc::clone(&schema), vec![column]).expect("one column of its type");
    session.register("sampled_callers", schema, vec![batch])?;
    let mut calls = Vec::new();
    let mut routes: HashMap<String, u32> = HashMap::new();
    for batch in
        session.query("observed_calls.sql", include_str!("../sql/observed_calls.sql")).await?
    {
        add_calls(&batch, &mut routes, &mut calls);
    }
    Ok(calls)
}

/// The newest segments, until they hold enough.
fn recent(segments: &[Segment]) -> Vec<Segment> {
    let mut newest: Vec<&Segment> = segments.iter().collect();
    newest.sort_by_key(|segment| std::cmp::Reverse((segment.to_us, &segment.id)));
    let mut exchanges = 0;
    let is_wanted = |segment: &&Segment| {
        let wanted = exchanges < RECENT_EXCHANGES;
        exchanges += segment.exchanges;
        wanted
    };
    newest.into_iter().take_while(is_wanted).cloned().collect()
}

/// Callers that were refused first, then by pseudonym, which is as good as by chance.
async fn sampled_callers(session: &LakeSession) -> Result<Vec<u64>, ObserveError> {
    let sql = "SELECT caller, COUNT(*) AS n, SUM(CASE WHEN status = 429 THEN 1 ELSE 0 END) AS refused \
               FROM exchanges WHERE event IS NULL GROUP BY caller ORDER BY refused > 0 DESC, caller";
    let (mut callers, mut total) = (Vec::new(), 0);
    for batch in session.query("callers", sql).await? {
        let rows = Rows(&batch);
        for (caller, n) in rows.u64("caller").into_iter().zip(rows.u64("n")) {
            if callers.is_empty() || total + n <= CALLS_MAX {
                callers.push(caller);
                total += n;
            }
        }
    }
    Ok(callers)
}

fn add_calls(batch: &RecordBatch, routes: &mut HashMap<String, u32>, calls: &mut Vec<Call>) {
    let rows = Rows(batch);
    let (times, latencies, callers) =
        (rows.time("seen_at"), rows.u32("latency_us"), rows.u64("caller"));
    let (names, statuses, bodies) = (rows.word("route"), rows.u16("status"), rows.word("body"));
    let (limits, retry_after) = (Limits::of(batch), rows.maybe_u64("retry_after_ms"));
    for row in 0..rows.len() {
        let at_us = times[row].unwrap_or_default();
        let next = u32::try_from(routes.len()).unwrap_or(u32::MAX);
        let mut headers = limits.at(row, at_us);
        #[expect(clippy::cast_precision_loss, reason = "milliseconds of a wait are small")]
        let wait = retry_after[row].map(|ms| ms as f64 / 1e3);
        if let Some(first) = headers.first_mut() {
            first.retry_after_seconds = wait;
        }
        let exhausted = headers.iter().any(|stated| stated.remaining.is_some_and(|left| left <= 0));
        let status = statuses[row];
        calls.push(Call {
            at_us,
            latency_us: latencies[row],
            caller: callers[row],
            route: *routes.entry(names[row].clone()).or_insert(next),
            status,
            // GitHub refuses with 403 and says why in its headers.
            throttled: status == 429 || (status == 403 && (wait.is_some() || exhausted)),
            gateway: bodies[row] == "gateway",
            headers,
        });
    }
}

/// The list columns of limits.
struct Limits<'b> {
    policies: &'b dyn Array,
    remaining: &'b dyn Array,
    resets: &'b dyn Array,
}

impl<'b> Limits<'b> {
    fn of(batch: &'b RecordBatch) -> Self {
        let column =
            |name: &str| batch.column_by_name(name).expect("the query lists the column").as_ref();
        Self {
            policies: column("limits"),
            remaining: column("limits_remaining"),
            resets: column("limits_reset_ms"),
        }
    }

    fn at(&self, row: usize, at_us: i64) -> Vec<Observed> {
        let policies = self.policies.as_list::<i32>().value(row);
        if policies.is_empty() {
            return Vec::new();
        }
        let policies = datafusion::arrow::compute::cast(&policies, &DataType::Utf8)
            .expect("a dictionary of text is text");
        let (remaining, resets) =
            (self.remaining.as_list::<i32>().value(row), self.resets.as_list::<i32>().value(row));
        let (remaining, resets) =
            (remaining.as_primitive::<Int64Type>(), resets.as_primitive::<Int64Type>());
        let cell = |values: &datafusion::arrow::array::Int64Array, index: usize| {
            values.is_valid(index).then(|| values.value(index))
        };
        let texts = policies.as_string::<i32>();
        (0..texts.len())
            .filter_map(|index| {
                limit::decode(
                    texts.value(index),
                    cell(remaining, index),
                    cell(resets, index),
                    at_us,
                )
            })
            .collect()
    }
}
