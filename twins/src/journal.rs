//! The last requests, for the admin API.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, SecondsFormat, Utc};
use http::{Method, StatusCode, Uri};
use serde_json::{Map, Value, json};

/// The last requests, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Journal {
    entries: Mutex<VecDeque<Entry>>,
}

/// One request and how it went.
#[derive(Debug)]
pub(crate) struct Entry {
    pub(crate) at: DateTime<Utc>,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    /// Without credentials; only where the twin is verbose.
    pub(crate) headers: Option<Map<String, Value>>,
    pub(crate) status: StatusCode,
    pub(crate) took: Duration,
}

/// # Source
///
/// The published admin API's ring of requests.
const ENTRIES_MAX: usize = 1000;

impl Journal {
    pub(crate) fn add(&self, entry: Entry) {
        let mut entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        if entries.len() >= ENTRIES_MAX {
            entries.pop_front();
        }
        entries.push_back(entry);
    }

    pub(crate) fn clear(&self) {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(crate) fn to_json(&self) -> Value {
        let entries = self.entries.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().map(Entry::to_json).collect()
    }
}

impl Entry {
    fn to_json(&self) -> Value {
        let mut entry = json!({
            "timestamp": self.at.to_rfc3339_opts(SecondsFormat::Millis, true),
            "method": self.method.as_str(),
            "path": self.uri.path(),
            "status_code": self.status.as_u16(),
            "duration_ms": self.took.as_secs_f64() * 1000.0,
        });
        if let (Some(headers), Some(object)) = (&self.headers, entry.as_object_mut()) {
            object.insert("headers".to_owned(), headers.clone().into());
        }
        entry
    }
}
