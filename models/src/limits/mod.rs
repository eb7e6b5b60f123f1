//! Rate limits, learnt from what a vendor's answers say and from which requests it refused.
//!
//! In: one [`Call`] a request, each with what its limit headers said ([`read`]). Out: one
//! [`LimitVerdict`] a scope. Where headers state limit and window they decide; where they are silent
//! candidate limiters are replayed over the accepted and refused calls ([`infer`]).
//!
//! ```
//! use models::limits::{Reset, read};
//!
//! let stated = read([("RateLimit-Policy", r#""burst";q=100;w=60"#), ("RateLimit", r#""burst";r=50;t=30"#)]);
//! assert_eq!(stated[0].limit, Some(100));
//! assert_eq!(stated[0].window_seconds, Some(60.0));
//! assert_eq!(stated[0].remaining, Some(50));
//! assert_eq!(stated[0].reset, Some(Reset::In(30.0)));
//! ```
//!
//! Never lowers a limit on silence: without a refusal and without a header only a lower bound is
//! known. Thresholds and the replay's score are those of INFERENCE §4.

mod call;
mod headers;
mod infer;
mod names;
mod phase;
mod replay;
mod search;
#[cfg(test)]
mod simulation;
mod stated;
mod track;
mod values;
mod verdict;

pub use call::Call;
pub use headers::{Observed, Reset, Style, Unit, is_limit_header, read};
pub use infer::infer;
pub use verdict::{LimitEvidence, LimitVerdict, Reason};
