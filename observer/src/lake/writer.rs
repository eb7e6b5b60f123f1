//! Writes one segment's Parquet files, a day a file.

use std::collections::BTreeMap;

use arrow::array::{Array as _, RecordBatch, TimestampMicrosecondArray};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::segment::{Replaced, Segment, SegmentFile, SegmentFormat};
use super::store::{Lake, LakeError};
use super::table::Table;

pub(super) const DAY_US: i64 = 86_400_000_000;
/// Rows of a day's file after which it is closed and written out, to bound memory.
const ROWS_PER_FILE_MAX: u64 = 4_000_000;

/// An open segment. Nothing of it is part of the lake before [`SegmentWriter::commit`].
pub struct SegmentWriter {
    lake: Lake,
    segment: Segment,
    stamp: String,
    open: BTreeMap<(Table, i64), OpenFile>,
    parts: u32,
    exchanges: Span,
    deliveries: Span,
}

/// First and last time of a table's rows, microseconds since the epoch.
#[derive(Debug, Clone, Copy)]
struct Span {
    from_us: i64,
    to_us: i64,
}

impl Span {
    const EMPTY: Self = Self { from_us: i64::MAX, to_us: i64::MIN };

    fn add(&mut self, times: &[i64]) {
        self.from_us = times.iter().copied().fold(self.from_us, i64::min);
        self.to_us = times.iter().copied().fold(self.to_us, i64::max);
    }

    fn is_empty(self) -> bool {
        self.to_us < self.from_us
    }
}

struct OpenFile {
    writer: ArrowWriter<Vec<u8>>,
    rows: u64,
}

impl SegmentWriter {
    /// Opens a segment; `stamp` tells its files from those of any other segment of the twin.
    pub fn new(lake: Lake, twin: &str, stamp: String, source: &str) -> Self {
        let segment = Segment {
            format: SegmentFormat::V1,
            twin: twin.to_owned(),
            id: String::new(),
            source: source.to_owned(),
            exchanges: 0,
            from_us: 0,
            to_us: 0,
            skipped: BTreeMap::new(),
            dropped: 0,
            files: Vec::new(),
            replaces: Vec::new(),
        };
        Self {
            lake,
            segment,
            stamp,
            open: BTreeMap::new(),
            parts: 0,
            exchanges: Span::EMPTY,
            deliveries: Span::EMPTY,
        }
    }

    /// Adds rows to a table.
    ///
    /// # Errors
    ///
    /// Where Parquet refuses the rows, or the store a file that is full.
    ///
    /// # Panics
    ///
    /// Where the batch is not of the table.
    pub fn write(&mut self, table: Table, batch: &RecordBatch) -> Result<(), LakeError> {
        if batch.num_rows() == 0 {
            return Ok(());
        }
        if !table.has_times() {
            let day = self.span().map_or(0, |span| span.from_us.div_euclid(DAY_US));
            return self.write_day(table, day, batch);
        }
        let times = batch.column(0).as_any().downcast_ref::<TimestampMicrosecondArray>();
        let times = times.expect("the first column of a table with times is the time").values();
        if table == Table::Exchanges {
            self.segment.exchanges += batch.num_rows() as u64;
            self.exchanges.add(times);
        } else {
            self.deliveries.add(times);
        }
        let mut start = 0;
        while start < times.len() {
            let day = times[start].div_euclid(DAY_US);
            let run =
                times[start..].iter().take_while(|time| time.div_euclid(DAY_US) == day).count();
            self.write_day(table, day, &batch.slice(start, run))?;
            start += run;
        }
        Ok(())
    }

    /// When the segment is of, as far as it is written: of its exchanges, or of its deliveries where
    /// there is no exchange.
    fn span(&self) -> Option<Span> {
        [self.exchanges, self.deliveries].into_iter().find(|span| !span.is_empty())
    }

