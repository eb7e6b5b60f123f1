//! What an answer's headers say of rate limits.

use models::limits::{Observed, Reset, Style, is_limit_header, read};

use super::memo::Memo;
use crate::exchange::RawExchange;
use crate::lake::rows::{ExchangeRows, LimitCell};

/// Limits as the lake's column has them.
pub(super) type Texts = Memo<Observed, String>;

/// Whether two state the same limit, however much of it is left and until when.
fn is_alike(one: &Observed, other: &Observed) -> bool {
    let of = |observed: &Observed| {
        let Observed { unit, limit, window_seconds, style, reset, .. } = *observed;
        (unit, limit, window_seconds, style, reset.map(|reset| matches!(reset, Reset::At(_))))
    };
    of(one) == of(other) && one.scope == other.scope
}

/// The limits an answer states.
#[derive(Debug, Default)]
pub(super) struct Stated {
    observed: Vec<Observed>,
    seen_at_us: i64,
}

impl Stated {
    pub(super) fn of(raw: &RawExchange<'_>) -> Self {
        let limits = raw.response_headers.iter().filter(|(name, _)| is_limit_header(name));
        let mut limits = limits.map(|(name, value)| (name.as_ref(), value.as_ref())).peekable();
        let observed = if limits.peek().is_some() { read(limits) } else { Vec::new() };
        Self { observed, seen_at_us: raw.seen_at_us }
    }

    /// One cell a limit, in header order.
    pub(super) fn cells(&self, rows: &mut ExchangeRows, texts: &mut Texts) -> Vec<LimitCell> {
        let stated = self.observed.iter().filter(|observed| observed.style != Style::RetryAfter);
        stated
            .map(|observed| LimitCell {
                policy: rows.text(texts.get(
                    |known| is_alike(known, observed),
                    || (observed.clone(), crate::lake::limit::encode(observed)),
                )),
                remaining: observed.remaining,
                reset_ms: observed.reset.map(|reset| self.milliseconds_to(reset)),
            })
            .collect()
    }

    /// `Retry-After`, milliseconds.
    pub(super) fn retry_after_ms(&self) -> Option<u32> {
        let seconds = self.observed.iter().find_map(|observed| observed.retry_after_seconds)?;
        Some(whole(seconds * 1e3).clamp(0, i64::from(u32::MAX)))
            .and_then(|ms| u32::try_from(ms).ok())
    }

    /// Resets are kept as seen from the request, so that they compress and say nothing else.
    fn milliseconds_to(&self, reset: Reset) -> i64 {
        match reset {
            Reset::In(seconds) => whole(seconds * 1e3),
            Reset::At(epoch) => whole(epoch * 1e3) - self.seen_at_us.div_euclid(1000),
        }
    }
}

#[expect(clippy::cast_possible_truncation, reason = "a float beyond an integer's range saturates")]
fn whole(float: f64) -> i64 {
    float.round() as i64
}
