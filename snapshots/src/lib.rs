//! Frozen, reproducible packages, named by their digest.
