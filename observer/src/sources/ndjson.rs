//! NDJSON: a HAR entry on each line, `"_kind": "webhook"` marking a delivery.

use std::io;

use super::Run;
use super::entry::EntryReader;
use super::fault::Place;
use super::window::{Next, Window};

/// Reads to the end. Blank lines are no entries, yet are counted as lines.
pub(super) fn read(window: &mut Window, run: &mut Run<'_, '_>) -> io::Result<()> {
    let mut reader = EntryReader::default();
    let mut number = 0;
    while !run.stopped {
        number += 1;
        let place = Place::Line(number);
        match window.line(run.limits.line_bytes_max)? {
            Next::Some(line) if line.trim_ascii().is_empty() => {}
            Next::Some(line) => run.put(place, reader.read(line, &run.limits)),
            // The cut may fall on a line's end; if not, it is named once, below.
            Next::Part(line) => {
                if let Ok(raw) = reader.read(line, &run.limits) {
                    run.put(place, Ok(raw));
                }
            }
            Next::TooLong => run.put_too_long(place),
            Next::End => {
                run.put_cut(window);
                return Ok(());
            }
        }
    }
    Ok(())
}
