//! The twins that come with the runtime.
//!
//! Their models are made from the vendors' published descriptions by `twins/catalog/import.py`;
//! `provenance.json` beside each says from what.

use std::io::Read as _;

use flate2::read::GzDecoder;
use models::behaviour::{Behaviour, BehaviourError};
use models::{LoadError, Model};

/// One twin of the catalog.
#[derive(Debug)]
pub struct Entry {
    /// Its name, by which it is served.
    pub name: &'static str,
    /// Where SDKs and examples expect it.
    ///
    /// # Source
    ///
    /// The published twins' defaults; github and slack by CONTRACTS' ruling.
    pub port: u16,
    /// Its documents and scripts: path in its folder and text, in the paths' order.
    pub files: &'static [(&'static str, &'static str)],
    model: &'static [u8],
}

// `CATALOG`: every twin of the catalog, by name; written by `build.rs`.
include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Longest text a model of the catalog unpacks to; guards against a broken build, not an enemy.
const TEXT_BYTES_MAX: u64 = 64 << 20;

impl Entry {
    /// The twin of a name.
    pub fn named(name: &str) -> Option<&'static Self> {
        CATALOG.iter().find(|entry| entry.name == name)
    }

    /// Its model.
    ///
    /// # Errors
    ///
    /// Never for a catalog whose tests pass; the same as for a model in a file otherwise.
    ///
    /// # Panics
    ///
    /// Where what was built in is no gzip, which the tests rule out.
    pub fn model(&self) -> Result<Model, LoadError> {
        let mut text = String::new();
        let unpacked = GzDecoder::new(self.model).take(TEXT_BYTES_MAX).read_to_string(&mut text);
        unpacked.expect("the catalog's models are tested gzip files");
        // That it is sound was tested when it was built in, and is not looked at again.
        serde_json::from_str(&text).or_else(|_| {
            Model::from_bytes(text.as_bytes(), &format!("{} of the catalog", self.name))
        })
    }
}

impl Entry {
    /// What stands beside its model.
    ///
    /// # Errors
    ///
    /// Never for a catalog whose tests pass; as for a twin's folder otherwise.
    pub fn behaviour(&self) -> Result<Behaviour, BehaviourError> {
        Behaviour::of_files(self.files, &format!("catalog/{}", self.name))
    }

    /// `provenance.json`: what its model was made from; empty where it does not say.
    pub fn provenance(&self) -> &'static str {
        let file = self.files.iter().find(|(path, _)| *path == "provenance.json");
        file.map_or("", |(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use models::Digest;

    use super::*;
    use crate::lua::Handlers;

    #[test]
    fn every_model_of_the_catalog_is_sound() {
        for entry in CATALOG {
            let model = entry.model().unwrap();
            assert_eq!(model.name, entry.name);
            assert!(!model.routes.is_empty() && !model.base_url.is_empty(), "{}", entry.name);
            assert_eq!(model.problems(), [], "{}", entry.name);
            assert_eq!(Digest::of(&model), Digest::of_value(&model.to_value()), "{}", entry.name);
            let behaviour = entry.behaviour().unwrap();
            assert_eq!(behaviour.document.name, entry.name);
            let handlers = Handlers::of(behaviour.scripts, &behaviour.routes);
            assert_eq!(handlers.problems(), [], "{}", entry.name);
            assert_eq!(
                handlers.strays(|route| model.routes.keys().any(|key| key.as_str() == route)),
                [],
                "{}",
                entry.name
            );
            let provenance: serde_json::Value = serde_json::from_str(entry.provenance()).unwrap();
            assert_eq!(provenance["twin"], entry.name);
        }
    }

    #[test]
    fn a_name_that_is_not_in_the_catalog_has_no_entry() {
        assert!(Entry::named("stripe").is_some());
        assert!(Entry::named("strip").is_none());
    }
}
