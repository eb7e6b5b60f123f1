//! What the names of limit headers mean.

use super::{
    headers::{Style, Unit},
    values::DAY_SECONDS,
};

/// Which family a name belongs to, and where its own part begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Family {
    RetryAfter {
        milliseconds: bool,
    },
    /// `ratelimit…` and `beta-ratelimit…`.
    Standard {
        from: usize,
        style: Style,
    },
    /// `x-ratelimit-…`, `x-rate-limit-…`, `anthropic-ratelimit-…`.
    Extended {
        from: usize,
        style: Style,
    },
    Hubspot {
        from: usize,
    },
    /// `used/limit`.
    Fraction,
    /// `x-rate-limit`, whose whole value is the limit.
    Limit,
}

pub(super) fn family(name: &str) -> Option<Family> {
    let bytes = name.as_bytes();
    if bytes.len() < 9 {
        return None;
    }
    match bytes[0] | 0x20 {
        b'r' if starts(name, "ratelimit") => {
            Some(Family::Standard { from: 9, style: Style::IetfDraft })
        }
        b'r' if name.eq_ignore_ascii_case("retry-after") => {
            Some(Family::RetryAfter { milliseconds: false })
        }
        b'r' if name.eq_ignore_ascii_case("retry-after-ms") => {
            Some(Family::RetryAfter { milliseconds: true })
        }
        b'x' if bytes[1] == b'-' => extension(name),
        b'b' if starts(name, "beta-ratelimit") => {
            Some(Family::Standard { from: 14, style: Style::Jira })
        }
        b'a' if starts(name, "anthropic-ratelimit-") => {
            Some(Family::Extended { from: 20, style: Style::Anthropic })
        }
        _ => of_a_vendor(name),
    }
}

/// `acme-ratelimit-remaining`, `x-acme-rate-limit-reset`: a vendor's name before the usual ones.
fn of_a_vendor(name: &str) -> Option<Family> {
    const ENDS: [&str; 4] = ["-limit", "-remaining", "-reset", "-used"];
    let ends = |end: &&str| {
        let tail = name.len().checked_sub(end.len()).and_then(|at| name.as_bytes().get(at..));
        tail.is_some_and(|tail| tail.eq_ignore_ascii_case(end.as_bytes()))
    };
    ENDS.iter().find(|end| ends(end))?;
    let after = |word: &str| {
        let found = |at: &usize| name.get(*at..).is_some_and(|rest| starts(rest, word));
        (1..name.len()).find(found).map(|at| at + word.len())
    };
    let from = after("-ratelimit-").or_else(|| after("-rate-limit-"))?;
    Some(Family::Extended { from, style: Style::XRateLimit })
}

fn extension(name: &str) -> Option<Family> {
    match name.as_bytes()[2] | 0x20 {
        b'r' if starts(name, "x-ratelimit-") => {
            Some(Family::Extended { from: 12, style: Style::XRateLimit })
        }
        b'r' if starts(name, "x-rate-limit-") => {
            Some(Family::Extended { from: 13, style: Style::Okta })
        }
        b'r' if name.eq_ignore_ascii_case("x-retry-after") => {
            Some(Family::RetryAfter { milliseconds: false })
        }
        b'r' if name.eq_ignore_ascii_case("x-recharge-limit") => Some(Family::Fraction),
        b's' if name.eq_ignore_ascii_case("x-shopify-shop-api-call-limit") => {
            Some(Family::Fraction)
        }
        b'h' if starts(name, "x-hubspot-ratelimit-") => Some(Family::Hubspot { from: 20 }),
        b'r' if ["x-rate-limit", "x-ratelimit"]
            .iter()
            .any(|one| name.eq_ignore_ascii_case(one)) =>
        {
            Some(Family::Limit)
        }
        _ => of_a_vendor(name),
    }
}

fn starts(name: &str, prefix: &str) -> bool {
    name.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}

