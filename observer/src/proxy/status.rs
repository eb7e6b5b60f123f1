//! What a running proxy counts, for its control endpoints and for its caller.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// The counters of a proxy, shared by everything that runs for it.
#[derive(Debug)]
pub struct Status {
    upstream: String,
    listen: SocketAddr,
    held_max: usize,
    held: AtomicUsize,
    captured: AtomicU64,
    dropped: AtomicU64,
    truncated: AtomicU64,
    unanswered: AtomicU64,
    sessions: Mutex<Vec<String>>,
}

/// What a proxy counted over its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Exchanges handed to the receiver.
    pub captured: u64,
    /// Exchanges that went through and were not captured, the channel being full or closed.
    pub dropped: u64,
    /// Exchanges captured with a body cut off at a limit or by a disconnect.
    pub truncated: u64,
    /// Requests the upstream did not answer; captured with status 0.
    pub unanswered: u64,
}

impl Status {
    pub(crate) fn new(upstream: String, listen: SocketAddr, held_max: usize) -> Status {
        Status {
            upstream,
            listen,
            held_max,
            held: AtomicUsize::new(0),
            captured: AtomicU64::new(0),
            dropped: AtomicU64::new(0),
            truncated: AtomicU64::new(0),
            unanswered: AtomicU64::new(0),
            sessions: Mutex::new(Vec::new()),
        }
    }

    /// The upstream's base URL, without a slash at its end.
    pub fn upstream(&self) -> &str {
        &self.upstream
    }

    /// The address listened on.
    pub fn listen(&self) -> SocketAddr {
        self.listen
    }

    /// Exchanges that went through and were not captured.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// All counters as they stand.
    pub fn summary(&self) -> Summary {
        Summary {
            captured: self.captured.load(Ordering::Relaxed),
            dropped: self.dropped(),
            truncated: self.truncated.load(Ordering::Relaxed),
            unanswered: self.unanswered.load(Ordering::Relaxed),
        }
    }

    /// Names of the open sessions, as last told by the receiver.
    pub fn sessions(&self) -> Vec<String> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For the receiver: the sessions now open, shown by the `info` endpoint.
    pub fn set_sessions(&self, names: Vec<String>) {
        *self.sessions.lock().unwrap_or_else(PoisonError::into_inner) = names;
    }

    pub(crate) fn count_captured(&self, truncated: bool) {
        self.captured.fetch_add(1, Ordering::Relaxed);
        self.truncated.fetch_add(u64::from(truncated), Ordering::Relaxed);
    }

    /// For the receiver as well: one it was handed and could not keep.
    pub(crate) fn count_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count_unanswered(&self) {
        self.unanswered.fetch_add(1, Ordering::Relaxed);
    }

    /// Takes `bytes` of the memory for captures; false where so much is not left.
    pub(super) fn hold(&self, bytes: usize) -> bool {
        let taken = |held: usize| held.checked_add(bytes).filter(|held| *held <= self.held_max);
        self.held.fetch_update(Ordering::Relaxed, Ordering::Relaxed, taken).is_ok()
    }

    pub(super) fn release(&self, bytes: usize) {
        self.held.fetch_sub(bytes, Ordering::Relaxed);
    }

    /// Bytes of bodies held by captures at this moment.
    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.held.load(Ordering::Relaxed)
    }
}
