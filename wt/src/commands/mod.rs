//! One module a command, laid out as the command tree.

pub(crate) mod calibrate;
pub(crate) mod calibrations;
pub(crate) mod catalog;
pub(crate) mod demo;
pub(crate) mod down;
pub(crate) mod export;
pub(crate) mod freeze;
pub(crate) mod init;
pub(crate) mod inspect;
pub(crate) mod jobs;
pub(crate) mod lake;
pub(crate) mod logs;
pub(crate) mod observe;
pub(crate) mod record;
pub(crate) mod replay;
pub(crate) mod report;
pub(crate) mod reset;
pub(crate) mod review;
pub(crate) mod seed;
pub(crate) mod serve;
pub(crate) mod status;
pub(crate) mod synth;
pub(crate) mod test;
pub(crate) mod up;

use std::time::Duration;

use anyhow::Context as _;
use tokio::sync::watch;

/// Runs what is asynchronous to its end.
pub(crate) fn block_on<T>(future: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .context("the system gave no threads")?
        .block_on(future)
}

/// Becomes true with SIGTERM or Ctrl-C.
fn stop_signal() -> anyhow::Result<watch::Receiver<bool>> {
    let (tell, told) = watch::channel(false);
    #[cfg(unix)]
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())
        .context("cannot listen for signals")?;
    tokio::spawn(async move {
        #[cfg(unix)]
        tokio::select! {
            _ = terminate.recv() => {}
            _ = tokio::signal::ctrl_c() => {}
        }
        #[cfg(not(unix))]
        let _ = tokio::signal::ctrl_c().await;
        let _ = tell.send(true);
        // Keeps the channel open: the receivers read the value.
        tokio::time::sleep(Duration::MAX).await;
    });
    Ok(told)
}

/// `1 route`, `2 routes`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let ending = if number == 1 { "" } else { "s" };
    format!("{number} {noun}{ending}")
}

/// The user's name on this machine.
pub(crate) fn user() -> String {
    let name = ["USER", "LOGNAME", "USERNAME"].iter().find_map(|name| std::env::var(name).ok());
    name.unwrap_or_else(|| "unknown".to_owned())
}
