//! Calls that are sent twice and made once.

use std::collections::HashMap;
use std::hash::Hasher as _;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderValue, StatusCode};
use models::behaviour::Idempotency;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

use crate::refusal::Refusal;
use crate::render::{Reply, whole};
use crate::twin::Head;

/// Keys remembered; the oldest are forgotten for newer ones.
const KEYS_MAX: usize = 10_000;

/// What was answered under each key.
#[derive(Debug, Default)]
pub(crate) struct Answered {
    calls: Mutex<HashMap<u128, Call>>,
}

/// The first call under a key.
#[derive(Debug, Clone)]
struct Call {
    /// Of method, path and body: another request under the key is a mistake.
    request: u128,
    began: Duration,
    /// `None` while it is under way.
    answer: Option<Answer>,
}

#[derive(Debug, Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

/// A call under a key that was not answered yet.
#[derive(Debug)]
pub(crate) struct First {
    key: u128,
}

/// What the key says of a call.
pub(crate) enum Known {
    /// It is the first, and is to be [kept](Answered::keep).
    First(First),
    /// It was answered; this is the answer again.
    Again(Reply),
    /// It has no key, or one that does not count.
    Unkeyed,
}

impl Answered {
    /// Looks a call up by its key, and remembers that it is under way where it is the first.
    pub(crate) fn look_up(
        &self,
        rule: &Idempotency,
        owner: Option<&str>,
        head: &Head<'_>,
        body: &Bytes,
    ) -> Result<Known, Refusal> {
        let counts = rule.methods.iter().any(|method| method == head.method.as_str());
        let Some(given) = head.headers.get(rule.header.as_str()).filter(|_| counts) else {
            return Ok(Known::Unkeyed);
        };
        let credential = head.headers.get(AUTHORIZATION).map_or(&[][..], HeaderValue::as_bytes);
        let key = digest(&[credential, owner.unwrap_or("").as_bytes(), given.as_bytes()]);
        let path = head.uri.path_and_query().map_or("", |path| path.as_str());
        let request = digest(&[head.method.as_str().as_bytes(), path.as_bytes(), body]);
        let mut calls = self.calls();
        let ttl = Duration::from_secs(rule.ttl_seconds);
        match calls.get(&key).filter(|call| head.at.saturating_sub(call.began) < ttl) {
            Some(call) if call.request != request => {
                let key = String::from_utf8_lossy(given.as_bytes()).into_owned();
                Err(Refusal::OtherCall { key })
            }
            Some(Call { answer: None, .. }) => {
                let key = String::from_utf8_lossy(given.as_bytes()).into_owned();
                Err(Refusal::UnderWay { key })
            }
            Some(Call { answer: Some(answer), .. }) => Ok(Known::Again(again(answer, rule))),
            None => {
                if calls.len() >= KEYS_MAX {
                    forget_oldest(&mut calls);
                }
                calls.insert(key, Call { request, began: head.at, answer: None });
                Ok(Known::First(First { key }))
            }
        }
    }

    /// Keeps the answer of a first call. What says that the twin, and not the call, was at fault
    /// is not kept, so that it can be tried again.
    pub(crate) fn keep(&self, First { key }: First, reply: Reply) -> Reply {
        let status = reply.status();
        if status.is_server_error()
            || matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED)
        {
            self.calls().remove(&key);
            return reply;
        }
        let (parts, body) = reply.into_parts();
        let body = whole(body);
        if let Some(call) = self.calls().get_mut(&key) {
            let (status, headers) = (parts.status, parts.headers.clone());
            call.answer = Some(Answer { status, headers, body: body.clone() });
        }
        Reply::from_parts(parts, body.into())
    }

    /// What was answered until now; what is under way is not answered here.
    pub(crate) fn fork(&self) -> Self {
        let mut calls = self.calls().clone();
        calls.retain(|_, call| call.answer.is_some());
        Self { calls: Mutex::new(calls) }
    }

    fn calls(&self) -> MutexGuard<'_, HashMap<u128, Call>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn again(answer: &Answer, rule: &Idempotency) -> Reply {
    let mut reply = Reply::new(answer.body.clone().into());
    *reply.status_mut() = answer.status;
    *reply.headers_mut() = answer.headers.clone();
    for (name, value) in &rule.replayed {
        if let (Ok(name), Ok(value)) =
            (name.parse::<http::HeaderName>(), HeaderValue::from_str(value))
        {
            reply.headers_mut().insert(name, value);
        }
    }
    reply
}

fn forget_oldest(calls: &mut HashMap<u128, Call>) {
    let mut began: Vec<_> = calls.values().map(|call| call.began).collect();
    let middle = began.len() / 2;
    let (_, median, _) = began.select_nth_unstable(middle);
    let median = *median;
    calls.retain(|_, call| call.answer.is_none() || call.began > median);
}

fn digest(parts: &[&[u8]]) -> u128 {
    let mut hasher = SipHasher13::new();
    for part in parts {
        hasher.write_usize(part.len());
        hasher.write(part);
    }
    hasher.finish128().as_u128()
}
