//! What all plots share: size, axes, colours that follow the page's theme.

use chrono::{DateTime, Utc};
use plotters::chart::{ChartBuilder, ChartContext};
use plotters::coord::Shift;
use plotters::coord::types::RangedCoordf64;
use plotters::drawing::DrawingAreaErrorKind;
use plotters::prelude::{Cartesian2d, DrawingArea, IntoDrawingArea, SVGBackend};
use plotters::style::{Color, RGBColor, ShapeStyle};

use super::Plot;

/// Units of the view box. At 360 pixels of screen a unit is nearly a pixel, so that labels can be
/// read on a phone.
const SIZE: (u32, u32) = (400, 220);
/// Of labels, in units of the view box.
const TEXT: u32 = 18;

pub(super) type Chart<'p> =
    ChartContext<'p, SVGBackend<'p>, Cartesian2d<RangedCoordf64, RangedCoordf64>>;
pub(super) type DrawError = DrawingAreaErrorKind<std::io::Error>;

/// A colour's part in a plot. Drawn as a colour that means nothing and named in the end: what it
/// looks like is the page's affair, by day and by night.
#[derive(Debug, Clone, Copy)]
pub(super) enum Ink {
    /// Axes and labels.
    Text,
    /// The grid.
    Grid,
    /// What was.
    Before,
    /// What is.
    After,
    /// What went wrong.
    Bad,
}

impl Ink {
    const ALL: [Self; 5] = [Self::Text, Self::Grid, Self::Before, Self::After, Self::Bad];

    pub(super) const fn colour(self) -> RGBColor {
        let shade = self as u8 + 1;
        RGBColor(shade, shade, shade)
    }

    pub(super) fn stroke(self, width: u32) -> ShapeStyle {
        self.colour().stroke_width(width)
    }

    pub(super) fn filled(self) -> ShapeStyle {
        self.colour().filled()
    }

    const fn variable(self) -> &'static str {
        match self {
            Self::Text => "var(--muted)",
            Self::Grid => "var(--line)",
            Self::Before => "var(--before)",
            Self::After => "var(--after)",
            Self::Bad => "var(--bad)",
        }
    }
}

/// What is plotted along each axis, and how a place on it is labelled.
pub(super) struct Axes<'a> {
    pub(super) x: (f64, f64),
    pub(super) y: (f64, f64),
    pub(super) x_label: &'a dyn Fn(&f64) -> String,
    pub(super) y_label: &'a dyn Fn(&f64) -> String,
    pub(super) y_name: &'a str,
}

/// Draws on fresh axes; none where the backend refuses, as with a range of no width.
pub(super) fn plot(
    axes: &Axes<'_>,
    caption: String,
    draw: impl FnOnce(&mut Chart<'_>) -> Result<(), DrawError>,
) -> Option<Plot> {
    if !(axes.x.0 < axes.x.1 && axes.y.0 < axes.y.1) {
        return None;
    }
    let mut text = String::new();
    let root = SVGBackend::with_string(&mut text, SIZE).into_drawing_area();
    drawn(&root, axes, draw).ok()?;
    drop(root);
    Some(Plot { svg: inline(&text, &caption)?, caption })
}

fn drawn<'p>(
    root: &DrawingArea<SVGBackend<'p>, Shift>,
    axes: &Axes<'_>,
    draw: impl FnOnce(&mut Chart<'p>) -> Result<(), DrawError>,
) -> Result<(), DrawError> {
    let label = ("sans-serif", TEXT, &Ink::Text.colour());
    let mut chart = ChartBuilder::on(root)
        .margin_top(28)
        .margin_right(20)
        .x_label_area_size(26)
        .y_label_area_size(60)
        .build_cartesian_2d(axes.x.0..axes.x.1, axes.y.0..axes.y.1)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(plotters::style::TRANSPARENT)
        .bold_line_style(Ink::Grid.stroke(1))
        .axis_style(Ink::Text.stroke(1))
        .label_style(label)
        .x_labels(4)
        .y_labels(4)
        .x_label_formatter(axes.x_label)
        .y_label_formatter(axes.y_label)
        .draw()?;
    draw(&mut chart)?;
    // Above the axis and level: turned text is hard to read on a small screen.
    root.draw_text(axes.y_name, &label.into_text_style_at_start(), (4, 4))?;
    root.present()
}

trait AtStart<'a> {
    fn into_text_style_at_start(self) -> plotters::style::TextStyle<'a>;
}

impl<'a> AtStart<'a> for (&'a str, u32, &'a RGBColor) {
    fn into_text_style_at_start(self) -> plotters::style::TextStyle<'a> {
        plotters::style::TextStyle::from((self.0, self.1)).color(self.2)
    }
}

