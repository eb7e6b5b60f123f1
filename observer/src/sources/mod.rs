//! Files of recorded traffic, read as a stream of [`RawExchange`]s.
//!
//! [`open`] tells the format by content first and extension second: HAR 1.2, NDJSON of HAR entries
//! or a VCR cassette, plain or gzip. [`Source::for_each`] then hands over one [`Item`] at a time: an
//! exchange that borrows from the source's buffers, or a [`Fault`] that names file, line and reason,
//! after which reading goes on. Memory is bounded by the longest entry, and that by [`Limits`];
//! only a YAML cassette is held whole.
//!
//! ```no_run
//! use std::ops::ControlFlow;
//! use std::path::Path;
//! use observer::sources::{Item, Limits, open};
//!
//! let mut source = open(Path::new("calls.ndjson.gz"))?;
//! let totals = source.for_each(&Limits::default(), &mut |item| {
//!     match item {
//!         Item::Exchange { place, raw } => eprintln!("{place}: {} {}", raw.method, raw.url),
//!         Item::Fault(fault) => eprintln!("{fault}"),
//!     }
//!     ControlFlow::Continue(())
//! })?;
//! eprintln!("{} exchanges, {} faults", totals.exchanges, totals.faults);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Never scrubs, never writes, and never decides which exchanges matter.

mod body;
mod digest;
mod document;
mod entry;
pub(crate) mod escapes;
mod fault;
mod format;
mod har;
mod json;
mod ndjson;
mod time;
mod vcr;
mod window;

use std::fs::File;
use std::io::{self, Read, Seek};
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

pub use digest::digest;
pub(crate) use digest::digest_with;
pub use entry::EntryReader;
pub use fault::{Fault, Flaw, NothingRead, OpenError, Place, ReadError};
pub use format::Format;
pub use window::Progress;

use chrono::{DateTime, TimeDelta, Utc};

use crate::exchange::RawExchange;
use window::{Cut, Window};

/// What one entry may cost, and when it may be of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a body that are kept, after decoding; a longer body counts as truncated.
    pub body_bytes_max: usize,
    /// Bytes of a line, an entry or a YAML cassette; a longer one is a [`Flaw::TooLong`].
    pub line_bytes_max: usize,
    /// Microseconds since the Unix epoch; what is dated later is a [`Flaw::Ahead`].
    pub latest_us: i64,
}

/// How far the clocks of two machines may differ: a day, so that local times taken for UTC still
/// count as they are written.
pub const AHEAD_MAX: TimeDelta = TimeDelta::days(1);

/// Nothing is older: the first page of the web went up on 6 August 1991. Programs that never set a
/// time write the year 1, 1970 or 1980.
const EARLIEST_US: i64 = 681_436_800_000_000;

impl Default for Limits {
    /// 8 MiB a body, 256 MiB a line, and no clock to go by.
    fn default() -> Self {
        Self { body_bytes_max: 8 << 20, line_bytes_max: 256 << 20, latest_us: i64::MAX }
    }
}

impl Limits {
    /// The usual ones, of a reader whose clock this is: data time orders all that is observed, so that
    /// one exchange of next year would make everything else a matter of the past.
    pub fn by_clock(now: DateTime<Utc>) -> Self {
        let latest_us = (now + AHEAD_MAX).timestamp_micros();
        Self { latest_us, ..Self::default() }
    }

    /// What is wrong with a time, if anything.
    fn misdate(&self, us: i64) -> Option<Flaw> {
        match us {
            us if us > self.latest_us => Some(Flaw::ahead(us, self.latest_us)),
            us if us < EARLIEST_US => Some(Flaw::undated(us)),
            _ => None,
        }
    }
}

/// One thing found in a source.
#[derive(Debug)]
pub enum Item<'a> {
    /// An exchange.
    Exchange {
        /// Where it stands.
        place: Place,
        /// Borrows from the source until the sink returns.
        raw: RawExchange<'a>,
    },
    /// A line or entry that could not be read, or what is wrong with the file as a whole.
    Fault(Fault),
}

/// What was handed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Items that were exchanges.
    pub exchanges: u64,
    /// Items that were faults.
    pub faults: u64,
    /// Exchanges of a cassette that have no date of their own and none in the answer, and so are dated
    /// by the file.
    pub undated: u64,
}

/// Takes items; [`ControlFlow::Break`] stops reading.
pub type Sink<'s> = dyn FnMut(Item<'_>) -> ControlFlow<()> + 's;

/// A file open for reading, its format known.
#[derive(Debug)]
pub struct Source {
    path: PathBuf,
    format: Format,
    /// Of the file; stands for the time of an exchange whose cassette records none.
    modified_us: i64,
    window: Window,
    progress: Arc<Progress>,
    read: bool,
}

