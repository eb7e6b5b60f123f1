//! Rows of a segment while it is open, and their Arrow form.

use std::sync::Arc;

use arrow::array::{
    ArrayRef, BooleanArray, DictionaryArray, Int32Array, Int64Builder, ListArray, ListBuilder,
    RecordBatch, StringArray, TimestampMicrosecondArray, UInt16Array, UInt32Array, UInt64Array,
    UInt64Builder,
};
use arrow::buffer::{OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Int32Type};
use rustc_hash::FxHashMap;

use super::{path, table::Table};
use crate::shape::ShapeRow;

/// How much of an answer's body could be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum BodyState {
    /// JSON (or a form), read whole.
    Ok,
    /// There was none.
    None,
    /// Of a media type or text that is not JSON.
    NotJson,
    /// Cut off by the capture or the connection.
    Truncated,
    /// An HTML page of a proxy in front of the vendor.
    Gateway,
}

impl BodyState {
    /// The column's word.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::None => "none",
            Self::NotJson => "not-json",
            Self::Truncated => "truncated",
            Self::Gateway => "gateway",
        }
    }
}

/// One limit an answer's headers state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LimitCell {
    pub(crate) policy: u32,
    pub(crate) remaining: Option<i64>,
    pub(crate) reset_ms: Option<i64>,
}

/// One row of `exchanges`; texts are indices into [`ExchangeRows::texts`].
#[derive(Debug, Clone)]
pub(crate) struct ExchangeRow {
    pub(crate) seen_at_us: i64,
    pub(crate) route: Option<u32>,
    pub(crate) path: Option<u32>,
    pub(crate) event: Option<u32>,
    pub(crate) status: u16,
    pub(crate) latency_us: u32,
    pub(crate) caller: u64,
    pub(crate) entity: u64,
    pub(crate) api_version: Option<u32>,
    pub(crate) request_media: Option<u32>,
    pub(crate) response_media: Option<u32>,
    pub(crate) body: BodyState,
    pub(crate) retry_after_ms: Option<u32>,
}

/// The open rows of `exchanges`.
#[derive(Debug, Default)]
pub(crate) struct ExchangeRows {
    rows: Vec<ExchangeRow>,
    request: Lists,
    response: Lists,
    limits: Vec<LimitCell>,
    limit_ends: Vec<usize>,
    texts: Vec<String>,
    by_text: FxHashMap<String, u32>,
    /// Texts of numbered names, one more than the index; 0 where the name was not used yet.
    by_name: Vec<u32>,
}

/// Lists of ids laid end to end.
#[derive(Debug, Default)]
struct Lists {
    ids: Vec<u64>,
    ends: Vec<i32>,
}

impl ExchangeRows {
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The index of a text, which stays valid until [`ExchangeRows::take`].
    pub(crate) fn text(&mut self, text: &str) -> u32 {
        if let Some(index) = self.by_text.get(text) {
            return *index;
        }
        let index = u32::try_from(self.texts.len()).expect("fewer texts than rows");
        self.texts.push(text.to_owned());
        self.by_text.insert(text.to_owned(), index);
        index
    }

    /// As [`ExchangeRows::text`], for names that have a number: found without hashing.
    pub(crate) fn name(&mut self, number: u32, name: &str) -> u32 {
        let place = number as usize;
        if place >= self.by_name.len() {
            self.by_name.resize(place + 1, 0);
        }
        if self.by_name[place] == 0 {
            self.by_name[place] = self.text(name) + 1;
        }
        self.by_name[place] - 1
    }

    pub(crate) fn push(
        &mut self,
        row: ExchangeRow,
        request: &[u64],
        response: &[u64],
        limits: Vec<LimitCell>,
    ) {
        self.rows.push(row);
        self.request.push(request);
        self.response.push(response);
        self.limits.extend(limits);
        self.limit_ends.push(self.limits.len());
    }

    /// Leaves each row one of route and path where it has both: the path if it is `chosen`.
    pub(crate) fn settle(&mut self, chosen: impl Fn(&str) -> bool) {
        for row in self.rows.iter_mut().filter(|row| row.route.is_some()) {
            match row.path {
                Some(path) if chosen(&self.texts[path as usize]) => row.route = None,
                _ => row.path = None,
            }
        }
    }

    /// The rows as one batch, and an empty buffer in their place; texts pass through `render`
    /// first, which may withhold what turned out to be a value.
    pub(crate) fn take(&mut self, render: impl Fn(&str) -> String) -> RecordBatch {
        let open = std::mem::take(self);
        let texts: Vec<String> = open.texts.iter().map(|text| render(text)).collect();
        let rows = &open.rows;
        let time: TimestampMicrosecondArray =
            rows.iter().map(|row| row.seen_at_us).collect::<Vec<_>>().into();
        let mut policies =
            ListBuilder::new(arrow::array::StringDictionaryBuilder::<Int32Type>::new())
                .with_field(Field::new("item", dictionary_type(), false));
        let mut remaining = ListBuilder::new(Int64Builder::new());
        let mut reset = ListBuilder::new(Int64Builder::new());
        let mut start = 0;
        for &end in &open.limit_ends {
            for cell in &open.limits[start..end] {
                policies.values().append_value(&texts[cell.policy as usize]);
                remaining.values().append_option(cell.remaining);
                reset.values().append_option(cell.reset_ms);
            }
            policies.append(true);
            remaining.append(true);
            reset.append(true);
            start = end;
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(time.with_timezone("UTC")),
            dictionary(&texts, rows.iter().map(|row| row.route)),
            dictionary(&texts, rows.iter().map(|row| row.path)),
            dictionary(&texts, rows.iter().map(|row| row.event)),
            Arc::new(UInt16Array::from_iter_values(rows.iter().map(|row| row.status))),
            Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.latency_us))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.caller))),
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.entity))),
            dictionary(&texts, rows.iter().map(|row| row.api_version)),
            dictionary(&texts, rows.iter().map(|row| row.request_media)),
            dictionary(&texts, rows.iter().map(|row| row.response_media)),
            body_states(rows),
            open.request.into_array(),
            open.response.into_array(),
            Arc::new(policies.finish()),
            Arc::new(remaining.finish()),
            Arc::new(reset.finish()),
            Arc::new(rows.iter().map(|row| row.retry_after_ms).collect::<UInt32Array>()),
        ];
        RecordBatch::try_new(Table::Exchanges.schema(), columns)
            .expect("columns follow the table's schema")
    }
}

