//! Stated limits as the `limits` column holds them.

use models::limits::{Observed, Reset, Style, Unit};

use crate::shape::word;

/// Limits from here on are none: an account's number, a card's.
const LIMIT_MAX: u64 = 1_000_000_000;

/// `scope;limit;window_seconds;style;unit;reset` with nothing for what is not stated; `reset` is
/// `in` or `at`, since the column of resets holds the time to go for both.
pub(crate) fn encode(observed: &Observed) -> String {
    // A scope is the vendor's word for a resource; a header may hold anything.
    let wording =
        |scope: &&str| word::is_token(scope.as_bytes()) && !word::is_telling(scope.as_bytes());
    let scope = observed.scope.as_deref().filter(wording).unwrap_or_default();
    let limit = observed.limit.filter(|limit| *limit < LIMIT_MAX);
    let limit = limit.map(|limit| limit.to_string()).unwrap_or_default();
    let window = observed.window_seconds.map(|window| window.to_string()).unwrap_or_default();
    let unit = match observed.unit {
        Unit::Requests => "requests",
        Unit::Concurrent => "concurrent",
        Unit::Cost => "cost",
    };
    let reset = match observed.reset {
        Some(Reset::In(_)) => "in",
        Some(Reset::At(_)) => "at",
        None => "",
    };
    format!("{scope};{limit};{window};{};{unit};{reset}", observed.style.name())
}

/// Reads what the column and its neighbours hold of an exchange seen at a time; `None` for text that
/// this version did not write.
pub fn decode(
    text: &str,
    remaining: Option<i64>,
    reset_ms: Option<i64>,
    seen_at_us: i64,
) -> Option<Observed> {
    let mut parts = text.split(';');
    let scope = parts.next().filter(|scope| !scope.is_empty()).map(str::to_owned);
    let limit = parts.next()?.parse().ok();
    let window_seconds = parts.next()?.parse().ok();
    let style = Style::named(parts.next()?)?;
    let unit = match parts.next()? {
        "requests" => Unit::Requests,
        "concurrent" => Unit::Concurrent,
        "cost" => Unit::Cost,
        _ => return None,
    };
    let is_instant = parts.next() == Some("at");
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of this age are far below 2^52")]
    let reset = reset_ms.map(|ms| {
        if is_instant {
            Reset::At((seen_at_us.div_euclid(1000) + ms) as f64 / 1e3)
        } else {
            Reset::In(ms as f64 / 1e3)
        }
    });
    Some(Observed {
        scope,
        unit,
        limit,
        remaining,
        reset,
        window_seconds,
        retry_after_seconds: None,
        style,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stated_limit_reads_back_as_it_was() {
        let observed = Observed {
            scope: Some("core".into()),
            unit: Unit::Requests,
            limit: Some(5000),
            remaining: Some(4999),
            reset: Some(Reset::At(1_700_000_000.0)),
            window_seconds: None,
            retry_after_seconds: None,
            style: Style::Github,
        };
        let text = encode(&observed);
        assert_eq!(text, "core;5000;;github;requests;at");
        assert_eq!(decode(&text, Some(4999), Some(600_000), 1_699_999_400_000_000), Some(observed));
        assert_eq!(decode("nonsense", None, None, 0), None);
    }
}
