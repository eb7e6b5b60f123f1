//! Reading a ledger, and as much of it as was appended since.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Deserialize;
use serde_json::Value;

use super::decision::{Choice, Line, Note};
use super::{Fault, LedgerError, Refusal, State, Torn};
use crate::{Base, Calibration, Digest, Previous, PublicKey, disk, signing};

/// What of a ledger was read and verified: digests and decisions, not the documents.
#[derive(Debug)]
pub(super) struct History {
    pub(super) dir: PathBuf,
    pub(super) trusted: Vec<PublicKey>,
    /// By number, from 1.
    entries: Vec<Entry>,
    /// What is wrong with the file after the last entry.
    file_fault: Option<Arc<Fault>>,
    /// The newest calibration made for the model after each.
    newest_on: BTreeMap<u64, u64>,
    /// In order of publication.
    pub(super) published: Vec<u64>,
    /// The one that a part of the callers is served, on the last published.
    pub(super) canary: Option<u64>,
    /// Number of decisions read.
    lines: usize,
    /// End of the last whole line read.
    pub(super) offset: u64,
    /// Digest of the last decision.
    pub(super) last_line: Option<Digest>,
    /// What is wrong with the decision after it.
    line_fault: Option<Refusal>,
    /// Whether the file goes on after the last whole line.
    is_torn: bool,
}

/// What is kept of a calibration's file.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) digest: Digest,
    pub(super) base: Base,
    pub(super) result: Digest,
    pub(super) decision: Option<(Choice, Note)>,
    /// The part of the callers that are served it while nothing more is decided, in basis points.
    pub(super) canary: Option<(u32, Note)>,
}

impl History {
    pub(super) fn new(dir: PathBuf, trusted: Vec<PublicKey>) -> Self {
        Self {
            dir,
            trusted,
            entries: Vec::new(),
            file_fault: None,
            newest_on: BTreeMap::new(),
            published: Vec::new(),
            canary: None,
            lines: 0,
            offset: 0,
            last_line: None,
            line_fault: None,
            is_torn: false,
        }
    }

    pub(super) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(super) fn entry(&self, number: u64) -> Option<&Entry> {
        self.entries.get(index(number)?)
    }

    pub(super) fn last_published(&self) -> u64 {
        self.published.last().copied().unwrap_or(0)
    }

    /// Digest of the model after a calibration; none for the base model of a ledger without one.
    pub(super) fn model_after(&self, number: u64) -> Option<&Digest> {
        match number {
            0 => self.entries.first().map(|first| &first.base.sha256),
            _ => self.entry(number).map(|entry| &entry.result),
        }
    }

    /// A published calibration that is refused weighs more than one that is only proposed.
    pub(super) fn broken(&self) -> Option<Refusal> {
        self.refused().or_else(|| {
            let reason = self.file_fault.clone()?;
            Some(Refusal { number: Some(self.len() + 1), reason })
        })
    }

    /// What keeps a decision from being read.
    pub(super) fn refused(&self) -> Option<Refusal> {
        self.line_fault.clone()
    }

    pub(super) fn state(&self, number: u64) -> Option<State> {
        let entry = self.entry(number)?;
        match &entry.decision {
            Some((Choice::Publish, note)) => return Some(State::Published(note.clone())),
            Some((Choice::Reject, note)) => return Some(State::Rejected(note.clone())),
            Some((Choice::Canary, _)) | None => {}
        }
        if let Some((share_bp, note)) =
            entry.canary.as_ref().filter(|_| self.canary == Some(number))
        {
            return Some(State::Canary { share_bp: *share_bp, note: note.clone() });
        }
        let base = entry.base.number;
        let newest = self.newest_on.get(&base).copied();
        if newest != Some(number) {
            return Some(State::Superseded { by: newest });
        }
        if base == self.last_published() {
            return Some(State::Proposed);
        }
        // A base comes before what builds on it, so this ends.
        Some(match self.state(base) {
            Some(State::Proposed | State::Canary { .. }) => State::Proposed,
            Some(State::Rejected(_)) => State::Superseded { by: None },
            Some(State::Superseded { by }) => State::Superseded { by },
            Some(State::Published(_)) | None => {
                State::Superseded { by: Some(self.last_published()) }
            }
        })
    }

