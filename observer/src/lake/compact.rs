//! Many small segments made one.
//!
//! An observer seals a segment every few minutes; a reader opens four files of each. Segments that
//! begin on one day and come from one source are written again as one, row by row as they were, so
//! that the lake says exactly what it said. The new manifest names those it replaces and is written
//! last: before it nothing has changed, and from it on they are read no more. They are removed by
//! [`super::sweep`], later, so that whoever is reading them can end.

use std::collections::{BTreeMap, HashSet};

use arrow::array::{AsArray as _, BooleanArray, RecordBatch};
use arrow::compute::{cast, filter_record_batch};
use arrow::datatypes::{DataType, UInt64Type};
use arrow::error::ArrowError;
use object_store::path::Path;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;
use xxhash_rust::xxh3::xxh3_128;

use super::segment::Segment;
use super::store::{Lake, LakeError};
use super::table::Table;
use super::writer::{DAY_US, SegmentWriter};

/// Exchanges and deliveries of a segment made of others, at most.
pub const ROWS_MAX: u64 = 4_000_000;

/// Which segments are worth making one, each group oldest first.
///
/// A day that is over is made one segment, or several full ones. On the day of the newest exchange
/// segments still come: there a group has to double its largest member, or the same rows would be
/// written again and again.
pub fn plan(segments: &[Segment]) -> Vec<Vec<Segment>> {
    let small = |segment: &&Segment| (1..ROWS_MAX / 2).contains(&segment.timed_rows());
    let newest = segments.iter().map(|segment| segment.to_us.div_euclid(DAY_US)).max();
    let mut by_day: BTreeMap<(i64, &str), Vec<&Segment>> = BTreeMap::new();
    for segment in segments.iter().filter(small) {
        let day = segment.from_us.div_euclid(DAY_US);
        by_day.entry((day, &segment.source)).or_default().push(segment);
    }
    let mut groups = Vec::new();
    for ((day, _), of_day) in by_day {
        let is_over = newest.is_some_and(|newest| day < newest);
        let mut group: Vec<Segment> = Vec::new();
        for segment in of_day {
            if rows(&group) + segment.timed_rows() > ROWS_MAX {
                groups.push((is_over, std::mem::take(&mut group)));
            }
            group.push(segment.clone());
        }
        groups.push((is_over, group));
    }
    groups.retain(|(is_over, group)| group.len() > 1 && (*is_over || doubles(group)));
    groups.into_iter().map(|(_, group)| group).collect()
}

fn rows(group: &[Segment]) -> u64 {
    group.iter().map(Segment::timed_rows).sum()
}

fn doubles(group: &[Segment]) -> bool {
    let largest = group.iter().map(Segment::timed_rows).max().unwrap_or_default();
    rows(group) >= 2 * largest
}

/// Writes a group as one segment that stands in its place; `None` where somebody else replaced one
/// of the group meanwhile, which leaves the lake as that one made it.
///
/// # Errors
///
/// Where a file cannot be read or written; the lake then says what it said.
pub fn compact(lake: &Lake, twin: &str, group: &[Segment]) -> Result<Option<Segment>, LakeError> {
    let (Some(first), id) = (group.first(), id_of("compact", group)) else { return Ok(None) };
    let stamp = format!("{id}-{}", crate::import::stamp());
    let mut writer = SegmentWriter::new(lake.clone(), twin, stamp, &first.source);
    for table in Table::ALL {
        let mut seen = Seen::default();
        for segment in group {
            for file in segment.files.iter().filter(|file| file.table == table.name()) {
                for batch in read(lake, table, &file.path)? {
                    writer.write(table, &seen.new_rows(table, batch))?;
                }
            }
            seen.end_segment();
        }
    }
    if !all_visible(lake, twin, group)? {
        return Ok(None);
    }
    let mut skipped = BTreeMap::new();
    for (reason, count) in group.iter().flat_map(|segment| &segment.skipped) {
        *skipped.entry(reason.clone()).or_default() += count;
    }
    writer.replacing(group.iter().flat_map(Segment::as_replaced).collect());
    let dropped = group.iter().map(|segment| segment.dropped).sum();
    writer.commit(id, skipped, dropped).map(Some)
}

/// The id of what stands in the place of these: the same whoever makes it.
pub(super) fn id_of(what: &str, group: &[Segment]) -> String {
    let mut ids: Vec<_> = group.iter().map(|segment| segment.id.as_str()).collect();
    ids.sort_unstable();
    format!("{what}-{:032x}", xxh3_128(ids.join("\n").as_bytes()))
}

