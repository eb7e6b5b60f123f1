//! Which callers a canary is tried on.

use http::header::AUTHORIZATION;
use http::{HeaderMap, HeaderName};
use std::net::IpAddr;

use crate::sessions::DEFAULT;

/// A caller's ticket, 0 to 9,999: the same for each of their requests, to each process, at any time. Who
/// is in a canary of one per cent is in one of ten, too.
///
/// The session's name where the request names one, however it does, else the credential, else the
/// address.
pub(crate) fn ticket(headers: &HeaderMap, session: &str, caller: IpAddr) -> u32 {
    let key = [&AUTHORIZATION, &API_KEY].into_iter().find_map(|name| headers.get(name));
    let hash = match key {
        _ if session != DEFAULT => fnv(session.as_bytes()),
        Some(key) => fnv(key.as_bytes()),
        None => fnv(caller.to_string().as_bytes()),
    };
    u32::try_from(mixed(hash) % 10_000).expect("a remainder of ten thousand")
}

const API_KEY: HeaderName = HeaderName::from_static("x-api-key");

/// FNV-1a: the same everywhere, unlike the standard library's hashes.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Spreads what differs in few bits over all of them (`SplitMix64`'s last step).
fn mixed(mut hash: u64) -> u64 {
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ (hash >> 31)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use http::HeaderValue;

    use super::*;

    const HERE: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

    fn of(name: &HeaderName, value: &str) -> u32 {
        let headers = HeaderMap::from_iter([(name.clone(), HeaderValue::from_str(value).unwrap())]);
        ticket(&headers, DEFAULT, HERE)
    }

    #[test]
    fn tickets_are_spread_evenly_and_hold() {
        let tickets: Vec<_> =
            (0..10_000).map(|n| of(&AUTHORIZATION, &format!("Bearer key_{n}"))).collect();
        let below = |share: u32| tickets.iter().filter(|one| **one < share).count();
        assert!((900..1_100).contains(&below(1_000)), "{}", below(1_000));
        assert!((4_800..5_200).contains(&below(5_000)), "{}", below(5_000));
        assert_eq!(of(&AUTHORIZATION, "Bearer key_7"), tickets[7]);
        // Pinned, so that no later version moves callers in or out.
        assert_eq!(tickets[..3], [3111, 7195, 4208]);
    }

    #[test]
    fn a_session_is_asked_before_a_credential() {
        let both = |session: &str, key: &str| {
            let key = HeaderValue::from_str(key).unwrap();
            ticket(&HeaderMap::from_iter([(AUTHORIZATION, key)]), session, HERE)
        };
        assert_eq!(both("a", "one"), both("a", "two"));
        assert_eq!(both("a", "one"), ticket(&HeaderMap::new(), "a", HERE));
        assert_ne!(both("a", "one"), both("b", "one"));
        assert_eq!(both(DEFAULT, "one"), of(&AUTHORIZATION, "one"));
    }
}
