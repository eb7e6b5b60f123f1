//! Part of a collection.

use std::sync::Arc;

use super::entity::Entity;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start<'c> {
    /// So many from the oldest.
    Offset(usize),
    /// After an entity.
    After(&'c str),
    /// The page that ends before an entity.
    Before(&'c str),
}

/// Part of a collection, oldest first.
#[derive(Debug, Default)]
pub(crate) struct Page {
    pub(crate) entities: Vec<Arc<Entity>>,
    /// Whether there are more in the direction of reading.
    pub(crate) more: bool,
    pub(crate) total: usize,
}
