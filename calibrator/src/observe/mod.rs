//! From the lake to evidence: SQL counts shapes, and the counts are folded over their fields.
//!
//! Reading and showing are apart: a [`Tally`] holds what was counted and adds up, and what it shows of a
//! model ([`Tally::observe`]) is a function of it alone. So a run over the whole window and a stream
//! that reads segments as they come end in the same observation.

pub(crate) mod calls;
mod entities;
mod history;
mod paths;
pub(crate) mod rows;
mod session;
mod tails;
mod tally;

use std::collections::{BTreeMap, HashMap};

use models::{FieldPath, Model, Place, RouteKey, Step, Window};
use observer::lake::{Lake, LakeError, Segment};

use crate::evidence::Evidence;
pub use history::{Callers, History};
pub(crate) use history::{Shown, Shows};
pub(crate) use rows::Rows;
pub use session::LakeSession;
pub use tails::Tail;
pub use tally::{ShapeOf, Tally};

/// The fields of each shape.
pub type ShapeFields = HashMap<u64, ShapeOf>;

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
    /// Shapes over time.
    pub history: History,
    /// Shapes by caller.
    pub callers: Callers,
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

/// The twin's segments that hold exchanges from a time on, oldest data first.
///
/// # Errors
///
/// Where the lake cannot be read.
pub async fn segments(
    lake: &Lake,
    twin: &str,
    since_us: Since,
) -> Result<Vec<Segment>, ObserveError> {
    let all = lake.segments(twin).await?;
    Ok(all.into_iter().filter(|one| one.exchanges > 0 && one.to_us >= since_us).collect())
}

/// The status under which the model describes an answer.
pub(crate) fn described_status(model: &Model, route: &str, status: u16) -> u16 {
    let key = RouteKey::parse(route).ok();
    let variant =
        key.and_then(|key| model.routes.get(&key)).and_then(|route| route.variant_for(status));
    match variant {
        Some("4XX") => 400,
        Some("5XX") => 500,
        Some("default") if status >= 400 => 400,
        _ => status,
    }
}

/// The path of a field from the body's root.
pub(crate) fn full_path(object: &FieldPath, key: &FieldPath) -> FieldPath {
    FieldPath(object.0.iter().chain(&key.0).cloned().collect::<Vec<Step>>())
}
