//! One call, as the inference of limits sees it.

use super::Observed;

/// One request and whether the vendor's limiter let it through.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// When the request was sent; microseconds since the Unix epoch, UTC.
    pub at_us: i64,
    /// From sending to the end of the answer; microseconds. The limiter decided within this time.
    pub latency_us: u32,
    /// Who called: a pseudonym of the credential.
    pub caller: u64,
    /// Which route, any stable number.
    pub route: u32,
    /// The answer's status.
    pub status: u16,
    /// Refused by a limiter: a 429, or what the vendor sends in its place (GitHub's 403, Slack's
    /// `ok: false`), as the reader of the exchange found it.
    pub throttled: bool,
    /// Answered by something before the vendor (an HTML body): such a refusal is no evidence.
    pub gateway: bool,
    /// What the answer's headers said, one for each scope; see [`super::read`].
    pub headers: Vec<Observed>,
}
