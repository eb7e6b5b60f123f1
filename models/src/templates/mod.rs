//! Route templates from raw paths: which segments are wording and which are parameters.

mod infer;
mod lexer;
mod naming;
mod reading;

pub use infer::{ObservedPath, Segment, Template, infer};
pub use lexer::{SegmentClass, lex, split_suffix};
