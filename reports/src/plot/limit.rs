//! A rate limit before and after, as what it lets through.

use models::{Finding, Kind};
use plotters::series::LineSeries;
use serde_json::Value;

use super::Plot;
use super::canvas::{self, Axes, Ink, count_label};
use crate::words;

/// Windows of the longer limit that are shown.
const WINDOWS: f64 = 3.0;
/// Points of a line.
const STEPS: u32 = 240;

/// Requests let through of a caller who never stops, under the limit before and the one after.
///
/// None where the finding is no limit or one without a window, as a bound on requests in flight.
pub(crate) fn limit(finding: &Finding) -> Option<Plot> {
    if finding.kind != Kind::RateLimitChanged {
        return None;
    }
    let limiters: Vec<(Limiter, Ink)> =
        [(&finding.before, Ink::Before), (&finding.after, Ink::After)]
            .into_iter()
            .filter_map(|(value, ink)| Some((Limiter::read(value)?, ink)))
            .collect();
    let length = WINDOWS * limiters.iter().map(|(one, _)| one.window).reduce(f64::max)?;
    let most = limiters.iter().map(|(one, _)| one.let_through(length)).reduce(f64::max)?;
    let seconds = |place: &f64| format!("{} s", count_label(*place));
    let count = |place: &f64| count_label(*place);
    let axes = Axes {
        x: (0.0, length),
        y: (0.0, most * 1.08),
        x_label: &seconds,
        y_label: &count,
        y_name: "requests let through of a caller who never stops",
    };
    let caption = format!("Rate limit: {}", words::change(finding));
    canvas::plot(&axes, caption, |chart| {
        for (limiter, ink) in &limiters {
            chart.draw_series(LineSeries::new(limiter.line(length), ink.stroke(3)))?;
        }
        Ok(())
    })
}

/// A limit as far as its line goes; where only bounds are known, the lower ones.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Limiter {
    /// Let through at once.
    burst: f64,
    /// Let through each window.
    limit: f64,
    /// Seconds.
    window: f64,
    /// Whether what is let through comes back bit by bit rather than with each window.
    refills: bool,
}

impl Limiter {
    fn read(value: &Value) -> Option<Self> {
        let number = |key: &str| match &value[key] {
            Value::Array(bounds) => bounds.first()?.as_f64(),
            other => other.as_f64(),
        };
        let (limit, window) = (number("limit")?, number("window_seconds")?);
        let refills = match value["algorithm"].as_str()? {
            "token_bucket" | "leaky_bucket" => true,
            "fixed_window" | "sliding_window" => false,
            _ => return None,
        };
        let burst = number("burst").filter(|_| refills).unwrap_or(limit);
        (window > 0.0 && limit > 0.0).then_some(Self { burst, limit, window, refills })
    }

    /// Requests let through by a time, seconds from the first one.
    fn let_through(&self, time: f64) -> f64 {
        let windows = time / self.window;
        self.burst + self.limit * if self.refills { windows } else { windows.floor() }
    }

    fn line(self, length: f64) -> impl Iterator<Item = (f64, f64)> {
        let times = (0..=STEPS).map(move |step| length * f64::from(step) / f64::from(STEPS));
        // A step stands upright: its foot has the height of the point before.
        let corner = move |time: f64| {
            let before = (time - length / f64::from(STEPS)).max(0.0);
            [(time, self.let_through(before)), (time, self.let_through(time))]
        };
        times.flat_map(corner)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_window_lets_through_in_steps_and_a_bucket_bit_by_bit() {
        let at = |limit: Value, times: [f64; 4]| {
            let limiter = Limiter::read(&limit).unwrap();
            times.map(|time| format!("{}", limiter.let_through(time))).join(" ")
        };
        let window = json!({"algorithm": "fixed_window", "limit": 100, "window_seconds": 60});
        assert_eq!(at(window, [0.0, 59.0, 60.0, 121.0]), "100 100 200 300");
        let bucket =
            json!({"algorithm": "token_bucket", "limit": 60, "window_seconds": 60, "burst": 10});
        assert_eq!(at(bucket, [0.0, 1.0, 30.0, 60.0]), "10 11 40 70");
        let bounded = json!({"algorithm": "fixed_window", "limit": [45, 50], "window_seconds": 60});
        assert_eq!(at(bounded, [0.0, 1.0, 60.0, 61.0]), "45 45 90 90");
        assert_eq!(Limiter::read(&json!({"algorithm": "concurrency", "limit": 5})), None);
        assert_eq!(Limiter::read(&Value::Null), None);
    }
}
