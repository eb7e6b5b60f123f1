//! `wt init`.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use models::Model;
use models::behaviour::TwinDocument;
use serde_json::json;
use snapshots::Package;

use super::count;
use crate::files;
use crate::outcome::Outcome;
use crate::output::Output;
use crate::project::{self, Project};

/// Make a twin, empty or from an OpenAPI file.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin's name: lower-case letters, digits and dashes
    name: String,
    /// Where production is, as `https://api.example.com`
    #[arg(long, value_name = "URL")]
    base_url: Option<String>,
    /// An OpenAPI 3.0 or 3.1 file, JSON or YAML, plain or gzip
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// A package that `wt freeze` made: its twin, to be changed and calibrated from here on
    #[arg(long, value_name = "FILE", conflicts_with_all = ["openapi", "base_url", "force"])]
    package: Option<PathBuf>,
    /// Replace the twin if there is one
    #[arg(long)]
    force: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    project::check_name(&args.name)?;
    let project = Project::open(project)?;
    check_free(args, &project)?;
    let (model, notes) = match &args.package {
        Some(file) => (unpack(file, args, &project)?, Vec::new()),
        None => write_new(args, &project)?,
    };
    let key = project.signing_key()?;
    project.lake_key()?;
    ignore_own_dir(&project)?;
    // Last, so that what it names is there.
    project::edit(&project.config_path(), &args.name, &key.public())?;
    for note in &notes {
        out.say(&format!("note: {note}"));
    }
    report(args, &project, &model, &notes, out)?;
    Ok(Outcome::Done)
}

/// Writes the twin's model and its empty documents.
fn write_new(args: &Args, project: &Project) -> anyhow::Result<(Model, Vec<String>)> {
    let (model, notes) = model_of(args)?;
    let (name, default_port) = (args.name.clone(), project::vendor_port(&args.name));
    let file = TwinDocument { name, default_port, ..TwinDocument::default() };
    files::write_json(&project.twin_dir(&args.name).join("twin.json"), &file)?;
    let _ = fs::remove_file(project.evidence_path(&args.name));
    files::write_json(&project.model_path(&args.name), &model)?;
    Ok((model, notes))
}

/// Makes a package's files the twin's folder.
fn unpack(file: &Path, args: &Args, project: &Project) -> anyhow::Result<Model> {
    let package = Package::open(file, project.trusted_keys())?;
    package.unpack(&project.twin_dir(&args.name))?;
    Ok(package.model().clone())
}

/// Whether nothing is lost by making the twin.
fn check_free(args: &Args, project: &Project) -> anyhow::Result<()> {
    let name = &args.name;
    let path = project.model_path(name);
    if path.exists() && !args.force {
        bail!("there is a twin `{name}` already in {}: --force replaces it", path.display());
    }
    let ledger = project.ledger_dir(name);
    if ledger.join("000001.json").exists() {
        bail!(
            "{} holds calibrations of the model that would be replaced: move the folder away first",
            ledger.display()
        );
    }
    Ok(())
}

fn model_of(args: &Args) -> anyhow::Result<(Model, Vec<String>)> {
    let base_url = args.base_url.as_deref().map(parse_base_url).transpose()?;
    let Some(file) = &args.openapi else {
        return Ok((Model::empty(&args.name, base_url.unwrap_or_default()), Vec::new()));
    };
    let bytes = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    let imported = models::openapi::import(&args.name, &bytes, &file.display().to_string())?;
    let mut model = imported.model;
    if let Some(base_url) = base_url {
        model.base_url = base_url;
    }
    Ok((model, imported.notes))
}

/// The URL without a slash at its end.
fn parse_base_url(text: &str) -> anyhow::Result<String> {
    let rest = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"));
    let host = rest.and_then(|rest| rest.split('/').next()).unwrap_or_default();
    let is_url = !host.is_empty()
        && !text.contains(['?', '#', '@'])
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if !is_url {
        bail!("--base-url: `{text}` is no base URL, expected one as https://api.example.com/v1");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

/// Keeps `.wt`, with its private keys, out of version control.
fn ignore_own_dir(project: &Project) -> anyhow::Result<()> {
    let path = project.root().join(".gitignore");
    let text = match fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        read => read.with_context(|| format!("cannot read {}", path.display()))?,
    };
    let is_there = |line: &str| matches!(line.trim(), ".wt" | ".wt/" | "/.wt" | "/.wt/");
    if text.lines().any(is_there) {
        return Ok(());
    }
    let start = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
    let mut file = fs::File::options().append(true).create(true).open(&path);
    let appended = file.as_mut().map(|file| file.write_all(format!("{start}/.wt/\n").as_bytes()));
    match appended {
        Ok(written) => written,
        Err(_) => file.map(|_| ()),
    }
    .with_context(|| format!("cannot write {}", path.display()))
}

fn report(
    args: &Args,
    project: &Project,
    model: &Model,
    notes: &[String],
    out: &mut Output,
) -> anyhow::Result<()> {
    let name = &args.name;
    let (routes, entities, webhooks) =
        (model.routes.len(), model.entities.len(), model.webhooks.len());
    let next =
        if routes == 0 { format!("wt record {name} --from FILE") } else { format!("wt up {name}") };
    let text = || {
        let counts =
            [count(routes, "route"), entities_of(entities), count(webhooks, "webhook")].join(", ");
        let dir = project.twin_dir(name);
        let dir = dir.strip_prefix(project.root()).unwrap_or(&dir);
        format!("✓ {name}: {counts} in {}\n  next: {next}", dir.display())
    };
    let document = json!({
        "twin": name, "routes": routes, "entities": entities, "webhooks": webhooks,
        "base_url": model.base_url, "api_version": model.api_version, "notes": notes,
        "folder": project.twin_dir(name),
    });
    out.result(text, &document)
}

fn entities_of(number: usize) -> String {
    if number == 1 { "1 entity".to_owned() } else { format!("{number} entities") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_base_url_is_a_scheme_a_host_and_perhaps_a_path() {
        assert_eq!(parse_base_url("https://api.a.test/v1/").unwrap(), "https://api.a.test/v1");
        assert_eq!(parse_base_url("http://localhost:80").unwrap(), "http://localhost:80");
        for bad in
            ["", "api.a.test", "ftp://a", "https://", "https://u:p@a", "https://a b", "https://a?x"]
        {
            assert!(parse_base_url(bad).is_err(), "{bad}");
        }
    }
}
