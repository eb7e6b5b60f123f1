//! How fast a vendor may be asked: within a share of its rate limits. Pure, time is an argument.

use std::collections::VecDeque;
use std::time::Duration;

use models::RateLimit;

/// Requests sent lately, against each limit's share.
#[derive(Debug)]
pub(super) struct Pace {
    windows: Vec<Window>,
}

#[derive(Debug)]
struct Window {
    length: Duration,
    most: usize,
    /// Since the run began.
    sent: VecDeque<Duration>,
}

impl Pace {
    /// A share of each limit, one request at least.
    pub(super) fn within<'l>(limits: impl Iterator<Item = &'l RateLimit>, share: f64) -> Self {
        let window = |limit: &RateLimit| {
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                clippy::cast_precision_loss,
                reason = "a share of requests; limits are far below 2^52"
            )]
            let most = (limit.limit as f64 * share.clamp(0.0, 1.0)) as usize;
            let length =
                Duration::try_from_secs_f64(limit.window_seconds).unwrap_or(Duration::ZERO);
            Window { length, most: most.max(1), sent: VecDeque::new() }
        };
        Self { windows: limits.map(window).collect() }
    }

    /// How long to wait before the next request.
    pub(super) fn wait(&self, now: Duration) -> Duration {
        let waits = self.windows.iter().map(|window| {
            let from = window.sent.len().checked_sub(window.most);
            let freed = from.map(|index| window.sent[index].saturating_add(window.length));
            freed.map_or(Duration::ZERO, |at| at.saturating_sub(now))
        });
        waits.max().unwrap_or(Duration::ZERO)
    }

    /// Counts a request.
    pub(super) fn count(&mut self, now: Duration) {
        for window in &mut self.windows {
            window.sent.push_back(now);
            while window.sent.len() > window.most {
                window.sent.pop_front();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_window_holds_more_than_its_share() {
        let limit: RateLimit = serde_json::from_value(serde_json::json!(
            {"algorithm": "fixed_window", "limit": 40, "window_seconds": 10}
        ))
        .unwrap();
        let mut pace = Pace::within(std::iter::once(&limit), 0.1);
        let mut now = Duration::ZERO;
        let mut sent = Vec::new();
        for _ in 0..9 {
            now += pace.wait(now);
            pace.count(now);
            sent.push(now.as_secs());
        }
        assert_eq!(sent, [0, 0, 0, 0, 10, 10, 10, 10, 20]);
    }
}
