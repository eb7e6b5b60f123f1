//! The sessions of a twin: which one a request is for, and how many there may be.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock, mpsc};

use arc_swap::{ArcSwap, Guard};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderName, Uri};

use crate::session::Session;

/// The session of all requests that name none.
pub(crate) const DEFAULT: &str = "default";

/// Before a path, the session it is meant for: `/__wt/s/NAME/v1/customers`.
const PREFIX: &str = "/__wt/s/";

/// Named sessions of one twin; of too many, the one not asked for longest is forgotten.
///
/// # Source
///
/// `limits.max_namespaces` of Wraith's published configuration.
const SESSIONS_MAX: usize = 1000;
/// What the named sessions of a twin may take in memory together, by an estimate. Beyond it those not
/// asked for longest are forgotten; looked at where one is made, and once in so many look-ups.
const BYTES_MAX: usize = 512 << 20;
const LOOKUPS_PER_LOOK: u64 = 4096;
/// Snapshots of one twin.
const SNAPSHOTS_MAX: usize = 100;
/// Characters of a session's name.
const NAME_MAX: usize = 64;

/// A session in the hands of a request.
pub(crate) type Held = Guard<Arc<Session>>;

/// The sessions of a twin.
#[derive(Debug)]
pub(crate) struct Sessions {
    default: ArcSwap<Session>,
    named: RwLock<HashMap<Box<str>, Arc<Session>>>,
    snapshots: Mutex<BTreeMap<String, Arc<Session>>>,
    header: HeaderName,
    lookups: AtomicU64,
}

/// Where a request is to go: its session's name, and its address there.
pub(crate) struct Destination<'u> {
    pub(crate) session: Cow<'u, str>,
    pub(crate) uri: Cow<'u, Uri>,
}

/// Why there is no such session, snapshot or name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SessionError {
    #[error("`{0}` is no name of a session: it has 1 to {NAME_MAX} of A-Z a-z 0-9 . _ -")]
    BadName(String),
    #[error("there is no session `{0}`")]
    NoSession(String),
    #[error("there is no snapshot `{0}`")]
    NoSnapshot(String),
    #[error("there is a session `{0}` already")]
    Taken(String),
    #[error("there are {SNAPSHOTS_MAX} snapshots, which is the most: delete one")]
    TooManySnapshots,
}

impl Sessions {
    pub(crate) fn new(default: Session, header: HeaderName) -> Self {
        Self {
            default: ArcSwap::from_pointee(default),
            named: RwLock::default(),
            snapshots: Mutex::default(),
            header,
            lookups: AtomicU64::new(0),
        }
    }

    /// Where a request is to go: as its path says, else its header, else the door it came through.
    pub(crate) fn destination<'u>(
        &self,
        uri: &'u Uri,
        headers: &'u HeaderMap,
        door: Option<&'u str>,
    ) -> Result<Destination<'u>, SessionError> {
        if let Some(rest) = uri.path().strip_prefix(PREFIX) {
            let (name, _) = rest.split_once('/').unwrap_or((rest, ""));
            let session = checked(name)?;
            return Ok(Destination {
                session: session.into(),
                uri: Cow::Owned(without(uri, name)),
            });
        }
        let session = match headers.get(&self.header) {
            Some(name) => checked(name.to_str().unwrap_or("?"))?,
            None => door.unwrap_or(DEFAULT),
        };
        Ok(Destination { session: session.into(), uri: Cow::Borrowed(uri) })
    }

    /// The session of a name, made by `make` where there is none.
    pub(crate) fn get(&self, name: &str, make: impl FnOnce() -> Session) -> Held {
        if name == DEFAULT {
            return self.default.load();
        }
        let now = self.lookups.fetch_add(1, Ordering::Relaxed);
        if now.is_multiple_of(LOOKUPS_PER_LOOK) {
            self.trim();
        }
        if let Some(session) = self.read().get(name) {
            session.used.store(now, Ordering::Relaxed);
            return Guard::from_inner(Arc::clone(session));
        }
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(session) = named.get(name) {
            return Guard::from_inner(Arc::clone(session));
        }
        let session = Arc::new(make());
        session.used.store(now, Ordering::Relaxed);
        let forgotten = make_room(&mut named);
        named.insert(name.into(), Arc::clone(&session));
        drop(named);
        forgotten.into_iter().for_each(discard);
        self.trim();
        Guard::from_inner(session)
    }

    /// Forgets sessions until the others fit.
    fn trim(&self) {
        let weights = |session: &Arc<Session>| session.bytes();
        let mut bytes: usize = self.read().values().map(weights).sum();
        if bytes <= BYTES_MAX {
            return;
        }
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let mut all: Vec<_> = named.values().map(Arc::clone).collect();
        all.sort_by_key(|session| session.used.load(Ordering::Relaxed));
        // The one asked for last stays, however large it is.
        all.pop();
        for session in all {
            if bytes <= BYTES_MAX {
                break;
            }
            bytes = bytes.saturating_sub(session.bytes());
            named.remove(&session.name);
            discard(session);
        }
    }

    /// The session of a name that is there.
    pub(crate) fn find(&self, name: &str) -> Result<Held, SessionError> {
        if name == DEFAULT {
            return Ok(self.default.load());
        }
        let named = self.read();
        let session = named.get(name).ok_or_else(|| SessionError::NoSession(name.to_owned()))?;
        Ok(Guard::from_inner(Arc::clone(session)))
    }

    pub(crate) fn default(&self) -> Held {
        self.default.load()
    }

    /// Puts a session in the place of the one of its name. The former is dropped elsewhere: giving
    /// back the memory of a large one takes far longer than the swap.
    pub(crate) fn put(&self, session: Session) {
        let session = Arc::new(session);
        if *session.name == *DEFAULT {
            discard(self.default.swap(session));
            return;
        }
        session.used.store(self.lookups.fetch_add(1, Ordering::Relaxed), Ordering::Relaxed);
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let former = named.remove(&session.name).or_else(|| make_room(&mut named));
        named.insert(session.name.clone(), session);
        drop(named);
        former.into_iter().for_each(discard);
    }

    pub(crate) fn remove(&self, name: &str) -> Result<(), SessionError> {
        let mut named = self.named.write().unwrap_or_else(PoisonError::into_inner);
        let removed = named.remove(name);
        drop(named);
        removed.map(discard).ok_or_else(|| SessionError::NoSession(name.to_owned()))
    }

    /// Every session there is: the default one, then the others by name.
    pub(crate) fn all(&self) -> Vec<Arc<Session>> {
        let mut named: Vec<_> = self.read().values().map(Arc::clone).collect();
        named.sort_by(|one, other| one.name.cmp(&other.name));
        std::iter::once(self.default.load_full()).chain(named).collect()
    }

    /// Keeps a session as it is now under a name.
    pub(crate) fn keep(&self, name: &str, snapshot: Session) -> Result<(), SessionError> {
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        if snapshots.len() >= SNAPSHOTS_MAX && !snapshots.contains_key(name) {
            return Err(SessionError::TooManySnapshots);
        }
        let former = snapshots.insert(name.to_owned(), Arc::new(snapshot));
        former.into_iter().for_each(discard);
        Ok(())
    }

    pub(crate) fn snapshot(&self, name: &str) -> Result<Arc<Session>, SessionError> {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let snapshot = snapshots.get(name).map(Arc::clone);
        snapshot.ok_or_else(|| SessionError::NoSnapshot(name.to_owned()))
    }

    pub(crate) fn forget_snapshot(&self, name: &str) -> Result<(), SessionError> {
        let mut snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        let removed = snapshots.remove(name);
        removed.map(discard).ok_or_else(|| SessionError::NoSnapshot(name.to_owned()))
    }

    pub(crate) fn snapshots(&self) -> Vec<(String, Arc<Session>)> {
        let snapshots = self.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
        snapshots.iter().map(|(name, one)| (name.clone(), Arc::clone(one))).collect()
    }

    fn read(&self) -> std::sync::RwLockReadGuard<'_, HashMap<Box<str>, Arc<Session>>> {
        self.named.read().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A name a session may have.
