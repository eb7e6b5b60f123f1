//! `wt seed`.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use bytes::Bytes;
use http::Method;
use serde_json::{Map, Value, json};

use super::{block_on, count};
use crate::outcome::Outcome;
use crate::output::Output;
use crate::processes;
use crate::project::Project;
use crate::{client, files};

/// Put a file's objects into a running twin.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// `{collection: {id: object}}`; each collection named takes the place of the twin's own
    file: PathBuf,
    /// Into which session [default: the default one]
    #[arg(long, value_name = "NAME")]
    session: Option<String>,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let state = read(&args.file)?;
    let port = processes::running(&project, &args.name)?.port;
    let body = Bytes::from(serde_json::to_vec(&state)?);
    let path = client::in_session(args.session.as_deref(), "state");
    block_on(client::admin(port, Method::POST, &path, body))?;
    let objects: usize = state.values().filter_map(Value::as_object).map(Map::len).sum();
    let line = || {
        let (objects, collections) = (count(objects, "object"), count(state.len(), "collection"));
        format!("Seeded {}: {objects} in {collections}", args.name)
    };
    out.result(line, &json!({"seeded": args.name, "objects": objects}))?;
    Ok(Outcome::Done)
}

/// Reads state as it is loaded: `{collection: {id: object}}`.
pub(super) fn read(path: &Path) -> anyhow::Result<Map<String, Value>> {
    let state: Option<Map<String, Value>> = files::read_json(path)?;
    let state = state.with_context(|| format!("there is no {}", path.display()))?;
    if let Some(misplaced) = misplaced(&state) {
        bail!(
            "{}, {misplaced} is no object: expected {{collection: {{id: object}}}}",
            path.display()
        );
    }
    Ok(state)
}

/// The first key whose value is not what it should be: a twin would leave it out.
fn misplaced(state: &Map<String, Value>) -> Option<String> {
    state.iter().find_map(|(collection, objects)| {
        let Value::Object(objects) = objects else { return Some(format!("`{collection}`")) };
        let (id, _) = objects.iter().find(|(_, object)| !object.is_object())?;
        Some(format!("`{collection}`, `{id}`"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_object_of_objects_is_named_by_its_key() {
        let of = |state: Value| misplaced(state.as_object().unwrap());
        assert_eq!(of(json!({"emails": {"e_1": {}}, "tags": {}})), None);
        assert_eq!(of(json!({"emails": [{"id": "e_1"}]})).as_deref(), Some("`emails`"));
        let flag = json!({"emails": {"e_1": {}, "e_2": 3}});
        assert_eq!(of(flag).as_deref(), Some("`emails`, `e_2`"));
    }
}
