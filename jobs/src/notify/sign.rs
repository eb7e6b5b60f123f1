//! Signatures of webhooks that we send.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use sha2::Sha256;

/// The header `webhook-signature`: `v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
///
/// A secret `whsec_…` is base64; any other is taken as it stands.
///
/// # Source
///
/// Standard Webhooks 1.0.
pub(super) fn standard_webhooks(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> String {
    let decoded = secret.strip_prefix("whsec_").and_then(|rest| STANDARD.decode(rest).ok());
    let key = decoded.unwrap_or_else(|| secret.as_bytes().to_vec());
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).expect("HMAC takes keys of any length");
    mac.update(format!("{id}.{timestamp}.").as_bytes());
    mac.update(body);
    format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_signature_is_that_of_the_standard() {
        // Made apart: printf %s 'msg_1.1614265330.{"a":1}' | openssl dgst -sha256 -hmac hello -binary | base64
        let plain = standard_webhooks("hello", "msg_1", 1_614_265_330, br#"{"a":1}"#);
        let coded = standard_webhooks("whsec_aGVsbG8=", "msg_1", 1_614_265_330, br#"{"a":1}"#);
        assert_eq!(plain, coded);
        assert_eq!(plain, "v1,5VP1lMba2RkX8AqQZYq+QbicYX0rVjpqH4OTk8BLsA8=");
    }
}
