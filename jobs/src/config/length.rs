//! Lengths of time that are not nothing.

use models::Length;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer};

/// Reads a length that is not nothing.
pub(super) fn above_nothing<'de, D: Deserializer<'de>>(from: D) -> Result<Length, D::Error> {
    let length = Length::deserialize(from)?;
    if length.0.is_zero() {
        return Err(D::Error::custom("is nothing: write a length above that, as \"30m\""));
    }
    Ok(length)
}

/// As [`above_nothing`], of a field that need not be there.
pub(super) fn above_nothing_if_any<'de, D: Deserializer<'de>>(
    from: D,
) -> Result<Option<Length>, D::Error> {
    above_nothing(from).map(Some)
}
