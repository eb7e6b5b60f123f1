//! What imports of before brought, of the times that an import comes to.
//!
//! Only files whose times hold an exchange of the import are read, and of them six columns: where
//! times do not overlap, nothing is.

use std::collections::BTreeMap;
use std::ops::Range;

use arrow::array::{AsArray as _, RecordBatch};
use arrow::datatypes::{
    ArrowNativeType as _, TimestampMicrosecondType, UInt16Type, UInt32Type, UInt64Type,
};
use chrono::NaiveDate;
use object_store::path::Path;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::segment::{Segment, SegmentFile};
use super::store::{Lake, LakeError};
use super::table::Table;
use super::writer::DAY_US;
use crate::intake::{Print, Printed};

/// The files of imports that were not read yet.
#[derive(Debug)]
pub(crate) struct Known {
    lake: Lake,
    /// Times (the end is not part) and paths.
    files: Vec<(Range<i64>, String)>,
    /// No file begins, ends or is here.
    quiet: Range<i64>,
}

impl Known {
    /// Of the twin's imports; observers date exchanges themselves, so that theirs are never those of a
    /// file.
    ///
    /// # Errors
    ///
    /// Where the store fails or a manifest is unreadable.
    pub(crate) fn open(lake: &Lake, twin: &str) -> Result<Self, LakeError> {
        let twin = twin.to_owned();
        let segments = lake.wait(|lake| async move { lake.segments(&twin).await })?;
        let imports = segments.iter().filter(|segment| segment.source == "import");
        let files = imports.flat_map(|segment| {
            let of_exchanges =
                segment.files.iter().filter(|file| file.table == Table::Exchanges.name());
            of_exchanges.map(move |file| (times(segment, file), file.path.clone()))
        });
        Ok(Self { lake: lake.clone(), files: files.collect(), quiet: 0..0 })
    }

    /// The exchanges of the files that hold this time, each file's once.
    ///
    /// # Errors
    ///
    /// Where a file cannot be read.
    pub(crate) fn come_to(&mut self, at_us: i64) -> Result<Vec<Print>, LakeError> {
        let mut prints = Vec::new();
        if self.quiet.contains(&at_us) {
            return Ok(prints);
        }
        let holds = |times: &Range<i64>| times.contains(&at_us);
        for (_, path) in self.files.iter().filter(|(times, _)| holds(times)) {
            prints.extend(self.read(path)?);
        }
        self.files.retain(|(times, _)| !holds(times));
        let before = self.files.iter().map(|(times, _)| times.end).filter(|end| *end <= at_us);
        let after = self.files.iter().map(|(times, _)| times.start).filter(|start| *start > at_us);
        self.quiet = before.max().unwrap_or(i64::MIN)..after.min().unwrap_or(i64::MAX);
        Ok(prints)
    }

    fn read(&self, path: &str) -> Result<Vec<Print>, LakeError> {
        const COLUMNS: [&str; 6] =
            ["seen_at", "status", "latency_us", "caller", "entity", "response"];
        let fault = |source| LakeError::Parquet { table: Table::Exchanges.name(), source };
        let path = Path::from(path);
        let bytes = self.lake.wait(|lake| async move { lake.read(&path).await })?;
        let file = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(fault)?;
        let mask = ProjectionMask::columns(file.parquet_schema(), COLUMNS);
        let reader = file.with_projection(mask).with_batch_size(65_536).build().map_err(fault)?;
        let mut prints = Vec::new();
        for batch in reader {
            let batch = batch.map_err(|source| fault(ParquetError::from(source)))?;
            prints.extend(prints_of(&batch).ok_or_else(|| {
                fault(ParquetError::General(format!("not the columns {COLUMNS:?}")))
            })?);
        }
        Ok(prints)
    }
}

/// The times a file may hold: of its day, and of its segment.
fn times(segment: &Segment, file: &SegmentFile) -> Range<i64> {
    let whole = segment.from_us..segment.to_us.saturating_add(1);
    let parts: BTreeMap<_, _> = file.path.split('/').filter_map(|p| p.split_once('=')).collect();
    let day = parts.get("day").and_then(|day| day.parse::<NaiveDate>().ok());
    let Some(day) = day.and_then(|day| day.and_hms_opt(0, 0, 0)) else { return whole };
    let from_us = day.and_utc().timestamp_micros();
    whole.start.max(from_us)..whole.end.min(from_us.saturating_add(DAY_US))
}

fn prints_of(batch: &RecordBatch) -> Option<impl Iterator<Item = Print>> {
    let column = |name: &str| batch.column_by_name(name);
    let times = column("seen_at")?.as_primitive_opt::<TimestampMicrosecondType>()?.values();
    let statuses = column("status")?.as_primitive_opt::<UInt16Type>()?.values();
    let latencies = column("latency_us")?.as_primitive_opt::<UInt32Type>()?.values();
    let callers = column("caller")?.as_primitive_opt::<UInt64Type>()?.values();
    let entities = column("entity")?.as_primitive_opt::<UInt64Type>()?.values();
    let shapes = column("response")?.as_list_opt::<i32>()?;
    let ids = shapes.values().as_primitive_opt::<UInt64Type>()?.values();
    let print = move |row: usize| {
        let [from, to] = [row, row + 1].map(|end| shapes.value_offsets()[end].as_usize());
        Print::of(Printed {
            seen_at_us: times[row],
            latency_us: latencies[row],
            status: statuses[row],
            caller: callers[row],
            entity: entities[row],
            response: &ids[from..to],
        })
    };
    Some((0..batch.num_rows()).map(print))
}
