//! Appending to a ledger.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::decision::Line;
use super::{Choice, Ledger, LedgerError, Note, Refusal, State, Torn};
use crate::calibration::{CalibrationFormat, Change, Fidelity};
use crate::disk::{self, Access};
use crate::{Calibration, Finding, Model, PublicKey, SigningKey, Window};

/// A calibration before it has a number and a signature.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    /// From the model after the last published one, or after one still proposed.
    pub change: Change,
    /// By the clock of the run that made it.
    pub created_at: DateTime<Utc>,
    /// The data it rests on.
    pub window: Window,
    /// What was found in it.
    pub findings: Vec<Finding>,
    /// How well both models explain what was held back; none where nothing was.
    pub fidelity: Option<Fidelity>,
}

/// Why a calibration was not appended.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The ledger cannot be read, written, or continued.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key's signature would be accepted by no reader.
    #[error(
        "this machine's key {} is not trusted: put the project's own back in .wt/keys/ledger.key, or add \"{key}\" to `trusted_keys` in wondertwin.json",
        .key.id()
    )]
    UntrustedKey {
        /// What would verify it.
        key: Box<PublicKey>,
    },
    /// It would change nothing.
    #[error("the calibration would change nothing")]
    NoChange,
    /// It was made for a model that is neither the present one nor one proposed.
    #[error(
        "the calibration was made for the model after {base}, and the present one is after {published}: run `wt calibrate {twin}` again"
    )]
    BaseMoved {
        /// The twin.
        twin: String,
        /// The calibration it builds on.
        base: u64,
        /// The last published.
        published: u64,
    },
    /// It would not read back, as with a confidence that is no number.
    #[error("the calibration cannot be written so that it reads back")]
    NotReadable(#[source] serde_json::Error),
}

/// Why a decision was not taken down.
#[derive(Debug, thiserror::Error)]
pub enum DecideError {
    /// The ledger cannot be read, written, or continued, or has no such calibration.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The key's signature would be accepted by no reader.
    #[error(
        "this machine's key {} is not trusted: put the project's own back in .wt/keys/ledger.key, or add \"{key}\" to `trusted_keys` in wondertwin.json",
        .key.id()
    )]
    UntrustedKey {
        /// What would verify it.
        key: Box<PublicKey>,
    },
    /// A decision is for good.
    #[error("calibration {number} is already {decided}: {undo}", decided = past(*.choice), undo = undo(*.choice, *.number, .twin))]
    AlreadyDecided {
        /// The twin.
        twin: String,
        /// The calibration.
        number: u64,
        /// What was decided.
        choice: Choice,
    },
    /// It builds on one that has to be decided first.
    #[error(
        "calibration {number} builds on {base}, which is not published: decide on {base} first"
    )]
    BaseUndecided {
        /// The calibration.
        number: u64,
        /// The one it builds on.
        base: u64,
    },
    /// Its base is not the present model, or a later proposal took its place.
    #[error(
        "calibration {number} was superseded by {by}: decide on a later proposal, or run `wt calibrate {twin}` again"
    )]
    Superseded {
        /// The twin.
        twin: String,
        /// The calibration.
        number: u64,
        /// The one that took its place.
        by: u64,
    },
    /// It builds on one that never will be published.
    #[error(
        "calibration {number} builds on {base}, which was rejected: run `wt calibrate {twin}` again"
    )]
    BaseRejected {
        /// The twin.
        twin: String,
        /// The calibration.
        number: u64,
        /// The one it builds on.
        base: u64,
    },
}

