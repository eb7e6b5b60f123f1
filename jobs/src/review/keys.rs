//! Secrets of one server: none outlives it.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// What session cookies and form tokens are made from.
pub(super) struct Keys([u8; 32]);

impl Keys {
    /// Drawn by the system.
    ///
    /// # Errors
    ///
    /// Where it has no randomness to give.
    pub(super) fn draw() -> std::io::Result<Self> {
        Ok(Self(random()?))
    }

    /// The form token of a session: made, not kept, so that a session costs nothing.
    pub(super) fn form_token(&self, session: &str) -> String {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes any key");
        mac.update(b"form\0");
        mac.update(session.as_bytes());
        BASE64_URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    }
}

/// A word nobody guesses, for cookies, addresses and headers.
///
/// # Errors
///
/// Where the system has no randomness to give.
pub(super) fn word() -> std::io::Result<String> {
    Ok(BASE64_URL_SAFE_NO_PAD.encode(random()?))
}

fn random() -> std::io::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| std::io::Error::other(error.to_string()))?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_token_is_of_one_session_and_one_server() {
        let (one, other) = (Keys::draw().unwrap(), Keys::draw().unwrap());
        assert_eq!(one.form_token("a"), one.form_token("a"));
        assert_ne!(one.form_token("a"), one.form_token("b"));
        assert_ne!(one.form_token("a"), other.form_token("a"));
    }
}
