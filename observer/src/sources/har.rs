//! HAR 1.2: one JSON document with the entries in `log.entries`.
//!
//! # Source
//!
//! HAR 1.2, "log".

use std::io;

use super::Run;
use super::document::{self, List};
use super::entry::EntryReader;
use super::window::Window;

/// Reads to the end, an entry at a time.
pub(super) fn read(window: &mut Window, run: &mut Run<'_, '_>) -> io::Result<()> {
    let mut reader = EntryReader::default();
    let list = List { parent: Some("log"), names: &["entries"], path: "log.entries" };
    document::read(window, run, &list, &mut |run, place, text| {
        run.put(place, reader.read(text, &run.limits));
    })
}
