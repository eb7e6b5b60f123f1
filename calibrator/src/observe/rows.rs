//! Columns of query results as Rust values.

use datafusion::arrow::array::{Array, AsArray, RecordBatch};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::DataType;
use datafusion::arrow::datatypes::{
    Float64Type, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};

use crate::evidence::Span;

/// One batch, its columns asked for by name. Columns of another integer width are cast.
pub(crate) struct Rows<'b>(pub(crate) &'b RecordBatch);

impl Rows<'_> {
    pub(crate) fn len(&self) -> usize {
        self.0.num_rows()
    }

    pub(crate) fn text(&self, name: &str) -> Vec<Option<String>> {
        let column = self.cast(name, &DataType::Utf8);
        column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect()
    }

    pub(crate) fn word(&self, name: &str) -> Vec<String> {
        self.text(name).into_iter().map(Option::unwrap_or_default).collect()
    }

    pub(crate) fn u64(&self, name: &str) -> Vec<u64> {
        self.cast(name, &DataType::UInt64)
            .as_primitive::<UInt64Type>()
            .iter()
            .map(Option::unwrap_or_default)
            .collect()
    }

    pub(crate) fn maybe_u64(&self, name: &str) -> Vec<Option<u64>> {
        self.cast(name, &DataType::UInt64).as_primitive::<UInt64Type>().iter().collect()
    }

    pub(crate) fn u32(&self, name: &str) -> Vec<u32> {
        self.cast(name, &DataType::UInt32)
            .as_primitive::<UInt32Type>()
            .iter()
            .map(Option::unwrap_or_default)
            .collect()
    }

    pub(crate) fn u16(&self, name: &str) -> Vec<u16> {
        self.cast(name, &DataType::UInt16)
            .as_primitive::<UInt16Type>()
            .iter()
            .map(Option::unwrap_or_default)
            .collect()
    }

    pub(crate) fn bool(&self, name: &str) -> Vec<bool> {
        self.column(name).as_boolean().iter().map(Option::unwrap_or_default).collect()
    }

    pub(crate) fn time(&self, name: &str) -> Vec<Option<i64>> {
        self.column(name).as_primitive::<TimestampMicrosecondType>().iter().collect()
    }

    pub(crate) fn f64(&self, name: &str) -> Vec<f64> {
        self.column(name)
            .as_primitive::<Float64Type>()
            .iter()
            .map(Option::unwrap_or_default)
            .collect()
    }

    /// `first_seen` and `last_seen` together.
    pub(crate) fn spans(&self) -> Vec<Span> {
        let (first, last) = (self.time("first_seen"), self.time("last_seen"));
        let span = |(first, last): (Option<i64>, Option<i64>)| match (first, last) {
            (Some(first_us), Some(last_us)) => Span { first_us, last_us },
            _ => Span::default(),
        };
        first.into_iter().zip(last).map(span).collect()
    }

    fn column(&self, name: &str) -> &std::sync::Arc<dyn Array> {
        self.0
            .column_by_name(name)
            .unwrap_or_else(|| panic!("the query's file lists the column {name}"))
    }

    fn cast(&self, name: &str, to: &DataType) -> std::sync::Arc<dyn Array> {
        cast(self.column(name), to).expect("the query's file gives the column's type")
    }
}
