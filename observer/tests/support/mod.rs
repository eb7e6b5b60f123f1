//! What the tests of the lake share: exchanges to feed it, and a way to read it back.

#![allow(dead_code, reason = "each test binary uses its part of this")]

pub(crate) mod store;

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray as _, RecordBatch};
use arrow::datatypes::{DataType, Int32Type};
use models::Model;
use observer::exchange::{Direction, RawBody, RawExchange};
use observer::intake::{Disclosure, Intake};
use observer::key::LakeKey;
use observer::lake::{Lake, Segment};
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

pub(crate) const TWIN: &str = "shop";
/// 2026-11-19T08:00:00Z.
pub(crate) const START_US: i64 = 1_795_075_200_000_000;

/// An intake of an empty model for any host.
pub(crate) fn intake() -> Intake {
    intake_of(Model::empty(TWIN, ""))
}

pub(crate) fn intake_of(model: Model) -> Intake {
    Intake::new(Arc::new(model), LakeKey::new([7; 16]), Disclosure::PRODUCTION)
}

/// The answer to `GET /v1/items/NUMBER`.
pub(crate) fn exchange(number: u64) -> RawExchange<'static> {
    let body =
        format!(r#"{{"id": "itm_{number}", "state": "active", "price": {{"amount": {number}}}}}"#);
    RawExchange {
        direction: Direction::Call,
        seen_at_us: START_US + i64::try_from(number).unwrap() * 1000,
        latency_us: 900,
        method: Cow::Borrowed("GET"),
        url: Cow::Owned(format!("https://api.shop.example/v1/items/{number}")),
        request_headers: vec![(Cow::Borrowed("authorization"), Cow::Borrowed("Bearer one"))],
        request_body: None,
        status: 200,
        response_headers: Vec::new(),
        response_body: Some(json(body)),
    }
}

pub(crate) fn json(text: impl Into<Vec<u8>>) -> RawBody<'static> {
    RawBody {
        media_type: Cow::Borrowed("application/json"),
        bytes: Cow::Owned(text.into()),
        truncated: false,
    }
}

pub(crate) fn segments(lake: &Lake) -> Vec<Segment> {
    futures::executor::block_on(lake.segments(TWIN)).unwrap()
}

/// Every row of a table that a segment names; the files' row counts are those of the manifests.
pub(crate) fn rows(folder: &Path, table: &str) -> Vec<RecordBatch> {
    let lake = Lake::open(folder).unwrap();
    let mut batches = Vec::new();
    for file in segments(&lake)
        .into_iter()
        .flat_map(|segment| segment.files)
        .filter(|file| file.table == table)
    {
        let path = folder.join(&file.path);
        let read = ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap());
        let read: Vec<_> = read.unwrap().build().unwrap().map(Result::unwrap).collect();
        let count: usize = read.iter().map(RecordBatch::num_rows).sum();
        assert_eq!(count as u64, file.rows, "{}", path.display());
        batches.extend(read);
    }
    batches
}

pub(crate) fn count(folder: &Path, table: &str) -> usize {
    rows(folder, table).iter().map(RecordBatch::num_rows).sum()
}

/// Every text of a column, lists and dictionaries opened; nothing for nulls.
pub(crate) fn texts(column: &ArrayRef) -> Vec<String> {
    match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().iter().flatten().map(str::to_owned).collect(),
        // The whole dictionary, whether rows use it or not.
        DataType::Dictionary(..) => texts(column.as_dictionary::<Int32Type>().values()),
        DataType::List(_) => texts(column.as_list::<i32>().values()),
        _ => Vec::new(),
    }
}

/// The texts of one column of a table, row by row.
pub(crate) fn column(folder: &Path, table: &str, name: &str) -> Vec<Option<String>> {
    let mut all = Vec::new();
    for batch in rows(folder, table) {
        let column = batch.column_by_name(name).unwrap();
        let plain = match column.data_type() {
            DataType::Dictionary(..) => {
                let typed = column
                    .as_dictionary::<Int32Type>()
                    .downcast_dict::<arrow::array::StringArray>()
                    .unwrap();
                (0..column.len())
                    .map(|row| {
                        column
                            .is_valid(row)
                            .then(|| arrow::array::ArrayAccessor::value(&typed, row).to_owned())
                    })
                    .collect::<Vec<_>>()
            }
            _ => column.as_string::<i32>().iter().map(|text| text.map(str::to_owned)).collect(),
        };
        all.extend(plain);
    }
    all
}

/// Every file below a folder.
pub(crate) fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = std::fs::read_dir(folder) else { return found };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
