//! `/metrics`: the ledger in numbers, as Prometheus reads them.

use std::fmt::Write as _;
use std::path::Path;

use chrono::{DateTime, Utc};

use crate::ledger::{Ledger, LedgerError, State};

/// The metrics of a ledger.
///
/// # Errors
///
/// Where it cannot be read.
///
/// # Source
///
/// Prometheus, text exposition format 0.0.4.
pub fn metrics(ledger: &Path, now: DateTime<Utc>) -> Result<String, LedgerError> {
    let mut text = String::new();
    let Some(ledger) = Ledger::open_to_read(ledger)? else { return Ok(text) };
    head(&mut text, "wondertwin_job_runs_total", "counter", "Runs by job and state.");
    for (job, state, count) in ledger.counts()? {
        if !matches!(state.as_str(), "scheduled" | "running") {
            let _ = writeln!(
                text,
                "wondertwin_job_runs_total{{job=\"{}\",state=\"{}\"}} {count}",
                escaped(&job),
                escaped(&state)
            );
        }
    }
    let open = ledger.open_runs()?;
    let running = open.iter().filter(|run| matches!(run.state, State::Running { .. })).count();
    head(&mut text, "wondertwin_job_runs_running", "gauge", "Runs that go on.");
    let _ = writeln!(text, "wondertwin_job_runs_running {running}");
    head(
        &mut text,
        "wondertwin_job_runs_waiting",
        "gauge",
        "Runs that wait for their time or turn.",
    );
    let _ = writeln!(text, "wondertwin_job_runs_waiting {}", open.len() - running);
    let last = ledger.last_ended()?;
    head(&mut text, "wondertwin_job_failing", "gauge", "Whether a job's last run failed.");
    for (job, run) in &last {
        let failing = u8::from(run.state.is_failure());
        let _ = writeln!(text, "wondertwin_job_failing{{job=\"{}\"}} {failing}", escaped(job));
    }
    head(
        &mut text,
        "wondertwin_job_last_end_age_seconds",
        "gauge",
        "Since a job's last run ended.",
    );
    for (job, run) in &last {
        let age = run.state.ended_at().map_or(0, |at| (now - at).num_seconds().max(0));
        let job = escaped(job);
        let _ = writeln!(text, "wondertwin_job_last_end_age_seconds{{job=\"{job}\"}} {age}");
    }
    head(&mut text, "wondertwin_job_last_seconds", "gauge", "How long a job's last run took.");
    for (job, run) in &last {
        let took = run.state.took().unwrap_or_default().as_seconds_f64();
        let _ = writeln!(text, "wondertwin_job_last_seconds{{job=\"{}\"}} {took}", escaped(job));
    }
    head(&mut text, "wondertwin_notices_unsent", "gauge", "Notices that wait or were given up.");
    for unsent in ledger.unsent_notices()? {
        let (channel, state, count) = (escaped(&unsent.channel), unsent.state, unsent.count);
        let labels = format!("channel=\"{channel}\",state=\"{state}\"");
        let _ = writeln!(text, "wondertwin_notices_unsent{{{labels}}} {count}");
    }
    let troubles = ledger.troubles()?.len();
    head(&mut text, "wondertwin_daemon_troubles", "gauge", "What is wrong with the daemon itself.");
    let _ = writeln!(text, "wondertwin_daemon_troubles {troubles}");
    Ok(text)
}

fn head(text: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn escaped(label: &str) -> String {
    label.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
