//! The lake's key and the pseudonyms it makes.

use std::hash::Hasher as _;
use std::path::Path;

use models::SecretError;
use models::webhooks::mac::hex;
use sha2::{Digest as _, Sha256};
use siphasher::sip::SipHasher24;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// The secret that turns identifiers into pseudonyms; one a project, never beside the lake.
#[derive(Clone)]
pub struct LakeKey([u8; 16]);

/// What is pseudonymised; equal bytes of different domains get different pseudonyms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Domain {
    Caller = 1,
    Entity = 2,
    /// Identifiers in bodies and in paths, which must agree.
    Link = 3,
    Token = 4,
    /// What a vendor calls a delivery of a webhook.
    Delivery = 5,
    /// The path it goes to.
    Endpoint = 6,
}

/// Bits of entity and link pseudonyms: 2^40 objects before half of the entities of a lake of a
/// million would share theirs with one other.
const PSEUDONYM_BITS: u32 = 40;

impl LakeKey {
    /// A key of given bytes.
    pub const fn new(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// The key in a file (16 bytes, mode 0600), made from the system's randomness where there is
    /// none.
    ///
    /// # Errors
    ///
    /// Where the file is unreadable, cannot be made, or holds anything else.
    pub fn load_or_create(path: &Path) -> Result<Self, SecretError> {
        models::load_or_draw_secret(path).map(Self)
    }

    /// Names the key and does not show it: 16 hex digits, which stand in the lake it makes pseudonyms
    /// for.
    pub fn id(&self) -> String {
        let digest = Sha256::new().chain_update(b"wondertwin.lake-key\0").chain_update(self.0);
        hex(&digest.finalize()[..8])
    }

    /// A 64-bit pseudonym.
    pub(crate) fn pseudonym(&self, domain: Domain, parts: &[&[u8]]) -> u64 {
        let mut hasher = SipHasher24::new_with_key(&self.0);
        hasher.write_u8(domain as u8);
        for part in parts {
            hasher.write_usize(part.len());
            hasher.write(part);
        }
        hasher.finish()
    }

    /// A pseudonym of 40 bits.
    pub(crate) fn short_pseudonym(&self, domain: Domain, parts: &[&[u8]]) -> u64 {
        self.pseudonym(domain, parts) >> (u64::BITS - PSEUDONYM_BITS)
    }

    /// A quick keyed hash of an identifier, by which samples are drawn and pseudonyms made before are found again; it is
    /// written nowhere.
    #[inline]
    pub(crate) fn rank(&self, identifier: &[u8]) -> u64 {
        let seed = u64::from_le_bytes(*self.0.first_chunk().expect("a key has sixteen bytes"));
        xxh3_64_with_seed(identifier, seed)
    }

    /// The pseudonym of an identifier, alike in bodies and paths.
    pub(crate) fn link(&self, identifier: &[u8]) -> u64 {
        self.short_pseudonym(Domain::Link, &[identifier])
    }
}

impl std::fmt::Debug for LakeKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LakeKey(…)")
    }
}
