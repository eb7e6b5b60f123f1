//! How webhooks are signed and recognised: one description for who sends and who receives.
//!
//! [`sign::headers`] makes a vendor's signature, [`verify()`] tells which it is and whether a secret
//! made it, [`facts`] reads from a delivery what makes it one and the same at the next attempt.

pub mod facts;
mod form;
pub mod mac;
pub mod sign;
mod verify;

pub use facts::{Facts, Kind};
pub use sign::Signed;
pub use verify::{Arrived, Check, Verdict, verify};