/// Whether each of these is still to be read.
pub(super) fn all_visible(lake: &Lake, twin: &str, group: &[Segment]) -> Result<bool, LakeError> {
    let twin = twin.to_owned();
    let now = lake.wait(|lake| async move { lake.segments(&twin).await })?;
    let ids: HashSet<&str> = now.iter().map(|segment| segment.id.as_str()).collect();
    Ok(group.iter().all(|segment| ids.contains(segment.id.as_str())))
}

/// The rows of one file in the table's present form.
fn read(lake: &Lake, table: Table, path: &str) -> Result<Vec<RecordBatch>, LakeError> {
    let fault = |source| LakeError::Parquet { table: table.name(), source };
    let path = Path::from(path);
    let bytes = lake.wait(|lake| async move { lake.read(&path).await })?;
    let reader = ParquetRecordBatchReaderBuilder::try_new(bytes).map_err(fault)?;
    let batches = reader.with_batch_size(65_536).build().map_err(fault)?;
    batches
        .map(|batch| batch.and_then(|batch| table.in_present_form(&batch)))
        .collect::<Result<_, ArrowError>>()
        .map_err(|source| fault(ParquetError::from(source)))
}

/// What segments written before this one said already, of tables that say the same again.
#[derive(Default)]
struct Seen {
    shapes: HashSet<u64>,
    /// Of the segment being written.
    new_shapes: HashSet<u64>,
    links: HashSet<(String, u64)>,
}

impl Seen {
    /// The rows that say something new: shapes and links repeat, exchanges and counts do not.
    fn new_rows(&mut self, table: Table, batch: RecordBatch) -> RecordBatch {
        let is_new: BooleanArray = match table {
            Table::Shapes => {
                let ids = batch.column(0).as_primitive::<UInt64Type>().values();
                self.new_shapes.extend(ids.iter().copied());
                ids.iter().map(|id| Some(!self.shapes.contains(id))).collect()
            }
            Table::Links => {
                let fields = cast(batch.column(0), &DataType::Utf8).expect("a text is a text");
                let fields = fields.as_string::<i32>();
                let pseudonyms = batch.column(1).as_primitive::<UInt64Type>().values();
                (0..batch.num_rows())
                    .map(|row| {
                        Some(self.links.insert((fields.value(row).to_owned(), pseudonyms[row])))
                    })
                    .collect()
            }
            _ => return batch,
        };
        filter_record_batch(&batch, &is_new).expect("a flag a row")
    }

    /// All rows of a shape stand in one segment: from here on its id alone decides.
    fn end_segment(&mut self) {
        self.shapes.extend(self.new_shapes.drain());
    }
}

#[cfg(test)]
mod tests {
    use super::super::segment::SegmentFormat;
    use super::*;

    fn segment(id: u64, day: i64, source: &str, exchanges: u64) -> Segment {
        let from_us = day * DAY_US + i64::try_from(id).unwrap();
        Segment {
            format: SegmentFormat::V1,
            twin: "t".into(),
            id: format!("s{id}"),
            source: source.into(),
            exchanges,
            from_us,
            to_us: from_us + 1,
            skipped: BTreeMap::new(),
            dropped: 0,
            files: Vec::new(),
            replaces: Vec::new(),
        }
    }

    fn planned(segments: &[Segment]) -> Vec<String> {
        let ids = |group: Vec<Segment>| group.into_iter().map(|one| one.id).collect::<Vec<_>>();
        plan(segments).into_iter().map(|group| ids(group).join(" ")).collect()
    }

    #[test]
    fn a_day_that_is_over_becomes_one_segment_a_source() {
        let segments = [
            segment(1, 0, "proxy", 10),
            segment(2, 0, "import", 10),
            segment(3, 0, "proxy", 1000),
            segment(4, 1, "proxy", 10),
            segment(5, 2, "proxy", 10),
            segment(6, 0, "proxy", ROWS_MAX),
        ];
        assert_eq!(planned(&segments), ["s1 s3"]);
    }

    #[test]
    fn today_is_written_again_only_where_it_has_doubled() {
        let mut today = vec![segment(1, 0, "proxy", 100), segment(2, 0, "proxy", 20)];
        assert!(planned(&today).is_empty());
        today.push(segment(3, 0, "proxy", 90));
        assert_eq!(planned(&today), ["s1 s2 s3"]);
    }

    #[test]
    fn no_group_grows_beyond_a_full_segment() {
        let part = ROWS_MAX / 2 - 1;
        let mut segments: Vec<_> = (1..=5).map(|id| segment(id, 0, "import", part)).collect();
        segments.push(segment(9, 1, "import", 1));
        assert_eq!(planned(&segments), ["s1 s2", "s3 s4"]);
    }
}
