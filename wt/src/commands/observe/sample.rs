//! `wt observe sample`.

use std::path::Path;

use anyhow::bail;
use models::Model;
use observer::live::{LiveConfig, LiveWriter};
use observer::sample::{End, Probes, SampleError, Sampled, Sampler, init, sample};
use serde_json::json;

use crate::commands::{block_on, count};
use crate::files;
use crate::outcome::{EnvironmentError, Outcome};
use crate::output::Output;
use crate::project::Project;

/// Ask the vendor what probes.toml says, read-only, within a budget.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The twin
    name: String,
    /// Make probes.toml from the model, and ask nothing
    #[arg(long)]
    init: bool,
    /// With --init: replace the probes.toml that is there
    #[arg(long, requires = "init")]
    force: bool,
}

pub(crate) fn run(
    args: &Args,
    project: Option<&Path>,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    let project = Project::open(project)?;
    let model = project.twin(&args.name)?.current(out)?.model;
    let path = project.twin_dir(&args.name).join("probes.toml");
    if args.init {
        return write_probes(&model, &path, args.force, out);
    }
    if !path.is_file() {
        let (path, name) = (path.display(), &args.name);
        bail!("there is no {path}: `wt observe sample {name} --init` makes it from the model");
    }
    let probes = Probes::read(&path)?;
    let sampled = ask(&project, &args.name, &model, &probes)?;
    let answered: u64 = sampled.answers.values().flat_map(|statuses| statuses.values()).sum();
    for (probe, missing) in &sampled.unfilled {
        out.say(&format!("  {probe} is left out: fill in {missing} in {}", path.display()));
    }
    let end = match sampled.end {
        End::Complete => "all was asked".to_owned(),
        End::Budget => {
            format!("its budget of {} is used up", count(probes.requests_max as usize, "request"))
        }
        End::Wait(wait) => format!("it would have to wait {} s", wait.as_secs()),
    };
    let text = || {
        let routes = count(sampled.answers.len(), "route");
        format!("{}: {answered} answers of {routes} observed, {end}", args.name)
    };
    out.result(
        text,
        &json!({"twin": args.name, "observed": answered, "answers": sampled.answers, "left_out": sampled.unfilled, "end": end}),
    )?;
    Ok(Outcome::Done)
}

fn write_probes(
    model: &Model,
    path: &Path,
    force: bool,
    out: &mut Output,
) -> anyhow::Result<Outcome> {
    if path.is_file() && !force {
        bail!("{} is there already: --force replaces it", path.display());
    }
    let probes = init(model);
    let text = format!(
        "# What `wt observe sample {}` asks: GET only, unless a probe says `unsafe = true`.\n\
         # Credentials are variables of the environment. Empty lists want values of yours.\n\n{}",
        model.name,
        toml::to_string(&probes)?
    );
    files::write(path, text.as_bytes())?;
    let empty = probes
        .probes
        .values()
        .filter(|probe| probe.from.is_none())
        .filter(|probe| probe.values.values().chain(probe.query.values()).any(Vec::is_empty));
    let (all, empty) = (count(probes.probes.len(), "probe"), empty.count());
    out.result(
        || format!("{}: {all}, {empty} want values", path.display()),
        &json!({"file": path, "probes": probes.probes.len(), "want_values": empty}),
    )?;
    Ok(Outcome::Done)
}

/// Asks, and brings the answers into the lake.
fn ask(project: &Project, name: &str, model: &Model, probes: &Probes) -> anyhow::Result<Sampled> {
    let vendor = Sampler::new(&model.base_url, probes, &[], |name| std::env::var(name).ok());
    let vendor = vendor.map_err(environment)?;
    let intake = project.twin(name)?.intake(model.clone())?;
    // A folder of its own: the proxy may be observing the same twin.
    let config =
        LiveConfig::new(name, "sample", project.own_dir().join("wal").join(name).join("sample"));
    let (mut writer, _) = LiveWriter::open(intake, project.lake()?, config)?;
    let asked_path = project.own_dir().join("sample").join(format!("{name}.json"));
    let asked = files::read_json(&asked_path)?.unwrap_or_default();
    let mut refused = None;
    let sampled = block_on(async {
        let taking = sample(&vendor, model, probes, asked, |exchange| {
            if let Err(fault) = writer.take(exchange) {
                refused.get_or_insert(fault);
            }
        });
        Ok(taking.await)
    })?;
    // What came before the vendor went away is kept.
    writer.finish()?;
    if let Some(fault) = refused {
        return Err(fault.into());
    }
    let sampled = sampled.map_err(environment)?;
    files::write_json(&asked_path, &sampled.asked)?;
    Ok(sampled)
}

/// A vendor that is down and a credential that is missing are the environment's.
fn environment(fault: SampleError) -> anyhow::Error {
    let is_environment = matches!(
        fault,
        SampleError::Unreachable { .. }
            | SampleError::Slow { .. }
            | SampleError::NoCredential { .. }
            | SampleError::Tls(_)
    );
    let fault = anyhow::Error::new(fault);
    if is_environment { EnvironmentError(format!("{fault:#}")).into() } else { fault }
}
