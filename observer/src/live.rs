//! Live observation: exchanges as they come, on the disk within a moment, in the lake by and by.
//!
//! ```no_run
//! use std::sync::Arc;
//!
//! use models::Model;
//! use observer::intake::{Disclosure, Intake};
//! use observer::key::LakeKey;
//! use observer::lake::Lake;
//! use observer::live::{LiveConfig, LiveWriter};
//! # fn exchanges() -> Vec<observer::exchange::RawExchange<'static>> { Vec::new() }
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let model = Model::empty("mail", "https://api.mail.example");
//! let key = LakeKey::load_or_create(".wt/keys/lake.key".as_ref())?;
//! let intake = Intake::new(Arc::new(model), key, Disclosure::PRODUCTION);
//! let lake = Lake::open("lake".as_ref())?;
//! let config = LiveConfig::new("mail", "proxy", ".wt/wal/mail".into());
//! let (mut writer, recovered) = LiveWriter::open(intake, lake, config)?;
//! println!("{} segments of an observer that crashed", recovered.len());
//! for exchange in exchanges() {
//!     writer.take(&exchange)?;
//! }
//! let summary = writer.finish()?;
//! println!("{} exchanges in {} segments", summary.exchanges, summary.segments.len());
//! # Ok(())
//! # }
//! ```
//!
//! Rows are gathered into groups; a group is appended to the write-ahead file with one wait for the
//! disk. Files are sealed into Parquet when they are large or old. A crash loses the group being
//! gathered and no other; [`LiveWriter::open`] seals what a crash left.
//!
//! Where the disk refuses, capturing stops: exchanges are counted as dropped until a later attempt
//! succeeds, and the rows gathered before wait for it in memory.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arrow::error::ArrowError;
use tokio::runtime::Handle;
use tokio::sync::mpsc::Receiver;
use tokio::sync::mpsc::error::TryRecvError;

use crate::exchange::RawExchange;
use crate::intake::{Batches, Intake, Withholding};
use crate::lake::wal::{Frames, Notes, WalError, WalFile};
use crate::lake::{self, Lake, SealError, Sealed, Segment};
use crate::proxy::{CaptureEvent, Status};

/// Between snapshots of tokens and links where few rows come; many bring theirs earlier.
const SNAPSHOT_TIME_MIN: Duration = Duration::from_secs(10);

/// Where rows wait, and for how long.
#[derive(Debug, Clone)]
pub struct LiveConfig {
    /// The twin observed.
    pub twin: String,
    /// `proxy`, `sample` or `webhooks`.
    pub source: String,
    /// Folder of the twin's write-ahead files, on a local disk.
    pub wal_dir: PathBuf,
    /// Rows after which a group is written.
    pub group_rows_max: usize,
    /// Time after which a group is written; what a crash can lose.
    pub group_time_max: Duration,
    /// Rows after which a file is sealed.
    pub segment_rows_max: u64,
    /// Bytes after which a file is sealed.
    pub segment_bytes_max: u64,
    /// Time after which a file is sealed.
    pub segment_time_max: Duration,
    /// Between attempts on a disk or lake that refused.
    pub retry_after: Duration,
}

impl LiveConfig {
    /// Groups of 512 rows or 250 ms, segments of 100 000 rows, 64 MiB or 10 minutes.
    pub fn new(twin: &str, source: &str, wal_dir: PathBuf) -> Self {
        Self {
            twin: twin.to_owned(),
            source: source.to_owned(),
            wal_dir,
            group_rows_max: 512,
            group_time_max: Duration::from_millis(250),
            segment_rows_max: 100_000,
            segment_bytes_max: 64 << 20,
            segment_time_max: Duration::from_mins(10),
            retry_after: Duration::from_secs(1),
        }
    }
}