/// Why nothing was rolled back.
#[derive(Debug, thiserror::Error)]
pub enum RollbackError {
    /// The ledger cannot be read, written, or continued, or has no such calibration.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// Only what twins load can be undone.
    #[error("calibration {number} is not published, so there is nothing to roll back")]
    NotPublished {
        /// The calibration.
        number: u64,
    },
    /// The present model is the one before it.
    #[error("the present model is already the one before calibration {number}")]
    NoChange {
        /// The calibration.
        number: u64,
    },
    /// The present model cannot be had from the base.
    #[error("the present model cannot be made of the model the ledger starts from")]
    Replay(#[source] Refusal),
    /// The new calibration could not be appended.
    #[error(transparent)]
    Append(#[from] AppendError),
    /// It could not be published; it then stands as a proposal.
    #[error(transparent)]
    Decide(#[from] DecideError),
}

impl Ledger {
    /// Appends a proposal: numbered, chained, signed, whole on the disk when this returns.
    ///
    /// It takes the place of an earlier proposal for the same model.
    ///
    /// # Errors
    ///
    /// Where it was made for a model that is neither the present one nor one that a proposal
    /// makes, would change nothing, or cannot be written; nothing is then appended.
    pub fn append(&mut self, draft: Draft, key: &SigningKey) -> Result<Calibration, AppendError> {
        let _lock = self.lock()?;
        self.append_locked(draft, None, key)
    }

    /// Takes down a decision, for good; twins load what is published within moments.
    ///
    /// # Errors
    ///
    /// Where the calibration is decided, or is to be published and was made for another model
    /// than the present one; nothing is then written.
    pub fn decide(
        &mut self,
        number: u64,
        choice: Choice,
        note: Note,
        key: &SigningKey,
    ) -> Result<(), DecideError> {
        let _lock = self.lock()?;
        self.decide_locked(number, (choice, None, note), key)
    }

    /// Has twins serve a calibration to a part of their callers, in basis points, until
    /// [`Ledger::decide`] says whether to all or to none. It takes the place of another canary.
    ///
    /// # Errors
    ///
    /// As [`Ledger::decide`] for a publication.
    pub fn try_out(
        &mut self,
        number: u64,
        share_bp: u32,
        note: Note,
        key: &SigningKey,
    ) -> Result<(), DecideError> {
        let _lock = self.lock()?;
        self.decide_locked(number, (Choice::Canary, Some(share_bp), note), key)
    }

    /// Publishes a calibration that undoes another and all published since, so that twins serve
    /// the model before it again. What `base` is, [`Ledger::replay`] says.
    ///
    /// # Errors
    ///
    /// Where the calibration is not published, or undoing it changes nothing; nothing is then
    /// written.
    pub fn rollback(
        &mut self,
        number: u64,
        base: &Model,
        note: Note,
        key: &SigningKey,
    ) -> Result<Calibration, RollbackError> {
        let _lock = self.lock()?;
        let change = self.way_back(number, base)?;
        let draft = Draft {
            change,
            created_at: note.at,
            window: Window { from: None, to: None },
            findings: Vec::new(),
            fidelity: None,
        };
        let calibration = self.append_locked(draft, Some(number), key)?;
        self.decide_locked(calibration.number, (Choice::Publish, None, note), key)?;
        Ok(calibration)
    }

    fn way_back(&self, number: u64, base: &Model) -> Result<Change, RollbackError> {
        self.history.get(number)?;
        let published = &self.history.published;
        let before = published
            .iter()
            .position(|one| *one == number)
            .ok_or(RollbackError::NotPublished { number })?;
        let model_after = |count| match self.replay_first(base, count)? {
            (_, _, Some(refusal)) => Err(RollbackError::Replay(refusal)),
            (revision, _, None) => Ok(revision.model),
        };
        let (present, wanted) = (model_after(published.len())?, model_after(before)?);
        let change = Change::between(&present, self.last_published(), &wanted);
        if change.is_empty() {
            return Err(RollbackError::NoChange { number });
        }
        Ok(change)
    }

    fn append_locked(
        &mut self,
        draft: Draft,
        rolls_back: Option<u64>,
        key: &SigningKey,
    ) -> Result<Calibration, AppendError> {
        if !self.history.trusted.contains(&key.public()) {
            return Err(AppendError::UntrustedKey { key: Box::new(key.public()) });
        }
        if draft.change.is_empty() {
            return Err(AppendError::NoChange);
        }
        self.check_base(&draft.change)?;
        let (calibration, text) = self.signed(draft, rolls_back, key)?;
        let path = self.history.path(calibration.number);
        disk::write_new(&path, text.as_bytes(), Access::Shared).map_err(io_at(&path))?;
        self.reread()?;
        Ok(calibration)
    }

    fn check_base(&self, change: &Change) -> Result<(), AppendError> {
        let (base, published) = (change.base().number, self.last_published());
        let is_open = base == published
            || matches!(self.state(base), Some(State::Proposed | State::Canary { .. }));
        // Of the very first one nobody knows the base yet.
        let is_same =
            self.history.model_after(base).is_none_or(|model| *model == change.base().sha256);
        if !(is_open && is_same) {
            return Err(AppendError::BaseMoved { twin: self.twin(), base, published });
        }
        Ok(())
    }

    /// The calibration and the text of its file.
    fn signed(
        &self,
        draft: Draft,
        rolls_back: Option<u64>,
        key: &SigningKey,
    ) -> Result<(Calibration, String), AppendError> {
        let Draft { change, created_at, window, findings, fidelity } = draft;
        let mut calibration = Calibration {
            format: CalibrationFormat::V1,
            twin: self.twin(),
            number: self.len() + 1,
            created_at,
            window,
            base: change.base,
            result: change.result,
            patch: change.patch,
            inverse: change.inverse,
            findings,
            fidelity,
            previous: self.history.previous(),
            rolls_back,
            // A signature does not cover itself, so any stands in for it until it is made.
            signature: key.sign(&Value::Null),
        };
        let document = serde_json::to_value(&calibration).map_err(AppendError::NotReadable)?;
        calibration.signature = key.sign(&document);
        let text = serde_json::to_string_pretty(&calibration).map_err(AppendError::NotReadable)?;
        serde_json::from_str::<Calibration>(&text).map_err(AppendError::NotReadable)?;
        Ok((calibration, text + "\n"))
    }

    fn decide_locked(
        &mut self,
        number: u64,
        (choice, share_bp, note): (Choice, Option<u32>, Note),
        key: &SigningKey,
    ) -> Result<(), DecideError> {
        if !self.history.trusted.contains(&key.public()) {
            return Err(DecideError::UntrustedKey { key: Box::new(key.public()) });
        }
        // Read anew, so that nobody decides on a file that was changed.
        self.history.get(number)?;
        self.check_undecided(number, choice)?;
        let digest = self.digest(number).expect("it was read just now").clone();
        let previous = self.history.last_line.clone();
        let line = Line::signed((number, digest), (choice, share_bp, note), previous, key);
        let path = self.history.decisions();
        append_at(&path, self.history.offset, line.text().as_bytes()).map_err(io_at(&path))?;
        Ok(self.reread()?)
    }

    fn check_undecided(&self, number: u64, choice: Choice) -> Result<(), DecideError> {
        let twin = self.twin();
        let base = self.history.entry(number).map_or(0, |entry| entry.base.number);
        let decided = |choice| DecideError::AlreadyDecided { twin: twin.clone(), number, choice };
        match self.state(number) {
            Some(State::Published(_)) => Err(decided(Choice::Publish)),
            Some(State::Rejected(_)) => Err(decided(Choice::Reject)),
            // To say no is right at any time.
            _ if choice == Choice::Reject => Ok(()),
            Some(State::Superseded { by: Some(by) }) => {
                Err(DecideError::Superseded { twin, number, by })
            }
            Some(State::Superseded { by: None }) => {
                Err(DecideError::BaseRejected { twin, number, base })
            }
            _ if base != self.last_published() => Err(DecideError::BaseUndecided { number, base }),
            _ => Ok(()),
        }
    }

    /// Keeps other writers out until the file is dropped, and reads what they wrote before.
    fn lock(&mut self) -> Result<File, LedgerError> {
        let dir = &self.history.dir;
        fs::create_dir_all(dir).and_then(|()| disk::sync_parent(dir)).map_err(io_at(dir))?;
        let path = dir.join(".lock");
        // Locked rather than made and removed: the system lets go of it when a process dies.
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .and_then(|file| file.lock().map(|()| file))
            .map_err(io_at(&path))?;
        self.history.refresh()?;
        self.history.look_for_gaps()?;
        self.check_whole()?;
        Ok(lock)
    }

    /// Reads what was just written, through the eyes of any reader.
    fn reread(&mut self) -> Result<(), LedgerError> {
        self.history.refresh()?;
        self.check_whole()
    }

    fn check_whole(&self) -> Result<(), LedgerError> {
        match self.broken() {
            Some(source) => Err(LedgerError::Broken { dir: self.history.dir.clone(), source }),
            None => Ok(()),
        }
    }

    /// The folder's name.
    fn twin(&self) -> String {
        let name = self.history.dir.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    }
}

/// Writes at the end of the last whole line; what stands after it was cut off by a crash, and is
/// kept beside the file.
fn append_at(path: &Path, end: u64, line: &[u8]) -> io::Result<()> {
    let mut file =
        OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path)?;
    let mut remains = Vec::new();
    file.seek(SeekFrom::Start(end))?;
    file.read_to_end(&mut remains)?;
    if !remains.is_empty() {
        remains.push(b'\n');
        let kept = Torn::kept_in(path);
        let mut kept = OpenOptions::new().create(true).append(true).open(kept)?;
        kept.write_all(&remains)?;
        kept.sync_all()?;
    }
    file.set_len(end)?;
    file.seek(SeekFrom::Start(end))?;
    file.write_all(line)?;
    file.sync_all()?;
    disk::sync_parent(path)
}

fn io_at(path: &Path) -> impl FnOnce(io::Error) -> LedgerError {
    let path: PathBuf = path.to_owned();
    |source| LedgerError::Io { path, source }
}

fn past(choice: Choice) -> &'static str {
    match choice {
        Choice::Publish => "published",
        Choice::Reject => "rejected",
        Choice::Canary => "served to a part of the callers",
    }
}

/// What to do instead of deciding again.
fn undo(choice: Choice, number: u64, twin: &str) -> String {
    match choice {
        Choice::Publish | Choice::Canary => {
            format!("`wt calibrations rollback {twin} {number}` undoes it")
        }
        Choice::Reject => format!("run `wt calibrate {twin}` for a new proposal"),
    }
}
