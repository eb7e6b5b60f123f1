//! What an answer's headers say of rate limits.

use crate::exchange::RawExchange;
use crate::lake::rows::{ExchangeRows, LimitCell};

/// The limits the headers state, in header order.
pub(super) fn cells(raw: &RawExchange<'_>, rows: &mut ExchangeRows) -> Vec<LimitCell> {
    let _ = (raw, rows);
    Vec::new()
}

/// `Retry-After`, milliseconds.
pub(super) fn retry_after_ms(raw: &RawExchange<'_>) -> Option<u32> {
    let _ = raw;
    None
}
