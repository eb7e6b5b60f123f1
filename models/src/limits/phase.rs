//! When the fixed windows of a vendor's clock begin.

use super::replay::Counter;

/// When a fixed window begins, by the least that is wrong.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phase {
    window_us: i64,
    begins_us: i64,
    step_us: i64,
    pub(super) wrong: u64,
}

impl Phase {
    /// The best of the window's sixteenths.
    pub(super) fn coarse(window_us: i64, wrong: impl Fn(Counter) -> u64) -> Self {
        let step_us = (window_us / 16).max(1);
        let mut best = Self { window_us, begins_us: 0, step_us, wrong: u64::MAX };
        for part in 0..16 {
            best = best.or(step_us * part, &wrong);
        }
        best
    }

    /// Ever smaller steps about it, down to ten milliseconds.
    pub(super) fn refined(mut self, wrong: impl Fn(Counter) -> u64) -> Self {
        const STEP_MIN_US: i64 = 10_000;
        while self.wrong > 0 && self.step_us > STEP_MIN_US {
            self.step_us /= 2;
            let (before, after) = (self.begins_us - self.step_us, self.begins_us + self.step_us);
            self = self.or(before, &wrong).or(after, &wrong);
        }
        self
    }

    /// This or another phase, whichever is better.
    fn or(self, begins_us: i64, wrong: &impl Fn(Counter) -> u64) -> Self {
        if self.wrong == 0 {
            return self;
        }
        let other = Self { begins_us: begins_us.rem_euclid(self.window_us), ..self };
        let other = Self { wrong: wrong(other.counter()), ..other };
        if other.wrong < self.wrong { other } else { self }
    }

    pub(super) fn counter(self) -> Counter {
        Counter::Fixed { window_us: self.window_us, phase_us: self.begins_us }
    }
}
