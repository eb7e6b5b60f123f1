//! Production seen as scrubbed exchanges, written to the lake.

pub mod exchange;