/// Opens a file and tells its format.
///
/// # Errors
///
/// Where the file cannot be read, or is no source: an empty file, a directory, binary data, an
/// `OpenAPI` document. The message names the file and what was expected.
pub fn open(path: &Path) -> Result<Source, OpenError> {
    let failed = |source: io::Error| OpenError::Io { path: path.to_owned(), source };
    let mut file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.is_dir() {
        return Err(OpenError::Directory { path: path.to_owned() });
    }
    let progress = Arc::new(Progress::new(metadata.len()));
    let mut magic = Vec::new();
    Read::by_ref(&mut file).take(2).read_to_end(&mut magic).map_err(failed)?;
    let gzip = magic == [0x1F, 0x8B];
    file.rewind().map_err(failed)?;
    let mut window = Window::new(file, gzip, Arc::clone(&progress));
    window.fill_to(format::SNIFF_BYTES).map_err(failed)?;
    if window.bytes().is_empty()
        && let Some(cut) = window.cut()
    {
        let source = match cut {
            Cut::Short => io::Error::from(io::ErrorKind::UnexpectedEof),
            Cut::Damaged(message) => io::Error::other(message.clone()),
        };
        return Err(OpenError::Gzip { path: path.to_owned(), source });
    }
    if window.bytes().starts_with(b"\xEF\xBB\xBF") {
        window.consume(3);
    }
    let format = format::tell(path, window.bytes())?;
    let modified_us = metadata.modified().ok().map_or(0, microseconds);
    Ok(Source { path: path.to_owned(), format, modified_us, window, progress, read: false })
}

fn microseconds(time: SystemTime) -> i64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

impl Source {
    /// The file's format.
    pub fn format(&self) -> Format {
        self.format
    }

    /// When the file was last changed, microseconds since the Unix epoch; what stands for the time of an
    /// exchange that has none.
    pub fn modified_us(&self) -> i64 {
        self.modified_us
    }

    /// A handle that tells how far [`Source::for_each`] has come while it runs.
    pub fn progress(&self) -> Arc<Progress> {
        Arc::clone(&self.progress)
    }

    /// Hands every item to `sink`, in the file's order, until the end or a break.
    ///
    /// A file cut off or damaged gives all entries before and then one fault for [`Place::File`].
    /// A source is read once: a second call gives nothing.
    ///
    /// # Errors
    ///
    /// Where the file system fails; what is wrong with the file's content is an item.
    pub fn for_each(&mut self, limits: &Limits, sink: &mut Sink<'_>) -> Result<Totals, ReadError> {
        if std::mem::replace(&mut self.read, true) {
            return Ok(Totals::default());
        }
        let mut run = Run {
            path: &self.path,
            limits: *limits,
            sink,
            totals: Totals::default(),
            stopped: false,
        };
        let result = match self.format {
            Format::Ndjson => ndjson::read(&mut self.window, &mut run),
            Format::Har => har::read(&mut self.window, &mut run),
            Format::VcrJson => vcr::read_json(&mut self.window, self.modified_us, &mut run),
            Format::VcrYaml => vcr::read_yaml(&mut self.window, self.modified_us, &mut run),
        };
        let after = run.entries();
        match result {
            Ok(()) => Ok(run.totals),
            Err(source) => Err(ReadError { path: self.path.clone(), after, source }),
        }
    }
}

/// One call of [`Source::for_each`]: where items go, and how many went.
struct Run<'r, 's> {
    path: &'r Path,
    limits: Limits,
    sink: &'r mut Sink<'s>,
    totals: Totals,
    /// The sink asked to stop.
    stopped: bool,
}

impl Run<'_, '_> {
    fn put(&mut self, place: Place, result: Result<RawExchange<'_>, Flaw>) {
        let flow = match result {
            Ok(raw) => match self.limits.misdate(raw.seen_at_us) {
                None => {
                    self.totals.exchanges += 1;
                    (self.sink)(Item::Exchange { place, raw })
                }
                Some(flaw) => self.put_flaw(place, flaw),
            },
            Err(flaw) => self.put_flaw(place, flaw),
        };
        self.stopped |= flow.is_break();
    }

    fn put_flaw(&mut self, place: Place, flaw: Flaw) -> ControlFlow<()> {
        self.totals.faults += 1;
        (self.sink)(Item::Fault(Fault { file: self.path.to_owned(), place, flaw }))
    }

    /// Entries put so far, those at fault included.
    fn entries(&self) -> u64 {
        self.totals.exchanges + self.totals.faults
    }

    /// The fault of an entry over the limit.
    fn put_too_long(&mut self, place: Place) {
        self.put(place, Err(Flaw::TooLong { limit: self.limits.line_bytes_max }));
    }

    /// The fault of the file as a whole, if its gzip stream ended before its end.
    fn put_cut(&mut self, window: &Window) -> bool {
        let after = self.entries();
        let flaw = match window.cut() {
            None => return false,
            Some(Cut::Short) => Flaw::GzipEndsEarly { after },
            Some(Cut::Damaged(message)) => Flaw::GzipDamaged { after, message: message.clone() },
        };
        self.put(Place::File, Err(flaw));
        true
    }
}
