//! Rate limits of the planted vendor, and how it tells them.

use std::collections::BTreeMap;

use models::{Algorithm, Model, RateLimit};

use crate::random::Random;

/// Gives a model the limits of one of several kinds of vendors.
pub(crate) fn plant(model: &mut Model, random: &mut Random) {
    let styles = ["ietf-draft", "x-ratelimit", "github", "none"];
    let headers = random.pick(&styles).to_owned();
    let limit = |limit, window_seconds| RateLimit {
        algorithm: Algorithm::FixedWindow,
        limit,
        window_seconds,
        burst: None,
        scope: None,
        cost: None,
        headers: Some(headers.clone()),
    };
    model.limits = if headers == "github" {
        BTreeMap::from([
            ("core".to_owned(), limit(60, 60.0)),
            ("search".to_owned(), limit(10, 60.0)),
        ])
    } else {
        BTreeMap::from([(
            "default".to_owned(),
            limit(20 + 10 * random.below(4), [10.0, 60.0][usize::from(random.chance(50))]),
        )])
    };
}

/// Tightens or widens one of the limits.
pub(crate) fn change(model: &mut Model, random: &mut Random) {
    let count = model.limits.len() as u64;
    let which = usize::try_from(random.below(count.max(1))).unwrap_or(0);
    if let Some(limit) = model.limits.values_mut().nth(which) {
        limit.limit = if random.chance(70) { limit.limit / 2 } else { limit.limit * 2 };
    }
}

/// Counts calls and tells what is left.
#[derive(Debug, Default)]
pub(crate) struct Limiter {
    /// By scope and key: the window, and the calls in it.
    windows: BTreeMap<(String, u64), (u64, u64)>,
    /// Calls refused.
    pub(crate) refused: u64,
}

/// What the limiter says of one call; nothing of one that is none of the vendor's.
#[derive(Debug, Default)]
pub(crate) struct Passage {
    pub(crate) refused: bool,
    pub(crate) headers: Vec<(&'static str, String)>,
}

impl Limiter {
    /// Counts a call of a key at a time. `search` says whether it is one of the dear ones.
    pub(crate) fn pass(
        &mut self,
        limits: &BTreeMap<String, RateLimit>,
        key: u64,
        at_ms: u64,
        search: bool,
    ) -> Passage {
        let scope = if limits.len() == 1 {
            "default"
        } else if search {
            "search"
        } else {
            "core"
        };
        let Some(limit) = limits.get(scope) else {
            return Passage { refused: false, headers: Vec::new() };
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "windows are whole seconds"
        )]
        let window_ms = limit.window_seconds as u64 * 1000;
        let (window, calls) = self.windows.entry((scope.to_owned(), key)).or_default();
        if *window != at_ms / window_ms {
            (*window, *calls) = (at_ms / window_ms, 0);
        }
        let refused = limit.limit <= *calls;
        if refused {
            self.refused += 1;
        } else {
            *calls += 1;
        }
        let left = limit.limit - *calls;
        let end_s = (at_ms / window_ms + 1) * window_ms / 1000;
        let in_s = (end_s * 1000 - at_ms).div_ceil(1000);
        let mut headers = match limit.headers.as_deref() {
            Some("ietf-draft") => vec![
                ("RateLimit-Limit", limit.limit.to_string()),
                ("RateLimit-Remaining", left.to_string()),
                ("RateLimit-Reset", in_s.to_string()),
                ("RateLimit-Policy", format!("{};w={}", limit.limit, limit.window_seconds)),
            ],
            Some("x-ratelimit") => vec![
                ("X-RateLimit-Limit", limit.limit.to_string()),
                ("X-RateLimit-Remaining", left.to_string()),
                ("X-RateLimit-Reset", in_s.to_string()),
            ],
            Some("github") => vec![
                ("x-ratelimit-limit", limit.limit.to_string()),
                ("x-ratelimit-remaining", left.to_string()),
                ("x-ratelimit-used", calls.to_string()),
                ("x-ratelimit-reset", end_s.to_string()),
                ("x-ratelimit-resource", scope.to_owned()),
            ],
            _ => Vec::new(),
        };
        if refused {
            headers.push(("Retry-After", in_s.to_string()));
        }
        Passage { refused, headers }
    }
}
