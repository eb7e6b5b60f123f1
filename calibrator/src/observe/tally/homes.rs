//! Routes, paths and events as numbers: SQL groups by a word where it would have to by three texts.
//!
//! The columns are dictionaries: a batch of thousands of rows has a few dozen texts. Each is looked at
//! once a batch, and rows are looked up by their keys.

use std::collections::HashMap;
use std::sync::Arc;

use datafusion::arrow::array::{
    Array as _, ArrayRef, AsArray as _, DictionaryArray, StringArray, UInt64Array,
};
use datafusion::arrow::datatypes::{DataType, Int32Type};
use datafusion::error::{DataFusionError, Result};
use datafusion::logical_expr::{ColumnarValue, ScalarUDF, Volatility, create_udf};
use models::Surface;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::Home;
use crate::observe::ObserveError;
use crate::observe::rows::Rows;
use crate::observe::session::LakeSession;

/// What a number is of.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Route = 1,
    Path = 2,
    Event = 3,
}

/// The number of a text; the same in every process, and never 0.
fn number(kind: Kind, text: &str) -> u64 {
    xxh3_64_with_seed(text.as_bytes(), kind as u64).max(1)
}

/// The number that `home_of` gives the exchanges of a home.
pub(super) fn number_of(home: &Home) -> u64 {
    if !home.event.is_empty() {
        number(Kind::Event, &home.event)
    } else if !home.route.is_empty() {
        number(Kind::Route, &home.route)
    } else if !home.path.is_empty() {
        number(Kind::Path, &home.path)
    } else {
        0
    }
}

/// `home_of(route, path, event)`: the event's number, else the route's, else the path's, else 0.
pub(super) fn function() -> ScalarUDF {
    let run = |arguments: &[ColumnarValue]| {
        let columns = ColumnarValue::values_to_arrays(arguments)?;
        let [route, path, event] = columns.as_slice() else {
            return Err(DataFusionError::Execution("home_of takes three columns".into()));
        };
        let kinds = [(event, Kind::Event), (route, Kind::Route), (path, Kind::Path)];
        let [event, route, path] = kinds.map(|(column, kind)| Numbers::of(column, kind));
        let (event, route, path) = (event?, route?, path?);
        let rows = (0..columns[0].len()).map(|row| {
            event.at(row).or_else(|| route.at(row)).or_else(|| path.at(row)).unwrap_or(0)
        });
        let homes: ArrayRef = Arc::new(UInt64Array::from_iter_values(rows));
        Ok(ColumnarValue::Array(homes))
    };
    let text = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let takes = vec![text(), text(), text()];
    create_udf("home_of", takes, DataType::UInt64, Volatility::Immutable, Arc::new(run))
}

/// A column of texts as numbers.
struct Numbers<'c> {
    rows: &'c DictionaryArray<Int32Type>,
    /// By key; none for the empty text.
    numbers: Vec<Option<u64>>,
}

impl<'c> Numbers<'c> {
    fn of(column: &'c ArrayRef, kind: Kind) -> Result<Self> {
        let is = column.data_type();
        let wrong = || DataFusionError::Execution(format!("a column of {is} in place of texts"));
        let rows = column.as_dictionary_opt::<Int32Type>().ok_or_else(wrong)?;
        let texts: &StringArray = rows.values().as_string_opt().ok_or_else(wrong)?;
        let of = |text: Option<&str>| {
            text.filter(|text| !text.is_empty()).map(|text| number(kind, text))
        };
        Ok(Self { rows, numbers: texts.iter().map(of).collect() })
    }

    fn at(&self, row: usize) -> Option<u64> {
        self.rows.key(row).and_then(|key| self.numbers[key])
    }
}

/// What the numbers of a window stand for.
#[derive(Debug, Default)]
pub(super) struct Homes(HashMap<u64, (String, String, String)>);

impl Homes {
    /// # Errors
    ///
    /// Where the lake cannot be read.
    pub(super) async fn read(session: &LakeSession) -> std::result::Result<Self, ObserveError> {
        let mut homes = HashMap::new();
        let sql = include_str!("../../sql/observed_homes.sql");
        for batch in session.query("observed_homes.sql", sql).await? {
            let rows = Rows(&batch);
            let texts = rows.word("route").into_iter().zip(rows.word("path"));
            let texts = texts.zip(rows.word("event"));
            let all = rows.u64("home").into_iter().zip(texts);
            homes.extend(all.map(|(home, ((route, path), event))| {
                // Where there is an event, it alone is the home.
                let of_event = !event.is_empty();
                let unless = |text: String| if of_event { String::new() } else { text };
                (home, (unless(route), unless(path), event))
            }));
        }
        Ok(Self(homes))
    }

    /// Route and path of a number.
    pub(super) fn route_and_path(&self, home: u64) -> (String, String) {
        let (route, path, _) = self.0.get(&home).cloned().unwrap_or_default();
        (route, path)
    }

    /// The homes of rows that have `home`, `is_request` and `status`.
    pub(super) fn of(&self, rows: &Rows<'_>) -> Vec<Home> {
        let numbers = rows.u64("home").into_iter().zip(rows.bool("is_request"));
        let all = numbers.zip(rows.u16("status"));
        all.map(|((home, is_request), status)| {
            let (route, path, event) = self.0.get(&home).cloned().unwrap_or_default();
            let surface = match (is_request, event.is_empty()) {
                (true, _) => Surface::Request,
                (false, true) => Surface::Response,
                (false, false) => Surface::Webhook,
            };
            Home { surface, route, path, event, status }
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn home(route: &str, path: &str, event: &str) -> Home {
        let (route, path, event) = (route.to_owned(), path.to_owned(), event.to_owned());
        Home { surface: Surface::Response, route, path, event, status: 200 }
    }

    #[test]
    fn a_route_a_path_and_an_event_of_one_text_are_three_homes_and_no_text_is_none() {
        let numbers =
            [home("a", "", ""), home("", "a", ""), home("", "", "a")].map(|h| number_of(&h));
        assert!(numbers[0] != numbers[1] && numbers[1] != numbers[2] && numbers[0] != numbers[2]);
        assert_eq!(number_of(&home("", "", "")), 0);
    }

    #[test]
    fn rows_have_the_number_of_their_event_else_route_else_path() {
        let column = |texts: [Option<&str>; 4]| -> ArrayRef {
            Arc::new(texts.into_iter().collect::<DictionaryArray<Int32Type>>())
        };
        let route = column([Some("GET /a"), None, Some("GET /a"), None]);
        let path = column([None, Some("GET /{int:1}"), None, None]);
        let event = column([None, None, Some("paid"), None]);
        let [events, routes, paths] = [
            Numbers::of(&event, Kind::Event).unwrap(),
            Numbers::of(&route, Kind::Route).unwrap(),
            Numbers::of(&path, Kind::Path).unwrap(),
        ];
        let found: Vec<_> = (0..4)
            .map(|row| events.at(row).or_else(|| routes.at(row)).or_else(|| paths.at(row)))
            .collect();
        let expected = [
            Some(number_of(&home("GET /a", "", ""))),
            Some(number_of(&home("", "GET /{int:1}", ""))),
            Some(number_of(&home("", "", "paid"))),
            None,
        ];
        assert_eq!(found, expected);
    }
}
