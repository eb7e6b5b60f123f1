//! One large JSON document, of which a list's items are wanted one at a time.

use std::io;

use super::Run;
use super::fault::{Flaw, Place};
use super::json::Cursor;
use super::window::{Next, Window};

/// Which list.
pub(super) struct List {
    /// The key of the object that holds it; `None` for the document itself.
    pub(super) parent: Option<&'static str>,
    /// Its key; any of these.
    pub(super) names: &'static [&'static str],
    /// As messages name it.
    pub(super) path: &'static str,
}

/// Takes one item's text.
pub(super) type Put<'p> = dyn FnMut(&mut Run<'_, '_>, Place, &[u8]) + 'p;

/// Hands over the list's items to the document's end, then what is wrong with the document.
pub(super) fn read(
    window: &mut Window,
    run: &mut Run<'_, '_>,
    list: &List,
    put: &mut Put<'_>,
) -> io::Result<()> {
    let mut walk = Walk { window, run, list, put, number: 0, found: false };
    let result = walk.object(list.parent.is_none());
    let (after, found) = (walk.number, walk.found);
    let flaw = match result {
        Ok(()) if found => return Ok(()),
        Ok(()) => Flaw::Missing { field: list.path },
        Err(Halt::Io(error)) => return Err(error),
        Err(Halt::Stopped) => return Ok(()),
        Err(Halt::Early) if run.put_cut(window) => return Ok(()),
        Err(Halt::Early) => Flaw::EndsEarly { after },
        Err(Halt::Broken(expected)) => Flaw::DocumentBroken { after, expected },
    };
    run.put(Place::File, Err(flaw));
    Ok(())
}

/// Why the document was left before its end.
enum Halt {
    Io(io::Error),
    Early,
    Broken(&'static str),
    Stopped,
}

impl From<io::Error> for Halt {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

struct Walk<'w, 'r, 's, 'p, 'q> {
    window: &'w mut Window,
    run: &'w mut Run<'r, 's>,
    list: &'w List,
    put: &'p mut Put<'q>,
    number: u64,
    found: bool,
}

/// A key of a document's outer objects is a few letters; anything longer is not the one.
const KEY_BYTES_MAX: usize = 64 * 1024;

impl Walk<'_, '_, '_, '_, '_> {
    /// Walks an object; `holds` if the list is directly in it.
    fn object(&mut self, holds: bool) -> Result<(), Halt> {
        self.step(b'{', "`{`")?;
        let mut first = true;
        while self.another(b'}', &mut first, "`,` or `}`")? {
            let key = self.key()?;
            self.step(b':', "`:`")?;
            let next = self.window.peek()?;
            if holds && next == Some(b'[') && self.list.names.contains(&key.as_str()) {
                self.found = true;
                self.items()?;
            } else if !holds && next == Some(b'{') && self.list.parent == Some(&key) {
                self.object(true)?;
            } else if !self.window.skip_value()? {
                return Err(Halt::Early);
            }
        }
        Ok(())
    }

    fn key(&mut self) -> Result<String, Halt> {
        if self.window.peek()?.is_some_and(|byte| byte != b'"') {
            return Err(Halt::Broken("a key"));
        }
        let text = match self.window.value(KEY_BYTES_MAX)? {
            Next::Some(text) => std::str::from_utf8(text).unwrap_or_default(),
            Next::TooLong => "\"\"",
            Next::Part(_) | Next::End => return Err(Halt::Early),
        };
        let key = Cursor::new(text).string("a key").map_err(|_| Halt::Broken("a key"))?;
        Ok(key.into_owned())
    }

    fn items(&mut self) -> Result<(), Halt> {
        self.step(b'[', "`[`")?;
        let mut first = true;
        while self.another(b']', &mut first, "`,` or `]`")? {
            let place = Place::Entry(self.number + 1);
            match self.window.value(self.run.limits.line_bytes_max)? {
                Next::Some([]) => return Err(Halt::Broken("an entry")),
                Next::Some(text) => (self.put)(self.run, place, text),
                Next::TooLong => self.run.put_too_long(place),
                Next::Part(_) | Next::End => return Err(Halt::Early),
            }
            self.number += 1;
            if self.run.stopped {
                return Err(Halt::Stopped);
            }
        }
        Ok(())
    }

    fn another(
        &mut self,
        close: u8,
        first: &mut bool,
        expected: &'static str,
    ) -> Result<bool, Halt> {
        let next = self.window.peek()?.ok_or(Halt::Early)?;
        if next == close {
            self.window.consume(1);
            return Ok(false);
        }
        if std::mem::replace(first, false) {
            return Ok(true);
        }
        self.step(b',', expected)?;
        self.window.peek()?.ok_or(Halt::Early)?;
        Ok(true)
    }

    fn step(&mut self, byte: u8, expected: &'static str) -> Result<(), Halt> {
        match self.window.peek()? {
            None => Err(Halt::Early),
            Some(next) if next == byte => {
                self.window.consume(1);
                Ok(())
            }
            Some(_) => Err(Halt::Broken(expected)),
        }
    }
}
