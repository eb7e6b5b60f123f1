//! `wondertwin.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anyhow::bail;
use models::behaviour::{Effect, RouteRule, Routes};
use models::{Length, PublicKey};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::files;

/// The project file's name.
pub(crate) const CONFIG: &str = "wondertwin.json";

/// The project file. A member that is not known is an error: most are typing mistakes.
///
/// Members with a leading underscore are part of the published format and read by commands that
/// are not here yet.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    #[serde(rename = "$schema")]
    _schema: Option<String>,
    /// Twins by name.
    pub(crate) twins: BTreeMap<String, TwinEntry>,
    /// Of the CLI.
    pub(crate) settings: Settings,
    /// What the twins do to each other.
    pub(crate) universe: UniverseEntry,
    /// Whose calibrations and decisions are accepted.
    pub(crate) trusted_keys: Vec<PublicKey>,
    /// Where the lake is: a folder, from the project's, or `s3://BUCKET/PREFIX`.
    pub(crate) lake: Option<String>,
}

/// `universe`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct UniverseEntry {
    /// In the file's order.
    effects: Vec<Across>,
}

/// What follows of one twin's route, most of it in others.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Across {
    /// The twin whose route it is.
    on: String,
    /// `POST /chat.postMessage`, as that twin's model writes it.
    route: String,
    /// What follows when it succeeds; `twin` in each says where.
    effects: Vec<Effect>,
}

impl UniverseEntry {
    /// Adds what follows of a twin's routes to what its own documents say.
    pub(crate) fn add_to(&self, twin: &str, routes: &mut Routes) {
        for across in self.effects.iter().filter(|across| across.on == twin) {
            let known = routes.routes.iter_mut().find(|rule| rule.key() == across.route);
            if let Some(rule) = known {
                rule.state_effects.extend(across.effects.iter().cloned());
                continue;
            }
            let (method, path) = across.route.split_once(' ').unwrap_or((&across.route, ""));
            routes.routes.push(RouteRule {
                method: method.to_owned(),
                path: path.to_owned(),
                state_effects: across.effects.clone(),
                ..RouteRule::default()
            });
        }
    }

    /// What is wrong with it, if anything.
    fn problem(&self) -> Option<String> {
        self.effects.iter().enumerate().find_map(|(index, across)| {
            if !across.route.contains(" /") {
                return Some(format!(
                    "`universe.effects[{index}].route` is {:?}, not as `POST /path`",
                    across.route
                ));
            }
            let mut effects = across.effects.iter().enumerate();
            effects.find_map(|(number, effect)| {
                let why = effect.problem()?;
                Some(format!("`universe.effects[{index}].effects[{number}]`: {why}"))
            })
        })
    }
}

/// `twins.NAME`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct TwinEntry {
    #[serde(rename = "binary")]
    _binary: Option<String>,
    #[serde(rename = "version")]
    _version: Option<String>,
    #[serde(rename = "sdk")]
    _sdk: Option<String>,
    #[serde(rename = "build")]
    _build: Option<Value>,
    #[serde(rename = "registry")]
    _registry: Option<String>,
    /// Where it listens.
    pub(crate) port: Option<u16>,
    #[serde(rename = "admin_port")]
    _admin_port: Option<u16>,
    #[serde(rename = "seed")]
    _seed: Option<String>,
    #[serde(rename = "env")]
    _env: BTreeMap<String, String>,
    /// Whether it takes calibrations.
    pub(crate) calibrations: Calibrations,
    /// A package that `wt freeze` made: what is served, and always frozen. Absolute, or from the
    /// project file's folder.
    pub(crate) package: Option<PathBuf>,
}

/// Whether a twin takes calibrations.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Calibrations {
    /// Whatever is published is loaded while it serves.
    #[default]
    Follow,
    /// Never: it serves `model/symbols.json` as it stands.
    Frozen,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Settings {
    #[serde(rename = "binary_dir")]
    _binary_dir: Option<String>,
    #[serde(rename = "log_dir")]
    _log_dir: Option<String>,
    #[serde(rename = "log_level")]
    _log_level: Option<String>,
    #[serde(rename = "verbose")]
    _verbose: Option<bool>,
    #[serde(rename = "health_check_interval")]
    _health_check_interval: Option<String>,
    /// The age of a twin's last calibration run from which it is not drift-aligned: `24h`.
    pub(crate) stale_after: Option<Length>,
}

impl Config {
    /// Reads the file; one that is not there is one with nothing in it.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let config: Self = files::read_json(path)?.unwrap_or_default();
        if let Some(problem) = config.universe.problem() {
            bail!("{}: {problem}", path.display());
        }
        if config.settings.stale_after.is_some_and(|Length(age)| age.is_zero()) {
            bail!(
                "{}: `settings.stale_after` is nothing: write a length of time above that, as \"24h\"",
                path.display()
            );
        }
        let mut by_port = BTreeMap::new();
        for (name, twin) in &config.twins {
            super::check_name(name)
                .map_err(|error| anyhow::anyhow!("{}, `twins`: {error}", path.display()))?;
            let Some(port) = twin.port else { continue };
            if let Some(other) = by_port.insert(port, name) {
                let path = path.display();
                bail!("{path}: twins `{other}` and `{name}` have the same port {port}");
            }
        }
        Ok(config)
    }
}

/// Adds a twin and a trusted key to the file's document, leaving all else as it is.
///
/// An entry that is there stays, with what it says of the port and the like.
pub(crate) fn edit(path: &Path, name: &str, key: &PublicKey) -> anyhow::Result<()> {
    let mut document: Value = files::read_json(path)?.unwrap_or_else(|| json!({}));
    let root = object(&mut document, path, "the document")?;
    let twins = object(root.entry("twins").or_insert_with(|| json!({})), path, "`twins`")?;
    let twin = object(twins.entry(name).or_insert_with(|| json!({})), path, name)?;
    twin.entry("calibrations").or_insert_with(|| json!("follow"));
    let keys = root.entry("trusted_keys").or_insert_with(|| json!([]));
    let Value::Array(keys) = keys else {
        bail!("{}: `trusted_keys` is not a list of keys", path.display());
    };
    let key = json!(key);
    if !keys.contains(&key) {
        keys.push(key);
    }
    files::write_json(path, &document)
}

fn object<'v>(
    value: &'v mut Value,
    path: &Path,
    what: &str,
) -> anyhow::Result<&'v mut Map<String, Value>> {
    match value {
        Value::Object(map) => Ok(map),
        _ => bail!("{}: {what} is not an object", path.display()),
    }
}