/// Why a group could not be written or a file not sealed. Nothing that was stored is lost.
#[derive(Debug, thiserror::Error)]
pub enum LiveError {
    /// The write-ahead file.
    #[error(transparent)]
    Wal(#[from] WalError),
    /// The lake, or the write-ahead file on its way there.
    #[error(transparent)]
    Seal(#[from] SealError),
    /// Rows could not be turned into Arrow's form; they are lost.
    #[error("observed rows of {twin} cannot be encoded")]
    Encode {
        /// The twin.
        twin: String,
        /// What Arrow said.
        source: ArrowError,
    },
}

/// What a live observation did.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Rows sealed into the lake.
    pub exchanges: u64,
    /// Exchanges lost because the disk refused or the capture could not keep up.
    pub dropped: u64,
    /// Exchanges that left no row, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// The segments committed, in order.
    pub segments: Vec<Segment>,
}

/// Rows known to be on the disk, to be read at any time from any thread.
#[derive(Debug, Clone, Default)]
pub struct Synced(Arc<AtomicU64>);

impl Synced {
    /// Rows so far, of this writer's life.
    pub fn rows(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// Writes exchanges ahead to the disk and seals them into the lake.
#[derive(Debug)]
pub struct LiveWriter {
    intake: Intake,
    lake: Lake,
    config: LiveConfig,
    /// Groups made and not on the disk yet; more than one only where the disk refused.
    frames: Frames,
    frames_rows: u64,
    group_since: Option<Instant>,
    open: Option<OpenSegment>,
    /// The segment has ended, and its last frames wait for the disk.
    ending: Option<Withholding>,
    /// Ended and not in the lake yet; the files stay locked.
    unsealed: Vec<(WalFile, Withholding)>,
    blocked_until: Option<Instant>,
    /// Of the open segment.
    notes: Notes,
    /// Of the proxy, as last told.
    dropped_outside: u64,
    synced: Synced,
    summary: Summary,
}

#[derive(Debug)]
struct OpenSegment {
    file: WalFile,
    since: Instant,
    rows: u64,
    /// Sizes, so that snapshots take no more of the disk than the rows do.
    snapshot_bytes: u64,
    rows_bytes_since: u64,
    snapshot_at: Instant,
    /// Rows were written after the last snapshot.
    stale: bool,
}

impl LiveWriter {
    /// Seals what earlier observers left in the folder, and is then ready to write.
    ///
    /// # Errors
    ///
    /// Where a file left cannot be sealed; it stays, and so does the rest.
    pub fn open(
        intake: Intake,
        lake: Lake,
        config: LiveConfig,
    ) -> Result<(Self, Vec<Sealed>), LiveError> {
        let recovered = lake::recover(&lake, &config.twin, &config.wal_dir)?;
        let notes = Notes { source: config.source.clone(), ..Notes::default() };
        let writer = Self {
            intake,
            lake,
            config,
            frames: Frames::default(),
            frames_rows: 0,
            group_since: None,
            open: None,
            ending: None,
            unsealed: Vec::new(),
            blocked_until: None,
            notes,
            dropped_outside: 0,
            synced: Synced::default(),
            summary: Summary::default(),
        };
        Ok((writer, recovered))
    }

    /// The count of rows that no crash can lose any more.
    pub fn synced(&self) -> Synced {
        self.synced.clone()
    }

    /// Takes one exchange; writes its group if that is full or due. While the disk refuses, the
    /// exchange is counted as dropped.
    ///
    /// # Errors
    ///
    /// Where the disk refuses the group (which is kept and tried again), or the lake a file.
    pub fn take(&mut self, raw: &RawExchange<'_>) -> Result<(), LiveError> {
        if self.blocked_until.is_some_and(|until| Instant::now() < until) {
            self.drop_one();
            return Ok(());
        }
        if !self.frames.is_empty() {
            self.write_frames().inspect_err(|_| self.drop_one())?;
        }
        if let Err(reason) = self.intake.take(raw) {
            for count in [&mut self.notes.skipped, &mut self.summary.skipped] {
                *count.entry(reason.name().to_owned()).or_default() += 1;
            }
            // A delivery that nobody vouches for is no exchange and has a row of its own all the same.
            if self.intake.pending() == 0 {
                return Ok(());
            }
        }
        let since = *self.group_since.get_or_insert_with(Instant::now);
        if self.intake.pending() >= self.config.group_rows_max
            || since.elapsed() >= self.config.group_time_max
        {
            self.write_group()?;
        }
        self.rotate_if_due()
    }

    /// Does what time makes due: writes the group, seals the file, tries again what was refused.
    ///
    /// # Errors
    ///
    /// As [`LiveWriter::take`].
    pub fn tick(&mut self) -> Result<(), LiveError> {
        if self.blocked_until.is_some_and(|until| Instant::now() < until) {
            return Ok(());
        }
        self.write_frames()?;
        let stale =
            |open: &OpenSegment| open.stale && open.snapshot_at.elapsed() >= SNAPSHOT_TIME_MIN;
        if self.group_since.is_some_and(|since| since.elapsed() >= self.config.group_time_max) {
            self.write_group()?;
        } else if self.open.as_ref().is_some_and(stale) {
            self.add_snapshot()?;
            self.write_frames()?;
        }
        self.seal_ended()?;
        self.rotate_if_due()
    }

    /// How long [`LiveWriter::tick`] may wait; `None` where only an exchange brings work.
    pub fn due_in(&self) -> Option<Duration> {
        let now = Instant::now();
        let refused =
            self.blocked_until.filter(|_| !self.frames.is_empty() || !self.unsealed.is_empty());
        let group = self.group_since.map(|since| since + self.config.group_time_max);
        let segment = self.open.as_ref().map(|open| open.since + self.config.segment_time_max);
        let snapshot = self
            .open
            .as_ref()
            .filter(|open| open.stale)
            .map(|open| open.snapshot_at + SNAPSHOT_TIME_MIN);
        let due = refused.or_else(|| [group, segment, snapshot].into_iter().flatten().min());
        due.map(|due| due.saturating_duration_since(now))
    }

    /// Exchanges lost here, the disk having refused.
    pub fn dropped_here(&self) -> u64 {
        self.summary.dropped - self.dropped_outside
    }

    /// Tells how many exchanges were lost before they came here, in all.
    pub fn set_dropped_outside(&mut self, total: u64) {
        let new = total.saturating_sub(self.dropped_outside);
        self.dropped_outside = total;
        self.notes.dropped += new;
        self.summary.dropped += new;
    }

    /// Ends the open segment and seals it; what follows belongs to the next.
    ///
    /// # Errors
    ///
    /// As [`LiveWriter::take`].
    pub fn seal(&mut self) -> Result<(), LiveError> {
        self.end_segment()?;
        self.seal_ended()
    }

    /// Seals the rest.
    ///
    /// # Errors
    ///
    /// Where the disk or the lake refuses. What is in write-ahead files is sealed by the next
    /// [`LiveWriter::open`].
    pub fn finish(mut self) -> Result<Summary, LiveError> {
        self.blocked_until = None;
        self.seal()?;
        Ok(self.summary)
    }

    fn drop_one(&mut self) {
        self.notes.dropped += 1;
        self.summary.dropped += 1;
    }

    /// Writes the rows gathered, with a snapshot of tokens and links where one is due.
    fn write_group(&mut self) -> Result<(), LiveError> {
        let batches = self.intake.flush_rows();
        self.add_group(&batches)?;
        let due =
            self.open.as_ref().is_none_or(|open| open.rows_bytes_since >= open.snapshot_bytes);
        if due {
            self.add_snapshot()?;
        }
        self.write_frames()
    }

    fn add_group(&mut self, batches: &Batches) -> Result<(), LiveError> {
        self.group_since = None;
        let before = self.frames.len();
        // Backwards: the shapes before the exchanges that name them.
        for (table, batch) in batches.tables.iter().rev().filter(|(_, batch)| batch.num_rows() > 0)
        {
            self.frames.rows(*table, batch).map_err(|source| self.encode_fault(source))?;
            if *table == lake::Table::Exchanges {
                self.frames_rows += batch.num_rows() as u64;
            }
        }
        if let Some(open) = &mut self.open {
            open.stale |= self.frames.len() > before;
            open.rows_bytes_since += (self.frames.len() - before) as u64;
        }
        Ok(())
    }

    fn add_snapshot(&mut self) -> Result<(), LiveError> {
        let before = self.frames.len();
        for (table, batch) in self.intake.snapshot().tables {
            self.frames.rows(table, &batch).map_err(|source| self.encode_fault(source))?;
        }
        if let Some(open) = &mut self.open {
            open.snapshot_bytes = (self.frames.len() - before) as u64;
            open.rows_bytes_since = 0;
            open.snapshot_at = Instant::now();
            open.stale = false;
        }
        Ok(())
    }

    /// Appends the frames with one wait for the disk, or keeps them for the next attempt.
    fn write_frames(&mut self) -> Result<(), LiveError> {
        if self.frames.is_empty() && self.ending.is_none() {
            return Ok(());
        }
        let written = self.append();
        self.blocked_until = written.is_err().then(|| Instant::now() + self.config.retry_after);
        written?;
        if let Some(withholding) = self.ending.take() {
            self.unsealed.extend(self.open.take().map(|open| (open.file, withholding)));
            self.notes = Notes { source: self.config.source.clone(), ..Notes::default() };
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), LiveError> {
        if self.open.is_none() {
            let file = WalFile::create(&self.config.wal_dir, &stamp())?;
            self.open = Some(OpenSegment {
                file,
                since: Instant::now(),
                rows: 0,
                snapshot_bytes: 0,
                rows_bytes_since: 0,
                snapshot_at: Instant::now(),
                stale: false,
            });
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        let before = self.frames.len();
        let noted = self.frames.notes(&self.notes);
        noted.map_err(|source| LiveError::Encode { twin: self.config.twin.clone(), source })?;
        open.file.append(&self.frames).inspect_err(|_| self.frames.truncate(before))?;
        self.frames.truncate(0);
        let rows = std::mem::take(&mut self.frames_rows);
        open.rows += rows;
        self.synced.0.fetch_add(rows, Ordering::Release);
        Ok(())
    }

    fn rotate_if_due(&mut self) -> Result<(), LiveError> {
        let due = self.open.as_ref().is_some_and(|open| {
            open.rows >= self.config.segment_rows_max
                || open.file.len() >= self.config.segment_bytes_max
                || open.since.elapsed() >= self.config.segment_time_max
        });
        if due { self.seal() } else { Ok(()) }
    }

    /// Writes all that belongs to the open segment; it waits to be sealed then.
    fn end_segment(&mut self) -> Result<(), LiveError> {
        if self.ending.is_none() {
            let has_rows =
                self.open.is_some() || self.intake.pending() > 0 || !self.frames.is_empty();
            if !has_rows && self.notes.dropped == 0 {
                return Ok(());
            }
            self.ending = Some(self.intake.withholding());
            let batches = self.intake.flush_segment();
            if has_rows {
                self.add_group(&batches)?;
            }
        }
        self.write_frames()
    }

    /// Seals the files that ended, oldest first.
    fn seal_ended(&mut self) -> Result<(), LiveError> {
        while let Some((file, withholding)) = self.unsealed.first() {
            match lake::seal(&self.lake, &self.config.twin, file.path(), Some(withholding)) {
                Ok(sealed) => {
                    self.unsealed.remove(0);
                    self.summary.exchanges +=
                        sealed.segment.as_ref().map_or(0, |segment| segment.exchanges);
                    self.summary.segments.extend(sealed.segment);
                }
                Err(fault) => {
                    self.blocked_until = Some(Instant::now() + self.config.retry_after);
                    return Err(fault.into());
                }
            }
        }
        Ok(())
    }

    fn encode_fault(&self, source: ArrowError) -> LiveError {
        LiveError::Encode { twin: self.config.twin.clone(), source }
    }
}

/// Receives until the proxy has ended; writes each exchange ahead and seals segments when due.
///
/// Blocks its thread: for `tokio::task::spawn_blocking`. A disk or lake that refuses is logged and
/// tried again; what could not be kept meanwhile is counted in `status` and in the manifests.
///
/// # Errors
///
/// Where the rest cannot be sealed at the end; it is by the next observer.
///
/// # Panics
///
/// Outside a tokio runtime.
#[expect(clippy::needless_pass_by_value, reason = "moved onto the thread that blocks")]
pub fn observe(
    mut events: Receiver<CaptureEvent>,
    mut writer: LiveWriter,
    status: Arc<Status>,
) -> Result<Summary, LiveError> {
    let runtime = Handle::current();
    let mut told = 0;
    loop {
        let done = match next(&mut events, &runtime, writer.due_in()) {
            Next::End => break,
            Next::Due => writer.tick(),
            Next::Event(CaptureEvent::Exchange(exchange)) => writer.take(&exchange),
            Next::Event(CaptureEvent::NewSession(closed)) => {
                let before = writer.summary.segments.len();
                let sealed = writer.seal();
                let ids =
                    writer.summary.segments[before..].iter().map(|segment| segment.id.clone());
                let _nobody_waits = closed.send(ids.collect());
                sealed
            }
        };
        for _ in told..writer.dropped_here() {
            status.count_dropped();
        }
        told = writer.dropped_here();
        writer.set_dropped_outside(status.dropped() - told);
        if let Err(fault) = done {
            tracing::error!(fault = &fault as &dyn std::error::Error, "observation goes on");
        }
    }
    writer.set_dropped_outside(status.dropped() - told);
    writer.finish()
}

/// What comes next on the channel.
enum Next {
    Event(CaptureEvent),
    /// Nothing for as long as may be waited.
    Due,
    End,
}

fn next(events: &mut Receiver<CaptureEvent>, runtime: &Handle, due_in: Option<Duration>) -> Next {
    match events.try_recv() {
        Ok(event) => return Next::Event(event),
        Err(TryRecvError::Disconnected) => return Next::End,
        Err(TryRecvError::Empty) => {}
    }
    let wait = due_in.unwrap_or(Duration::from_hours(1));
    match runtime.block_on(async { tokio::time::timeout(wait, events.recv()).await }) {
        Ok(Some(event)) => Next::Event(event),
        Ok(None) => Next::End,
        Err(_) => Next::Due,
    }
}

/// Names a segment; later ones sort later.
fn stamp() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{:016x}-{:x}-{count:x}", now.as_micros(), std::process::id())
}
