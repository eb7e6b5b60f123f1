//! Route templates from raw paths: which segments are wording and which are parameters.
//!
//! In: the distinct paths no known route has, each segment in clear or withheld ([`lex`] decides
//! which are ids, bodies which words are names), and the known routes. Out: one [`Template`] a route,
//! with the paths it stands for.
//!
//! ```
//! use models::templates::{ObservedPath, Segment, SegmentClass, infer, lex};
//!
//! assert_eq!(lex("cus_9Y4WK0ZaJkmQnm", 2), SegmentClass::Prefixed);
//! let path = |pseudonym| ObservedPath {
//!     method: "GET".to_owned(),
//!     segments: vec![
//!         Segment::Clear("customers".to_owned()),
//!         Segment::Withheld(SegmentClass::Prefixed, String::new(), pseudonym),
//!     ],
//! };
//! let templates = infer(&[path(1), path(2)], &[]);
//! assert_eq!(templates[0].route.as_str(), "GET /customers/{customer_id}");
//! assert_eq!(templates[0].members, [0, 1]);
//! ```
//!
//! Never merges siblings because they are many. Rules and classes are those of INFERENCE §2.

mod infer;
mod lexer;
mod naming;
mod reading;

pub use infer::{ObservedPath, Segment, Template, infer};
pub use lexer::{SegmentClass, lex, split_suffix};