/// What the rest of an `x-ratelimit-` name means.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Slot<'a> {
    pub(super) scope: Option<&'a str>,
    pub(super) measure: Measure,
    pub(super) window_seconds: Option<f64>,
    pub(super) style: Option<Style>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Measure {
    Limit,
    Remaining,
    Used,
    Reset,
    ResetAfter,
    ResetMilliseconds,
    Window,
    WindowMilliseconds,
    Resource,
    Policy,
}

impl Measure {
    pub(super) fn of(word: &str) -> Option<Self> {
        const WORDS: [(&str, Measure); 16] = [
            ("limit", Measure::Limit),
            ("quota", Measure::Limit),
            ("remaining", Measure::Remaining),
            ("left", Measure::Remaining),
            ("used", Measure::Used),
            ("reset", Measure::Reset),
            ("reset-after", Measure::ResetAfter),
            ("reset-ms", Measure::ResetMilliseconds),
            ("time-reset-ms", Measure::ResetMilliseconds),
            ("window", Measure::Window),
            ("interval", Measure::Window),
            ("time-window-ms", Measure::WindowMilliseconds),
            ("window-ms", Measure::WindowMilliseconds),
            ("resource", Measure::Resource),
            ("bucket", Measure::Resource),
            ("policy", Measure::Policy),
        ];
        WORDS.iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, measure)| *measure)
    }
}

/// `limit`, `limit-tokens`, `requests-limit`, `remaining-minute`.
pub(super) fn slot(part: &str) -> Option<Slot<'_>> {
    if let Some(measure) = Measure::of(part) {
        let bigcommerce =
            matches!(measure, Measure::ResetMilliseconds | Measure::WindowMilliseconds);
        let style = bigcommerce.then_some(Style::Bigcommerce);
        return Some(Slot { scope: None, measure, window_seconds: None, style });
    }
    if starts(part, "requests-left") || starts(part, "requests-quota") {
        let measure = Measure::of(&part[9..])?;
        let style = Some(Style::Bigcommerce);
        return Some(Slot { scope: None, measure, window_seconds: None, style });
    }
    if let Some((word, scope)) = part.split_once('-')
        && let Some(measure) = Measure::of(word)
    {
        let window_seconds = window_of(scope);
        let style = if window_seconds.is_some() { Style::Kong } else { Style::Openai };
        return Some(Slot { scope: Some(scope), measure, window_seconds, style: Some(style) });
    }
    let (scope, word) = part.rsplit_once('-')?;
    let measure = Measure::of(word)?;
    let window_seconds = window_of(scope);
    Some(Slot { scope: Some(scope), measure, window_seconds, style: None }.linear())
}

impl Slot<'_> {
    /// `x-ratelimit-requests-limit` is Linear's order; Anthropic's names keep their own style.
    fn linear(mut self) -> Self {
        let scope = self.scope.unwrap_or_default();
        if scope.eq_ignore_ascii_case("requests") || scope.eq_ignore_ascii_case("complexity") {
            self.style = Some(Style::Linear);
        }
        self
    }
}

pub(super) fn window_of(scope: &str) -> Option<f64> {
    const WINDOWS: [(&str, f64); 6] = [
        ("second", 1.0),
        ("minute", 60.0),
        ("hour", 3_600.0),
        ("day", DAY_SECONDS),
        ("daily", DAY_SECONDS),
        ("month", 30.0 * DAY_SECONDS),
    ];
    WINDOWS.iter().find(|(name, _)| scope.eq_ignore_ascii_case(name)).map(|(_, seconds)| *seconds)
}

pub(super) fn unit_of(scope: &str) -> Unit {
    const COSTS: [&str; 4] = ["tokens", "complexity", "points", "bytes"];
    let lower = scope.to_ascii_lowercase();
    if COSTS.iter().any(|word| lower.contains(word)) {
        Unit::Cost
    } else if lower.contains("concurren") {
        Unit::Concurrent
    } else {
        Unit::Requests
    }
}
