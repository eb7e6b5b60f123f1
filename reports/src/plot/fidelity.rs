//! How true the twin was over time.

use models::State;
use plotters::element::Circle;
use plotters::series::LineSeries;

use super::Plot;
use super::canvas::{self, Axes, Ink, TimeAxis};
use crate::report::Past;
use crate::words;

/// The share of held-back exchanges that the model explained, before and after each published
/// calibration; none where none was measured.
///
/// Between two, the model is the same and production moves: the line falls from what was after one
/// to what was before the next.
pub(crate) fn fidelity(history: &[Past]) -> Option<Plot> {
    let published = history.iter().filter(|past| matches!(past.state, State::Published(_)));
    let measured: Vec<_> = published.filter_map(|past| Some((past, past.fidelity?))).collect();
    let ((first, _), (last, latest)) = (measured.first()?, measured.last()?);
    // One calibration alone has no time to be spread over.
    let pad = ((last.at - first.at).as_seconds_f64() * 0.04).max(60.0);
    let clock = TimeAxis::of_length((last.at - first.at).as_seconds_f64() + 2.0 * pad);
    let both = measured.iter().flat_map(|(past, fidelity)| {
        let at = clock.place(past.at);
        [(at, percent(fidelity.before_bp)), (at, percent(fidelity.after_bp))]
    });
    let line: Vec<_> = both.collect();
    let (from, to, pad) = (clock.place(first.at), clock.place(last.at), clock.length(pad));
    let lowest = line.iter().map(|(_, share)| *share).fold(100.0, f64::min);
    let time = |at: &f64| clock.label(*at);
    let share = |at: &f64| {
        if *at > 100.0 { String::new() } else { format!("{} %", (at * 100.0).round() / 100.0) }
    };
    let frame = Axes {
        x: (from - pad, to + pad),
        y: (lowest - ((100.0 - lowest) * 0.1).max(0.5), 100.0 + ((100.0 - lowest) * 0.06).max(0.2)),
        x_label: &time,
        y_label: &share,
        y_name: "held-back exchanges the model explains",
    };
    let caption = format!(
        "Fidelity over {}; the last measured, {}, took it from {} % to {} % of {} held-back exchanges",
        words::count(measured.len() as u64, "calibration"),
        last.number,
        percent(latest.before_bp),
        percent(latest.after_bp),
        words::grouped(latest.held_back),
    );
    canvas::plot(&frame, caption, |chart| {
        chart.draw_series(LineSeries::new(line.iter().copied(), Ink::After.stroke(2)))?;
        let dots = line.iter().enumerate().map(|(index, point)| {
            let ink = if index % 2 == 0 { Ink::Before } else { Ink::After };
            Circle::new(*point, 4, ink.filled())
        });
        chart.draw_series(dots)?;
        Ok(())
    })
}

fn percent(basis_points: u32) -> f64 {
    f64::from(basis_points) / 100.0
}
