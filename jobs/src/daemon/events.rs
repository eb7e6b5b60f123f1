//! What there is to tell of a run that ended.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value;

use crate::config::{Jobs, Task};
use crate::ledger::{Ledger, LedgerError, Run, State};
use crate::notify::{Message, Occasion};
use crate::process::Place;

/// Runs looked back at for how the job did before.
const BEFORE: u32 = 200;
/// Findings told one by one; more are told by number.
const FINDINGS_MAX: usize = 20;

/// Channel, key and message of each notice.
pub(super) type Notices = Vec<(String, String, String)>;

/// What is to be told of a run, for each channel that is to be told.
pub(super) fn of(
    run: &Run,
    jobs: &Jobs,
    ledger: &Ledger,
    place: &Place,
) -> Result<Notices, LedgerError> {
    let mut messages = Vec::new();
    let task = jobs.jobs.get(&run.job).map(|job| &job.task);
    let twin = task.and_then(Task::twin);
    messages.extend(change(run, twin, ledger)?);
    if matches!(run.state, State::Succeeded(_)) {
        let said = fs::read_to_string(place.log(run.id, run.attempt, "out")).unwrap_or_default();
        match task {
            Some(Task::Calibrate(task)) => {
                let decided = decided(&place.project.join("calibrations").join(&task.twin));
                messages.extend(drift(&task.twin, &said, &decided));
            }
            Some(Task::Notify(_)) => {
                messages.push((format!("digest:{}", run.id.0), digest(run, &said)));
            }
            _ => {}
        }
    }
    let only = match task {
        Some(Task::Notify(task)) => task.channels.as_ref(),
        _ => None,
    };
    let mut notices = Notices::new();
    for (key, message) in messages {
        let text = serde_json::to_string(&message).expect("strings are JSON");
        for (name, channel) in &jobs.channels {
            let is_named = only.is_none_or(|names| names.contains(name));
            if is_named && channel.subscription.takes(message.occasion, message.twin.as_deref()) {
                notices.push((name.clone(), key.clone(), text.clone()));
            }
        }
    }
    Ok(notices)
}

/// A job that fails and had not, or came to a good end and had not.
fn change(
    run: &Run,
    twin: Option<&str>,
    ledger: &Ledger,
) -> Result<Option<(String, Message)>, LedgerError> {
    let is_verdict = |state: &State| state.is_failure() || matches!(state, State::Succeeded(_));
    if !is_verdict(&run.state) {
        return Ok(None);
    }
    let history = ledger.history(Some(&run.job), BEFORE)?;
    let before = history.iter().find(|one| one.id < run.id && is_verdict(&one.state));
    let failed_before = before.is_some_and(|one| one.state.is_failure());
    let when = run.scheduled_at.format("%F %H:%M UTC");
    let (occasion, title, text) = match (run.state.is_failure(), failed_before) {
        (true, false) => {
            let why = run.state.reason().unwrap_or_default();
            let title = format!("job {} {}", run.job, run.state.name());
            let text = format!("The run of {when} {}: {why}", run.state.name());
            (Occasion::JobFailed, title, text)
        }
        (false, true) => {
            let title = format!("job {} recovered", run.job);
            (Occasion::JobRecovered, title, format!("The run of {when} succeeded."))
        }
        _ => return Ok(None),
    };
    let key = format!("{}:{}:{}", occasion.name(), run.job, run.id.0);
    Ok(Some((key, Message { occasion, twin: twin.map(str::to_owned), title, text })))
}

/// What a calibration found, and what of it awaits a decision.
fn drift(twin: &str, said: &str, decided: &BTreeSet<u64>) -> Vec<(String, Message)> {
    let Ok(document) = serde_json::from_str::<Value>(said) else { return Vec::new() };
    let list = |name: &str| document[name].as_array().map_or(&[][..], Vec::as_slice);
    let mut messages = Vec::new();
    let twin_name = || Some(twin.to_owned());
    for finding in list("findings").iter().take(FINDINGS_MAX) {
        // One change seen on many routes is one finding, told once.
        let Some(fingerprint) = finding["fingerprint"].as_str() else { continue };
        let word = |name: &str| finding[name].as_str().unwrap_or_default();
        let breaking = if finding["breaking"] == true { "breaking: " } else { "" };
        let place = if word("route").is_empty() { word("event") } else { word("route") };
        let title = format!("{twin}: {breaking}{} {place}", word("kind").replace('_', " "));
        let seen = &finding["evidence"];
        let text = format!(
            "{} `{}`, seen {} of {} times, confidence {}",
            word("surface"),
            word("path"),
            seen["seen"],
            seen["of"],
            finding["confidence"]
        );
        let key = format!("drift:{twin}:{fingerprint}");
        messages.push((key, Message { occasion: Occasion::Drift, twin: twin_name(), title, text }));
    }
    let more = list("findings").len().saturating_sub(FINDINGS_MAX);
    for calibration in list("calibrations") {
        let (Some(number), Some(findings)) =
            (calibration["number"].as_u64(), calibration["findings"].as_array())
        else {
            continue;
        };
        if decided.contains(&number) {
            continue;
        }
        let title = format!("{twin}: calibration {number} awaits a decision");
        let text = format!(
            "{} findings{}; `wt calibrations show {twin} {number}`, then approve or reject",
            findings.len(),
            if more > 0 {
                format!(" ({more} of the run are not told one by one)")
            } else {
                String::new()
            }
        );
        let key = format!("decision:{twin}:{number}");
        messages
            .push((key, Message { occasion: Occasion::Decision, twin: twin_name(), title, text }));
    }
    messages
}

/// Calibrations that a line of `decisions.jsonl` names.
fn decided(calibrations: &Path) -> BTreeSet<u64> {
    let lines = fs::read_to_string(calibrations.join("decisions.jsonl")).unwrap_or_default();
    let number = |line| serde_json::from_str::<Value>(line).ok()?["number"].as_u64();
    lines.lines().filter_map(number).collect()
}

fn digest(run: &Run, said: &str) -> Message {
    let title = format!("twins at {}", run.scheduled_at.format("%F %H:%M UTC"));
    Message { occasion: Occasion::Digest, twin: None, title, text: said.trim().to_owned() }
}