impl Lists {
    fn push(&mut self, ids: &[u64]) {
        self.ids.extend_from_slice(ids);
        self.ends.push(i32::try_from(self.ids.len()).expect("a segment holds fewer than 2^31 ids"));
    }

    fn into_array(self) -> ArrayRef {
        let mut offsets = Vec::with_capacity(self.ends.len() + 1);
        offsets.push(0);
        offsets.extend(self.ends);
        let item = Arc::new(Field::new("item", DataType::UInt64, false));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        Arc::new(ListArray::new(item, offsets, Arc::new(UInt64Array::from(self.ids)), None))
    }
}

/// Rows of `shapes` as a batch.
pub(crate) fn shapes_batch(rows: &[ShapeRow]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.shape))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| path::encode(&row.path)))),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| path::encode(&row.key)))),
        Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.classes.0))),
        Arc::new(rows.iter().map(|row| Some(row.sometimes)).collect::<BooleanArray>()),
    ];
    RecordBatch::try_new(Table::Shapes.schema(), columns)
        .expect("columns follow the table's schema")
}

/// One row of `values`.
#[derive(Debug, Clone)]
pub(crate) struct ValueRow {
    pub(crate) surface: &'static str,
    pub(crate) route: Option<String>,
    pub(crate) status: Option<u16>,
    pub(crate) event: Option<String>,
    pub(crate) path: String,
    pub(crate) token: Option<String>,
    pub(crate) pseudonym: Option<u64>,
    pub(crate) count: u64,
    pub(crate) entities: Vec<u64>,
    pub(crate) callers: Vec<u64>,
    pub(crate) first_us: Option<i64>,
    pub(crate) last_us: Option<i64>,
}

/// Rows of `values` as a batch.
pub(crate) fn values_batch(rows: &[ValueRow]) -> RecordBatch {
    let time = |at: fn(&ValueRow) -> Option<i64>| -> ArrayRef {
        Arc::new(rows.iter().map(at).collect::<TimestampMicrosecondArray>().with_timezone("UTC"))
    };
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| row.surface))),
        Arc::new(rows.iter().map(|row| row.route.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.status).collect::<UInt16Array>()),
        Arc::new(rows.iter().map(|row| row.event.as_deref()).collect::<StringArray>()),
        Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.path))),
        Arc::new(rows.iter().map(|row| row.token.as_deref()).collect::<StringArray>()),
        Arc::new(rows.iter().map(|row| row.pseudonym).collect::<UInt64Array>()),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.count))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.entities.len() as u64))),
        id_lists(rows.iter().map(|row| row.entities.as_slice())),
        id_lists(rows.iter().map(|row| row.callers.as_slice())),
        time(|row| row.first_us),
        time(|row| row.last_us),
    ];
    RecordBatch::try_new(Table::Values.schema(), columns)
        .expect("columns follow the table's schema")
}

/// Rows of `links`, (encoded path, pseudonym), as a batch.
pub(crate) fn links_batch(rows: &[(String, u64)]) -> RecordBatch {
    let columns: Vec<ArrayRef> = vec![
        Arc::new(StringArray::from_iter_values(rows.iter().map(|(field, _)| field))),
        Arc::new(UInt64Array::from_iter_values(rows.iter().map(|(_, pseudonym)| *pseudonym))),
    ];
    RecordBatch::try_new(Table::Links.schema(), columns).expect("columns follow the table's schema")
}

fn id_lists<'r>(lists: impl Iterator<Item = &'r [u64]>) -> ArrayRef {
    let item = Field::new("item", DataType::UInt64, false);
    let mut builder = ListBuilder::new(UInt64Builder::new()).with_field(item);
    for list in lists {
        builder.values().append_slice(list);
        builder.append(true);
    }
    Arc::new(builder.finish())
}

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// A dictionary column whose dictionary holds just the texts the column uses.
fn dictionary(texts: &[String], indices: impl Iterator<Item = Option<u32>>) -> ArrayRef {
    let mut places: FxHashMap<u32, i32> = FxHashMap::default();
    let mut used: Vec<&str> = Vec::new();
    let keys: Int32Array = indices
        .map(|index| {
            index.map(|index| {
                *places.entry(index).or_insert_with(|| {
                    used.push(&texts[index as usize]);
                    i32::try_from(used.len() - 1).expect("fewer texts than rows")
                })
            })
        })
        .collect();
    Arc::new(DictionaryArray::<Int32Type>::new(keys, Arc::new(StringArray::from(used))))
}

fn body_states(rows: &[ExchangeRow]) -> ArrayRef {
    const STATES: [BodyState; 5] = [
        BodyState::Ok,
        BodyState::None,
        BodyState::NotJson,
        BodyState::Truncated,
        BodyState::Gateway,
    ];
    let keys = rows.iter().map(|row| row.body as i32);
    let names = StringArray::from_iter_values(STATES.iter().map(|state| state.name()));
    Arc::new(DictionaryArray::<Int32Type>::new(Int32Array::from_iter_values(keys), Arc::new(names)))
}
