//! From the lake to evidence: SQL counts shapes, and the counts are folded over their fields.

pub(crate) mod calls;
mod entities;
mod fold;
mod paths;
pub(crate) mod rows;
mod session;
mod tails;

use std::collections::BTreeMap;

use models::{Model, Place, Window};
use observer::lake::{Lake, LakeError, Segment};

use crate::evidence::Evidence;
pub(crate) use fold::full_path;
pub use fold::{ShapeFields, ShapeOf};
pub(crate) use rows::Rows;
pub use session::LakeSession;
pub use tails::Tail;

/// Objects of held-back entities, by place and shape, with the bodies that have them.
pub type HeldBack = BTreeMap<(Place, u64), u64>;

/// What a window of the lake shows.
#[derive(Debug)]
pub struct Observation {
    /// By place.
    pub evidence: Evidence,
    /// By place, without the held-back tenth of entities: what patches are made from.
    pub learned: Evidence,
    /// Objects of the held-back entities.
    pub held_back: HeldBack,
    /// Stretches that end with the window, longest first: what is missing in one of them is gone.
    pub tails: Vec<Tail>,
    /// The fields of every shape.
    pub shapes: ShapeFields,
    /// First and last exchange.
    pub window: Window,
    /// Exchanges in the window.
    pub exchanges: u64,
    /// Exchanges that were not looked at, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Exchanges the capture lost.
    pub dropped: u64,
    /// API versions stated, with the exchanges that do.
    pub api_versions: BTreeMap<String, u64>,
    /// What is worth knowing.
    pub notes: Vec<String>,
}

/// Why the lake could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The lake's own store failed.
    #[error(transparent)]
    Lake(#[from] LakeError),
    /// A query failed.
    #[error("the lake's query {query} failed")]
    Query {
        /// The file of the query.
        query: &'static str,
        /// What the engine said.
        source: Box<datafusion::error::DataFusionError>,
    },
}

/// Data time from which exchanges count, microseconds since the epoch.
pub type Since = i64;

/// Looks at the twin's exchanges from a time on; the session goes on with the window's tables.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn observe(
    lake: &Lake,
    twin: &str,
    model: &Model,
    since_us: Since,
) -> Result<(LakeSession, Observation), ObserveError> {
    let segments: Vec<Segment> = lake
        .segments(twin)
        .await?
        .into_iter()
        .filter(|segment| segment.exchanges > 0 && segment.to_us >= since_us)
        .collect();
    let session = LakeSession::open(lake, &segments, since_us).await?;
    paths::register_templates(&session, model).await?;
    let exchanges = segments.iter().map(|segment| segment.exchanges).sum();
    let bounds = tails::bounds(&session, exchanges).await?;
    let mut observation = fold::fold(&session, model, &bounds).await?;
    for segment in &segments {
        observation.dropped += segment.dropped;
        for (reason, count) in &segment.skipped {
            *observation.skipped.entry(reason.clone()).or_default() += count;
        }
    }
    Ok((session, observation))
}
