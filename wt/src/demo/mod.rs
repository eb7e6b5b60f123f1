//! What `wt demo` plays its part against: a vendor that changes, and applications that call it.

pub(crate) mod capture;
pub(crate) mod client;
pub(crate) mod traffic;
pub(crate) mod vendor;
mod world;

pub(crate) use world::Release;
