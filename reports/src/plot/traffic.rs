//! The traffic a run rests on, and what of it was refused.

use std::fmt::Write as _;

use chrono::TimeDelta;
use plotters::element::Rectangle;

use super::Plot;
use super::canvas::{self, Axes, Ink, TimeAxis, count_label};
use crate::report::Bucket;
use crate::words;

/// Calls in each part of the window, refused ones apart; none without calls.
pub(crate) fn traffic(buckets: &[Bucket]) -> Option<Plot> {
    let [first, second, ..] = buckets else { return None };
    let seconds = |time: TimeDelta| time.as_seconds_f64();
    let length = second.from - first.from;
    let last = buckets.last()?.from;
    let clock = TimeAxis::of_length(seconds(last + length - first.from));
    let most = buckets.iter().map(|bucket| bucket.calls).max().filter(|most| *most > 0)?;
    let width = clock.length(seconds(length));
    let time = |at: &f64| clock.label(*at);
    let count = |at: &f64| count_label(*at);
    let axes = Axes {
        x: (clock.place(first.from), clock.place(last) + width),
        y: (0.0, height(most) * 1.08),
        x_label: &time,
        y_label: &count,
        y_name: "calls",
    };
    canvas::plot(&axes, caption(buckets), |chart| {
        for bucket in buckets.iter().filter(|bucket| bucket.calls > 0) {
            let left = clock.place(bucket.from);
            let right = left + width * 0.86;
            let bar = |to, ink: Ink| Rectangle::new([(left, 0.0), (right, to)], ink.filled());
            chart.draw_series([bar(height(bucket.calls), Ink::After)])?;
            if bucket.refused > 0 {
                chart.draw_series([bar(height(bucket.refused), Ink::Bad)])?;
            }
        }
        Ok(())
    })
}

fn caption(buckets: &[Bucket]) -> String {
    let sum = |of: fn(&Bucket) -> u64| buckets.iter().map(of).sum::<u64>();
    let (calls, refused) = (sum(|bucket| bucket.calls), sum(|bucket| bucket.refused));
    let silent = buckets.iter().filter(|bucket| bucket.calls == 0).count();
    let calls = words::count(calls, "call");
    let refused = words::grouped(refused);
    let mut text = format!("{calls} over the window, {refused} of them refused with 429");
    if silent > 0 {
        let all = buckets.len();
        let _ = write!(text, "; nothing was seen in {silent} of {all} parts of it");
    }
    text
}

#[expect(clippy::cast_precision_loss, reason = "a plot shows three digits")]
fn height(count: u64) -> f64 {
    count as f64
}