pub(crate) fn checked(name: &str) -> Result<&str, SessionError> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    let fits = (1..=NAME_MAX).contains(&name.len()) && name.chars().all(allowed);
    if fits { Ok(name) } else { Err(SessionError::BadName(name.chars().take(80).collect())) }
}

/// Takes out the session not asked for longest, where there are as many as may be.
fn make_room(named: &mut HashMap<Box<str>, Arc<Session>>) -> Option<Arc<Session>> {
    if named.len() < SESSIONS_MAX {
        return None;
    }
    let oldest = named.values().min_by_key(|session| session.used.load(Ordering::Relaxed))?;
    let name = oldest.name.clone();
    named.remove(&name)
}

/// The address without the session before it.
fn without(uri: &Uri, name: &str) -> Uri {
    let whole = uri.path_and_query().map_or("", PathAndQuery::as_str);
    let rest = whole.get(PREFIX.len() + name.len()..).unwrap_or("");
    let rest = if rest.starts_with('/') { Cow::Borrowed(rest) } else { format!("/{rest}").into() };
    // What is left of a valid path after a whole segment of it is one.
    rest.parse().unwrap_or_else(|_| Uri::from_static("/"))
}

/// Drops a session on a thread that has nothing else to do.
fn discard(session: Arc<Session>) {
    static REAPER: OnceLock<Option<mpsc::Sender<Arc<Session>>>> = OnceLock::new();
    let reaper = REAPER.get_or_init(|| {
        let (sender, discarded) = mpsc::channel();
        let run = move || discarded.iter().for_each(drop::<Arc<Session>>);
        let thread = std::thread::Builder::new().name("reaper".to_owned()).spawn(run);
        thread.ok().map(|_| sender)
    });
    if let Some(reaper) = reaper {
        // Where the thread is gone the session comes back in the error, and is dropped here.
        drop(reaper.send(session));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_taken_out_of_the_path_and_the_rest_stays_as_it_was() {
        let uri: Uri = "http://h:1/__wt/s/a.b/v1/x%20y?q=1&r".parse().unwrap();
        assert_eq!(without(&uri, "a.b"), "/v1/x%20y?q=1&r");
        assert_eq!(without(&Uri::from_static("/__wt/s/a"), "a"), "/");
        assert_eq!(without(&Uri::from_static("/__wt/s/a?x"), "a"), "/?x");
    }

    #[test]
    fn names_are_short_and_plain() {
        assert_eq!(checked("worker-1"), Ok("worker-1"));
        for name in ["", "a b", "a/b", "ü", &"a".repeat(65)] {
            assert!(checked(name).is_err(), "{name}");
        }
    }
}
