//! What of a `jobs.toml` that can be read will not work in this project, or on this machine.

use std::path::Path;

use chrono::{DateTime, Utc};
use jobs::config::{Command, Fault, Freeze, Job, Jobs, Notify, Task};
use observer::sample::{Probes, SampleError, Sampler};
use snapshots::Version;

use crate::project::{Project, Twin};

/// What was found, in the order of the file.
#[derive(Debug, Default)]
pub(super) struct Soundness {
    /// What fails whenever it is run.
    pub(super) faults: Vec<Fault>,
    /// What fails unless the daemon is started elsewhere: variables that this environment has not.
    pub(super) warnings: Vec<Fault>,
}

/// Looks at every job and channel; nothing is run, and nobody is asked.
pub(super) fn of(jobs: &Jobs, project: &Project, now: DateTime<Utc>) -> Soundness {
    let mut look = Look { jobs, project, found: Soundness::default() };
    for (name, job) in &jobs.jobs {
        look.job(name, job, now);
    }
    for (name, channel) in &jobs.channels {
        let at = format!("notify.{name}");
        for twin in channel.subscription.twins.iter().flatten() {
            look.twin(&format!("{at}.twins"), twin);
        }
        for (field, variable) in channel.target.variables() {
            look.variable(&format!("{at}.{field}"), variable.as_str());
        }
    }
    if let Some(variable) = &jobs.daemon.token_env {
        look.variable("daemon.token_env", variable.as_str());
    }
    let Soundness { mut faults, mut warnings } = look.found;
    faults.sort_by_key(|fault| fault.line);
    warnings.sort_by_key(|warning| warning.line);
    Soundness { faults, warnings }
}

struct Look<'j> {
    jobs: &'j Jobs,
    project: &'j Project,
    found: Soundness,
}

impl<'j> Look<'j> {
    fn job(&mut self, name: &str, job: &Job, now: DateTime<Utc>) {
        let at = |field: &str| format!("jobs.{name}.{field}");
        if job.manner.enabled && job.schedule.next_after(now).is_none() {
            self.fault(&at("schedule"), "is never due again: the last year it names is over");
        }
        let twin = job.task.twin().and_then(|twin| self.twin(&at("twin"), twin));
        match (&job.task, &twin) {
            (Task::Sample(_), Some(twin)) => self.probes(&at("twin"), twin),
            (Task::Calibrate(_), Some(twin)) => {
                self.refused(&at("twin"), twin.ledger().map(drop));
                self.refused(&at("twin"), twin.policy().map(drop));
            }
            (Task::Freeze(Freeze { version, .. }), twin) => {
                if let Some(twin) = twin {
                    self.refused(&at("twin"), twin.ledger().map(drop));
                }
                if let Err(why) = version.parse::<Version>() {
                    let text = format!("`{version}` is no version, write one as \"1.2.0\": {why}");
                    self.fault(&at("version"), &text);
                }
            }
            (Task::Notify(Notify { channels }), _) => {
                self.channels(&at("channels"), channels.as_deref());
            }
            (Task::Command(command), _) => self.command(name, command),
            _ => {}
        }
    }

    fn twin(&mut self, place: &str, name: &str) -> Option<Twin<'j>> {
        let twin = self.project.twin(name);
        twin.map_err(|fault| self.fault(place, &format!("{fault:#}"))).ok()
    }

    /// What `wt observe sample` asks before it asks the vendor.
    fn probes(&mut self, place: &str, twin: &Twin<'_>) {
        let name = twin.name();
        let path = self.project.twin_dir(name).join("probes.toml");
        if !path.is_file() {
            let path = path.display();
            let text = format!(
                "there is no {path}: `wt observe sample {name} --init` makes it from the model"
            );
            return self.fault(place, &text);
        }
        let probes = match Probes::read(&path) {
            Ok(probes) => probes,
            Err(fault) => return self.refused(place, Err(fault.into())),
        };
        let model = match twin.base_model() {
            Ok(model) => model,
            Err(fault) => return self.refused(place, Err(fault)),
        };
        match Sampler::new(&model.base_url, &probes, &[], variable) {
            Err(missing @ SampleError::NoCredential { .. }) => {
                self.warn(place, &missing.to_string());
            }
            made => self.refused(place, made.map(drop).map_err(Into::into)),
        }
    }

    fn channels(&mut self, place: &str, named: Option<&[String]>) {
        let is_there = |name: &str| {
            let at = format!("notify.{name}");
            let below = format!("{at}.");
            self.jobs.channels.contains_key(name)
                || self
                    .jobs
                    .faults
                    .iter()
                    .any(|one| one.place == at || one.place.starts_with(&below))
        };
        let unknown: Vec<_> =
            named.unwrap_or_default().iter().filter(|name| !is_there(name)).cloned().collect();
        for name in unknown {
            self.fault(place, &format!("no channel `{name}`: write [notify.{name}]"));
        }
        let has_any = !self.jobs.channels.is_empty()
            || self.jobs.faults.iter().any(|fault| fault.place.starts_with("notify."));
        if named.is_none_or(<[String]>::is_empty) && !has_any {
            self.fault(place, "tells nobody: there is no channel, write [notify.NAME]");
        }
    }

    fn command(&mut self, name: &str, command: &Command) {
        let dir = self.project.root().join(command.dir.as_deref().unwrap_or(Path::new("")));
        if !dir.is_dir() {
            let text = format!("there is no folder {}", dir.display());
            return self.fault(&format!("jobs.{name}.dir"), &text);
        }
        let program = command.argv.program();
        if !is_program(program, &dir) {
            let place = format!("jobs.{name}.argv");
            let text = if program.contains('/') {
                format!("there is no program {}", dir.join(program).display())
            } else {
                format!("there is no program `{program}` in PATH")
            };
            self.fault(&place, &text);
        }
    }

    fn variable(&mut self, place: &str, name: &str) {
        if variable(name).is_none_or(|value| value.is_empty()) {
            let text = format!("the environment has no {name}: set it where the daemon is started");
            self.warn(place, &text);
        }
    }

    fn refused(&mut self, place: &str, tried: anyhow::Result<()>) {
        if let Err(fault) = tried {
            self.fault(place, &format!("{fault:#}"));
        }
    }

    fn fault(&mut self, place: &str, text: &str) {
        self.found.faults.push(self.jobs.fault(place, text));
    }

    fn warn(&mut self, place: &str, text: &str) {
        self.found.warnings.push(self.jobs.fault(place, text));
    }
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

/// Whether there is a file that is run by that name in a folder.
fn is_program(name: &str, dir: &Path) -> bool {
    if name.contains('/') {
        return dir.join(name).is_file();
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let suffix = std::env::consts::EXE_SUFFIX;
    std::env::split_paths(&path).any(|folder| {
        [name.to_owned(), format!("{name}{suffix}")].iter().any(|one| folder.join(one).is_file())
    })
}
