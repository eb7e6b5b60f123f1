//! Plots as inline SVG, in the colours of the page around them.

mod canvas;
mod fidelity;
mod limit;
mod traffic;

pub(crate) use fidelity::fidelity;
pub(crate) use limit::limit;
pub(crate) use traffic::traffic;

/// A plot: an `<svg>` element without width and height, with what it shows in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Plot {
    /// Safe in HTML.
    pub(crate) svg: String,
    /// What a reader who does not see it is told.
    pub(crate) caption: String,
}