    pub(super) fn path(&self, number: u64) -> PathBuf {
        self.dir.join(format!("{number:06}.json"))
    }

    pub(super) fn decisions(&self) -> PathBuf {
        self.dir.join("decisions.jsonl")
    }

    /// The last line, where it has no end.
    pub(super) fn torn(&self) -> Option<Torn> {
        self.is_torn.then(|| Torn { path: self.decisions(), line: self.lines + 1 })
    }

    /// Reads one calibration anew.
    pub(super) fn get(&self, number: u64) -> Result<Calibration, LedgerError> {
        let entry = self.entry(number).ok_or_else(|| LedgerError::NoSuchCalibration {
            number,
            dir: self.dir.clone(),
            len: self.len(),
        })?;
        let fault = match self.read(number) {
            Ok((calibration, digest)) if digest == entry.digest => return Ok(calibration),
            Ok(_) => Fault::Changed { path: self.path(number) },
            Err(fault) => fault,
        };
        let source = Refusal { number: Some(number), reason: Arc::new(fault) };
        Err(LedgerError::Broken { dir: self.dir.clone(), source })
    }

    /// Reads what was appended since. What was wrong before is looked at again: where a folder is
    /// copied, a decision may arrive before its calibration.
    pub(super) fn refresh(&mut self) -> Result<(), LedgerError> {
        self.file_fault = None;
        self.line_fault = None;
        self.is_torn = false;
        while self.admit_next_file() {}
        let path = self.decisions();
        let appended = read_from(&path, self.offset)
            .map_err(|source| LedgerError::Io { path: path.clone(), source })?;
        let Some(appended) = appended else {
            let reason = Arc::new(Fault::Rewritten { path });
            self.line_fault = Some(Refusal { number: None, reason });
            return Ok(());
        };
        // Without its end a line is one that a crash cut off, and was never told to anybody.
        for line in appended.split_inclusive(|byte| *byte == b'\n') {
            let Some(text) = line.strip_suffix(b"\n") else {
                self.is_torn = true;
                break;
            };
            if let Err(refusal) = self.admit_line(text) {
                self.line_fault = Some(refusal);
                break;
            }
            self.offset += line.len() as u64;
        }
        Ok(())
    }

