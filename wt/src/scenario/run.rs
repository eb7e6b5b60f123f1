//! Running a scenario, step by step.

use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

use anyhow::Context as _;
use bytes::Bytes;
use http::Method;
use serde::Serialize;
use serde_json::Value;

use super::document::{Request, Scenario, Setup, Step};
use super::text::{Names, plain};
use super::{check, path};
use crate::client;

/// Where the twins listen, by name.
#[derive(Debug)]
pub(crate) struct Ports(pub(crate) BTreeMap<String, u16>);

/// What came of a scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Result {
    name: String,
    /// What is wrong, by step; `setup` comes first.
    failures: Vec<(String, Vec<String>)>,
    /// Steps that were not run, as one before them failed that they need.
    skipped: usize,
}

/// Of an answer's body.
const BODY_BYTES_MAX: usize = 10 << 20;

/// Characters of a failed answer's body that are told.
const SHOWN_MAX: usize = 300;

impl Result {
    pub(crate) fn passed(&self) -> bool {
        self.failures.is_empty()
    }
}

impl fmt::Display for Result {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", if self.passed() { "PASS" } else { "FAIL" }, self.name)?;
        for (step, wrong) in &self.failures {
            for why in wrong {
                write!(f, "\n  {step}: {why}")?;
            }
        }
        if self.skipped > 0 {
            write!(f, "\n  {} not run", crate::commands::count(self.skipped, "step"))?;
        }
        Ok(())
    }
}

/// Runs a scenario. Files it names are looked for from `folder`.
pub(crate) async fn run(scenario: &Scenario, folder: &Path, ports: &Ports) -> Result {
    let mut result = Result { name: scenario.name.clone(), failures: Vec::new(), skipped: 0 };
    if let Err(error) = set_up(&scenario.setup, folder, ports).await {
        result.failures.push(("setup".to_owned(), vec![format!("{error:#}")]));
        result.skipped = scenario.steps.len();
        return result;
    }
    let variables = scenario.variables.iter();
    let variables = variables.map(|(name, value)| (name.clone(), plain(value))).collect();
    let mut names = Names { ports, variables };
    for (index, step) in scenario.steps.iter().enumerate() {
        let wrong = run_step(step, &mut names).await;
        if !wrong.is_empty() {
            result.failures.push((step.name.clone(), wrong));
            // What comes after may need what this one was to give.
            if !step.capture.is_empty() {
                result.skipped = scenario.steps.len() - index - 1;
                break;
            }
        }
    }
    result
}

async fn set_up(setup: &Setup, folder: &Path, ports: &Ports) -> anyhow::Result<()> {
    let port = |twin: &str| {
        let port = ports.0.get(twin).copied();
        port.with_context(|| format!("{twin} is no twin of the project, or has no port"))
    };
    for twin in &setup.reset {
        let reset = client::admin(port(twin)?, Method::POST, "reset", Bytes::new()).await;
        reset.with_context(|| format!("cannot reset {twin}: does it run?"))?;
    }
    for (twin, file) in &setup.seed_files {
        let path = folder.join(file);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let seeded = client::admin(port(twin)?, Method::POST, "state", bytes.into()).await;
        seeded.with_context(|| format!("cannot seed {twin}"))?;
    }
    Ok(())
}

/// What is wrong with one step; nothing where it passed.
async fn run_step(step: &Step, names: &mut Names<'_>) -> Vec<String> {
    let answer = match send(&step.request, names).await {
        Ok(answer) => answer,
        Err(error) => return vec![format!("{error:#}")],
    };
    let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
    let mut wrong = check::check(&step.assert, &answer, body.as_ref(), names);
    for (name, from) in &step.capture {
        let found = body.as_ref().map_or(Ok(None), |body| path::at(body, from));
        match found {
            Ok(Some(value)) => {
                names.variables.insert(name.clone(), plain(value));
            }
            Ok(None) => wrong.push(format!("{from} is absent, so `{name}` cannot be captured")),
            Err(why) => wrong.push(why),
        }
    }
    if !wrong.is_empty() && answer.status >= 400 {
        let text: String = String::from_utf8_lossy(&answer.body).chars().take(SHOWN_MAX).collect();
        wrong.push(format!("the answer was {} {text}", answer.status));
    }
    wrong
}

async fn send(request: &Request, names: &Names<'_>) -> anyhow::Result<client::Answer> {
    let fill = |text: &str| names.fill(text).map_err(anyhow::Error::msg);
    let method: Method = fill(&request.method)?
        .to_ascii_uppercase()
        .parse()
        .with_context(|| format!("`{}` is no method", request.method))?;
    let mut headers = Vec::new();
    for (name, value) in &request.headers {
        headers.push((name.clone(), fill(value)?));
    }
    let typed = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    let body = match &request.body {
        None => Bytes::new(),
        Some(Value::String(text)) => Bytes::from(fill(text)?),
        Some(value) => {
            if !typed {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
            }
            let filled = names.fill_value(value).map_err(anyhow::Error::msg)?;
            Bytes::from(filled.to_string())
        }
    };
    client::call(&method, &fill(&request.url)?, &headers, body, BODY_BYTES_MAX).await
}
