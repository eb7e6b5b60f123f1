//! Rows of `deliveries`.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, RecordBatch, StringArray, TimestampMicrosecondArray, UInt16Array, UInt32Array,
    UInt64Array,
};

use super::table::Table;

/// One attempt to deliver a webhook.
#[derive(Debug, Clone)]
pub(crate) struct DeliveryRow {
    pub(crate) seen_at_us: i64,
    pub(crate) event: String,
    pub(crate) endpoint: u64,
    pub(crate) delivery: u64,
    pub(crate) object: Option<u64>,
    pub(crate) happened_at_us: Option<i64>,
    pub(crate) sent_at_us: Option<i64>,
    pub(crate) attempt: Option<u16>,
    pub(crate) status: u16,
    pub(crate) latency_us: u32,
    pub(crate) scheme: Option<&'static str>,
    pub(crate) header: Option<String>,
    pub(crate) verdict: &'static str,
}

/// Rows of `deliveries` as a batch.
pub(crate) fn deliveries_batch(rows: &[DeliveryRow]) -> RecordBatch {
    fn text<'r>(values: impl Iterator<Item = Option<&'r str>>) -> ArrayRef {
        Arc::new(values.collect::<StringArray>())
    }
    let seen: TimestampMicrosecondArray =
        rows.iter().map(|row| row.seen_at_us).collect::<Vec<_>>().into();
    let happened: TimestampMicrosecondArray = rows.iter().map(|row| row.happened_at_us).collect();
    let sent: TimestampMicrosecondArray = rows.iter().map(|row| row.sent_at_us).collect();
    let columns: Vec<ArrayRef> = vec![
        Arc::new(seen.with_timezone("UTC")),
        text(rows.iter().map(|row| Some(row.event.as_str()))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.endpoint))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.delivery))),
        Arc::new(rows.iter().map(|row| row.object).collect::<UInt64Array>()),
        Arc::new(happened.with_timezone("UTC")),
        Arc::new(sent.with_timezone("UTC")),
        Arc::new(rows.iter().map(|row| row.attempt).collect::<UInt16Array>()),
        Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.status))),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.latency_us))),
        text(rows.iter().map(|row| row.scheme)),
        text(rows.iter().map(|row| row.header.as_deref())),
        text(rows.iter().map(|row| Some(row.verdict))),
    ];
    RecordBatch::try_new(Table::Deliveries.schema(), columns)
        .expect("columns follow the table's schema")
}