    /// Whether a calibration stands in the folder beyond the last that follows on the others.
    pub(super) fn look_for_gaps(&mut self) -> Result<(), LedgerError> {
        if self.file_fault.is_some() {
            return Ok(());
        }
        let io = |source| LedgerError::Io { path: self.dir.clone(), source };
        let names = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            names => names.map_err(io)?,
        };
        for name in names {
            let name = name.map_err(io)?.file_name();
            let number = name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok());
            // A writer may have added the next one since the files were read.
            if number.is_some_and(|number: u64| number > self.len() + 1) {
                let path = self.path(self.len() + 1);
                if !path.exists() {
                    self.file_fault = Some(Arc::new(Fault::Missing { path }));
                }
                break;
            }
        }
        Ok(())
    }

    /// Whether there was a next file and it belongs where it is.
    fn admit_next_file(&mut self) -> bool {
        let number = self.len() + 1;
        match self.read(number).and_then(|(calibration, digest)| {
            self.check_place(number, &calibration)?;
            Ok((calibration, digest))
        }) {
            Ok((calibration, digest)) => {
                self.newest_on.insert(calibration.base.number, number);
                self.entries.push(Entry {
                    digest,
                    base: calibration.base,
                    result: calibration.result.sha256,
                    decision: None,
                    canary: None,
                });
                true
            }
            Err(Fault::Missing { .. }) => false,
            Err(fault) => {
                self.file_fault = Some(Arc::new(fault));
                false
            }
        }
    }

    /// A calibration's file and the digest of its document, if a trusted key signed it.
    fn read(&self, number: u64) -> Result<(Calibration, Digest), Fault> {
        let path = self.path(number);
        let bytes = match disk::read_if_there(&path) {
            Ok(Some(bytes)) => bytes,
            Ok(None) => return Err(Fault::Missing { path }),
            Err(source) => return Err(Fault::Unreadable { path, source }),
        };
        let not_one = |source| Fault::NotACalibration { path: path.clone(), source };
        let document: Value = serde_json::from_slice(&bytes).map_err(not_one)?;
        signing::verify_signed(&document, &self.trusted)
            .map_err(|source| Fault::Unsigned { path: path.clone(), source })?;
        let digest = Digest::of_value(&document);
        Ok((Calibration::deserialize(&document).map_err(not_one)?, digest))
    }

    fn check_place(&self, number: u64, calibration: &Calibration) -> Result<(), Fault> {
        let path = self.path(number);
        if calibration.number != number {
            return Err(Fault::OutOfPlace { path, number: calibration.number });
        }
        if calibration.base.number >= number {
            return Err(Fault::BaseNotBefore { path, base: calibration.base.number });
        }
        if calibration.previous != self.previous() {
            return Err(Fault::NotInChain { path });
        }
        Ok(())
    }

    /// What the next calibration names as the one before it.
    pub(super) fn previous(&self) -> Option<Previous> {
        let last = self.entries.last()?;
        Some(Previous { number: self.len(), sha256: last.digest.clone() })
    }

    fn admit_line(&mut self, text: &[u8]) -> Result<(), Refusal> {
        let (path, at) = (self.decisions(), self.lines + 1);
        let refuse = |number, fault| Refusal { number, reason: Arc::new(fault) };
        let not_one =
            |source| refuse(None, Fault::NotADecision { path: path.clone(), line: at, source });
        let document: Value = serde_json::from_slice(text).map_err(not_one)?;
        let line = Line::deserialize(&document).map_err(not_one)?;
        let number = line.number;
        signing::verify_signed(&document, &self.trusted)
            .map_err(|source| Fault::UnsignedDecision { path: path.clone(), line: at, source })
            .and_then(|()| self.check_line(&line, &path, at))
            .map_err(|fault| match (fault, self.file_fault.clone()) {
                // The file is there, or one before it is, and that is what is wrong.
                (Fault::Missing { .. }, Some(reason)) => Refusal { number: Some(number), reason },
                (fault, _) => refuse(Some(number), fault),
            })?;
        let choice = line.decision;
        match choice {
            Choice::Publish => {
                self.published.push(number);
                self.canary = None;
            }
            Choice::Canary => self.canary = Some(number),
            Choice::Reject if self.canary == Some(number) => self.canary = None,
            Choice::Reject => {}
        }
        let share_bp = line.share_bp.unwrap_or(0);
        if let Some(entry) = index(number).and_then(|index| self.entries.get_mut(index)) {
            if choice == Choice::Canary {
                entry.canary = Some((share_bp, line.note()));
            } else {
                entry.decision = Some((choice, line.note()));
            }
        }
        self.lines = at;
        self.last_line = Some(Digest::of_value(&document));
        Ok(())
    }

    fn check_line(&mut self, line: &Line, path: &Path, at: usize) -> Result<(), Fault> {
        let (path, number) = (path.to_owned(), line.number);
        if line.previous != self.last_line {
            return Err(Fault::DecisionNotInChain { path, line: at });
        }
        // Written after the files were read, together with this line.
        while self.len() < number && self.file_fault.is_none() && self.admit_next_file() {}
        let Some(entry) = self.entry(number) else {
            return Err(Fault::Missing { path: self.path(number) });
        };
        if entry.digest != line.sha256 {
            return Err(Fault::AnotherCalibration { path, line: at, number });
        }
        if entry.decision.is_some() {
            return Err(Fault::DecidedAgain { path, line: at, number });
        }
        let published = self.last_published();
        let follows = entry.base.number == published
            && self.model_after(published) == Some(&entry.base.sha256);
        if line.decision != Choice::Reject && !follows {
            return Err(Fault::DoesNotFollow { path, line: at, number, published });
        }
        Ok(())
    }
}

fn index(number: u64) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// The bytes from an offset to the end, none of a file that is not there; `None` where the file
/// ends before the offset.
fn read_from(path: &Path, offset: u64) -> io::Result<Option<Vec<u8>>> {
    let mut file = match File::open(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => {
            return Ok((offset == 0).then(Vec::new));
        }
        file => file?,
    };
    if file.metadata()?.len() < offset {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(offset))?;
    file.read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}