    fn write_day(&mut self, table: Table, day: i64, batch: &RecordBatch) -> Result<(), LakeError> {
        let fault = |source| LakeError::Parquet { table: table.name(), source };
        let file = match self.open.entry((table, day)) {
            std::collections::btree_map::Entry::Occupied(open) => open.into_mut(),
            std::collections::btree_map::Entry::Vacant(place) => {
                let writer =
                    ArrowWriter::try_new(Vec::new(), table.schema(), Some(properties(table)))
                        .map_err(fault)?;
                place.insert(OpenFile { writer, rows: 0 })
            }
        };
        file.writer.write(batch).map_err(fault)?;
        file.rows += batch.num_rows() as u64;
        if file.rows >= ROWS_PER_FILE_MAX {
            self.close(table, day)?;
        }
        Ok(())
    }

    fn close(&mut self, table: Table, day: i64) -> Result<(), LakeError> {
        let Some(file) = self.open.remove(&(table, day)) else { return Ok(()) };
        let bytes = file
            .writer
            .into_inner()
            .map_err(|source| LakeError::Parquet { table: table.name(), source })?;
        let date = chrono::DateTime::from_timestamp_micros(day * DAY_US)
            .unwrap_or_default()
            .format("%Y-%m-%d");
        let (twin, stamp) = (&self.segment.twin, &self.stamp);
        let path = Path::from(format!(
            "{}/twin={twin}/day={date}/{stamp}-{}.parquet",
            table.name(),
            self.parts
        ));
        self.parts += 1;
        self.segment.files.push(SegmentFile {
            table: table.name().to_owned(),
            path: path.to_string(),
            rows: file.rows,
            bytes: bytes.len() as u64,
        });
        self.lake.wait(|lake| async move { lake.put(&path, bytes.into()).await })
    }

    /// Whether nothing that has a time was written.
    pub(crate) fn is_empty(&self) -> bool {
        self.span().is_none()
    }

    /// The segment without rows, of which nothing becomes part of the lake.
    pub(crate) fn discard(self, id: String) -> Segment {
        Segment { id, ..self.segment }
    }

    /// Has the segment stand in the place of others from [`SegmentWriter::commit`] on.
    pub(super) fn replacing(&mut self, replaces: Vec<Replaced>) {
        self.segment.format = SegmentFormat::V2;
        self.segment.replaces = replaces;
    }

    /// Writes what is open and makes the segment part of the lake, at once and whole. The id is one
    /// no other segment of the twin has.
    ///
    /// # Errors
    ///
    /// Where a file or the manifest cannot be written; the lake is then as it was.
    pub fn commit(
        mut self,
        id: String,
        skipped: BTreeMap<String, u64>,
        dropped: u64,
    ) -> Result<Segment, LakeError> {
        let open: Vec<_> = self.open.keys().copied().collect();
        for (table, day) in open {
            self.close(table, day)?;
        }
        if let Some(span) = self.span() {
            (self.segment.from_us, self.segment.to_us) = (span.from_us, span.to_us);
        }
        self.segment.id = id;
        self.segment.skipped = skipped;
        self.segment.dropped = dropped;
        let segment = self.segment.clone();
        self.lake.wait(|lake| async move { lake.commit(&segment).await })?;
        Ok(self.segment)
    }
}

/// Encodings by what the columns hold: times and latencies as differences, pseudonyms (which no
/// dictionary shortens) with their bytes apart, the rest by dictionary.
fn properties(table: Table) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_writer_version(WriterVersion::PARQUET_2_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(1).expect("level 1 exists")))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_max_row_group_row_count(Some(1 << 20));
    if table == Table::Exchanges {
        // Pseudonyms and shapes have no order of meaning: nobody looks for a range of them.
        for column in ["caller", "entity", "request.list.item", "response.list.item"] {
            let column = ColumnPath::from(column.split('.').map(str::to_owned).collect::<Vec<_>>());
            properties = properties.set_column_statistics_enabled(column, EnabledStatistics::None);
        }
        for (column, encoding) in [
            ("seen_at", Encoding::DELTA_BINARY_PACKED),
            ("latency_us", Encoding::DELTA_BINARY_PACKED),
            ("entity", Encoding::BYTE_STREAM_SPLIT),
        ] {
            let column = ColumnPath::from(column);
            properties = properties
                .set_column_dictionary_enabled(column.clone(), false)
                .set_column_encoding(column, encoding);
        }
    }
    properties.build()
}
