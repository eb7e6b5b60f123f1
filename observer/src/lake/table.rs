//! The lake's tables: columns, types, and what a row is.

use std::sync::Arc;

use arrow::array::{Array as _, RecordBatch, new_null_array};
use arrow::compute::cast;
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::error::ArrowError;

/// A table of the lake; each is a folder of Parquet files, partitioned by twin and day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Table {
    /// One row an exchange, in the order captured.
    Exchanges,
    /// One row a field of a distinct object shape, per segment.
    Shapes,
    /// One row a token of a field, per segment; a field found open has one row without token.
    Values,
    /// One row a pseudonym seen under an id-like field, per segment; a sample by smallest hash.
    Links,
    /// One row an attempt to deliver a webhook, in the order received; its shape stands in
    /// `exchanges`.
    Deliveries,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 5] =
        [Self::Exchanges, Self::Shapes, Self::Values, Self::Links, Self::Deliveries];

    /// Folder of the lake and name in SQL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exchanges => "exchanges",
            Self::Shapes => "shapes",
            Self::Values => "values",
            Self::Links => "links",
            Self::Deliveries => "deliveries",
        }
    }

    /// Whether each row has a time of its own, in its first column.
    pub(crate) const fn has_times(self) -> bool {
        matches!(self, Self::Exchanges | Self::Deliveries)
    }

    /// The columns of the Parquet files; partition columns (`twin`, `day`) stand in the path.
    pub fn schema(self) -> SchemaRef {
        let fields = match self {
            Self::Exchanges => exchanges(),
            Self::Shapes => shapes(),
            Self::Values => values(),
            Self::Links => links(),
            Self::Deliveries => deliveries(),
        };
        Arc::new(Schema::new(fields))
    }

    /// Rows that an earlier version wrote: columns by name, those it did not write null.
    ///
    /// # Errors
    ///
    /// Where a column is of another kind, or one is missing that has no nulls.
    pub(super) fn in_present_form(self, batch: &RecordBatch) -> Result<RecordBatch, ArrowError> {
        let schema = self.schema();
        let columns =
            schema.fields().iter().map(|field| match batch.column_by_name(field.name()) {
                Some(column) if column.data_type() == field.data_type() => Ok(column.clone()),
                Some(column) => cast(column, field.data_type()),
                None => Ok(new_null_array(field.data_type(), batch.num_rows())),
            });
        let columns = columns.collect::<Result<_, _>>()?;
        RecordBatch::try_new(schema, columns)
    }
}

fn exchanges() -> Vec<Field> {
    vec![
        required("seen_at", time()),
        // `METHOD /path/{param}` of the model; null where the path is not in it.
        Field::new("route", text(), true),
        // `METHOD /path/{class:pseudonym}` where `route` is null.
        Field::new("path", text(), true),
        // Set on webhook deliveries alone.
        Field::new("event", text(), true),
        required("status", DataType::UInt16),
        required("latency_us", DataType::UInt32),
        // Keyed pseudonym of the credential; 0 where there is none.
        required("caller", DataType::UInt64),
        // 40-bit keyed pseudonym of the object shown.
        required("entity", DataType::UInt64),
        Field::new("api_version", text(), true),
        // Media types without parameters.
        Field::new("request_media", text(), true),
        Field::new("response_media", text(), true),
        // `ok`, `none`, `not-json`, `truncated`, `gateway`.
        required("body", text()),
        // Shape ids, one for each object of the body; empty on requests that were refused.
        required("request", ids()),
        required("response", ids()),
        // One entry a limit the headers state, in header order: the limit as
        // [`super::limit::decode`] reads it, what remained, and milliseconds to the reset.
        required("limits", list(text(), false)),
        required("limits_remaining", list(DataType::Int64, true)),
        required("limits_reset_ms", list(DataType::Int64, true)),
        Field::new("retry_after_ms", DataType::UInt32, true),
    ]
}

fn shapes() -> Vec<Field> {
    vec![
        required("shape", DataType::UInt64),
        // Steps from the root and from the object, as [`super::path::encode`] writes them.
        required("object", DataType::Utf8),
        required("key", DataType::Utf8),
        // A bit a [`models::Class`].
        required("classes", DataType::UInt32),
        required("sometimes", DataType::Boolean),
    ]
}

fn values() -> Vec<Field> {
    vec![
        required("surface", DataType::Utf8),
        Field::new("route", DataType::Utf8, true),
        Field::new("status", DataType::UInt16, true),
        Field::new("event", DataType::Utf8, true),
        required("path", DataType::Utf8),
        // Null where it may not stand in clear, and on the row of an open field.
        Field::new("token", DataType::Utf8, true),
        // Keyed pseudonym of the token; null on the row of an open field.
        Field::new("pseudonym", DataType::UInt64, true),
        required("count", DataType::UInt64),
        // Distinct entities, up to eight, and up to eight distinct witnesses each.
        required("witnesses", DataType::UInt64),
        required("entities", ids()),
        required("callers", ids()),
        Field::new("first_seen", time(), true),
        Field::new("last_seen", time(), true),
    ]
}

fn links() -> Vec<Field> {
    vec![required("field", DataType::Utf8), required("pseudonym", DataType::UInt64)]
}

fn deliveries() -> Vec<Field> {
    vec![
        required("seen_at", time()),
        required("event", DataType::Utf8),
        // Keyed pseudonym of the path it went to.
        required("endpoint", DataType::UInt64),
        // Keyed pseudonym of what the vendor calls it, else of its bytes: the same at each attempt.
        required("delivery", DataType::UInt64),
        // Keyed pseudonym of what it is about.
        Field::new("object", DataType::UInt64, true),
        // On the vendor's clock.
        Field::new("happened_at", time(), true),
        // When the attempt was sent, as its signature says.
        Field::new("sent_at", time(), true),
        // As the vendor says, from 1.
        Field::new("attempt", DataType::UInt16, true),
        // What it was answered.
        required("status", DataType::UInt16),
        required("latency_us", DataType::UInt32),
        // The signature's form, and its header where the form fixes none.
        Field::new("scheme", DataType::Utf8, true),
        Field::new("header", DataType::Utf8, true),
        // `valid`, `stale`, `invalid`, `unknown`, `unchecked`, `unsigned`.
        required("verdict", DataType::Utf8),
    ]
}

fn required(name: &str, data_type: DataType) -> Field {
    Field::new(name, data_type, false)
}

fn text() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

fn time() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

fn ids() -> DataType {
    list(DataType::UInt64, false)
}

fn list(item: DataType, nullable: bool) -> DataType {
    DataType::List(Arc::new(Field::new("item", item, nullable)))
}