/// The element for a page: its size the page's, its colours variables, its meaning in words.
fn inline(svg: &str, caption: &str) -> Option<String> {
    let (_, body) = svg.split_once('>')?;
    let mut body = body.to_owned();
    for ink in Ink::ALL {
        let shade = ink as u8 + 1;
        body = body.replace(&format!("#{shade:02X}{shade:02X}{shade:02X}"), ink.variable());
    }
    // Attributes that say what is said anyway, and a font that is the page's.
    for noise in [" opacity=\"1\"", " font-family=\"sans-serif\""] {
        body = body.replace(noise, "");
    }
    let (width, height) = SIZE;
    let label = escaped(caption);
    Some(format!(r#"<svg viewBox="0 0 {width} {height}" role="img" aria-label="{label}">{body}"#))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Time on an axis, in a unit that puts round numbers of it at round times.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct TimeAxis {
    /// Seconds.
    unit: f64,
    form: &'static str,
}

impl TimeAxis {
    /// For an axis of a length in seconds. Marks stand at 1, 2 or 5 times a power of ten: of a
    /// tenth of an hour, five are half an hour.
    pub(super) fn of_length(seconds: f64) -> Self {
        const HOUR: f64 = 3600.0;
        const DAY: f64 = 24.0 * HOUR;
        let (unit, form) = match seconds {
            length if length <= 15.0 => (1.0, "%M:%S%.3f"),
            length if length <= 300.0 => (6.0, "%H:%M:%S"),
            length if length <= HOUR => (60.0, "%H:%M"),
            length if length <= 4.0 * HOUR => (HOUR / 10.0, "%H:%M"),
            length if length <= DAY => (HOUR, "%H:%M"),
            length if length <= 4.0 * DAY => (DAY, "%a %H:%M"),
            _ => (DAY, "%d %b"),
        };
        Self { unit, form }
    }

    #[expect(clippy::cast_precision_loss, reason = "times of this era are below 2^53 microseconds")]
    pub(super) fn place(self, time: DateTime<Utc>) -> f64 {
        time.timestamp_micros() as f64 / 1e6 / self.unit
    }

    /// A length of time, as one on the axis.
    pub(super) fn length(self, seconds: f64) -> f64 {
        seconds / self.unit
    }

    #[expect(clippy::cast_possible_truncation, reason = "labels are whole milliseconds")]
    pub(super) fn label(self, place: f64) -> String {
        let time = DateTime::from_timestamp_millis((place * self.unit * 1e3).round() as i64);
        time.map(|time| time.format(self.form).to_string()).unwrap_or_default()
    }
}

/// A count on an axis: `1200` as `1.2k`.
pub(super) fn count_label(number: f64) -> String {
    let (number, unit) = match number.abs() {
        n if n >= 1e9 => (number / 1e9, "G"),
        n if n >= 1e6 => (number / 1e6, "M"),
        n if n >= 1e4 => (number / 1e3, "k"),
        _ => (number, ""),
    };
    let text = format!("{number:.1}");
    format!("{}{unit}", text.strip_suffix(".0").unwrap_or(&text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_as_short_as_their_axis_allows() {
        assert_eq!(count_label(1200.0), "1200");
        assert_eq!(count_label(12_500.0), "12.5k");
        assert_eq!(count_label(2e6), "2M");
        let noon = "2026-11-19T12:00:05Z".parse().unwrap();
        let label = |length: f64| {
            let axis = TimeAxis::of_length(length);
            axis.label(axis.place(noon))
        };
        assert_eq!(label(2.0), "00:05.000");
        assert_eq!(label(60.0), "12:00:05");
        assert_eq!(label(7200.0), "12:00");
        assert_eq!(label(30.0 * 86_400.0), "19 Nov");
    }

    #[test]
    fn a_plot_takes_its_colours_from_the_page_and_its_caption_breaks_nothing() {
        let label = |place: &f64| count_label(*place);
        let axes = Axes {
            x: (0.0, 1.0),
            y: (0.0, 1.0),
            x_label: &label,
            y_label: &label,
            y_name: "calls",
        };
        let drawn = plot(&axes, "\"><script>".to_owned(), |_| Ok(())).unwrap();
        assert!(drawn.svg.starts_with("<svg viewBox=\"0 0 400 220\" role=\"img\""));
        assert!(drawn.svg.contains("&quot;&gt;&lt;script&gt;") && !drawn.svg.contains("<script"));
        assert!(drawn.svg.contains("var(--muted)") && !drawn.svg.contains("=\"#"));
        assert!(drawn.svg.trim_end().ends_with("</svg>"));
        assert_eq!(plot(&Axes { x: (1.0, 1.0), ..axes }, String::new(), |_| Ok(())), None);
    }
}
