//! Works off the notices of the ledger, beside the daemon's own work.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::task::JoinHandle;

use super::{Channel, Deliverer, DeliveryError, Message};
use crate::ledger::{Ledger, LedgerError, Notice};

/// Notices sent at a time.
const BATCH: u32 = 20;
/// Attempts after which a notice is given up; the last comes a day after the first.
const ATTEMPTS_MAX: u32 = 12;
/// After the first attempt; twice as long after each.
const BACKOFF: Duration = Duration::from_secs(20);

type Channels = BTreeMap<String, Channel>;

/// Sends what waits, one batch at a time.
#[derive(Debug)]
pub(crate) struct Sender {
    ledger: PathBuf,
    sending: Option<JoinHandle<()>>,
}

impl Sender {
    pub(crate) fn new(ledger: PathBuf) -> Self {
        Self { ledger, sending: None }
    }

    /// Begins to send what is due, unless it is at it.
    pub(crate) fn send_due(&mut self, channels: &Channels, now: DateTime<Utc>) {
        let is_busy = self.sending.as_ref().is_some_and(|sending| !sending.is_finished());
        if is_busy || channels.is_empty() {
            return;
        }
        let (ledger, channels) = (self.ledger.clone(), channels.clone());
        self.sending = Some(tokio::spawn(async move {
            if let Err(fault) = send_batch(ledger, &channels, now).await {
                tracing::warn!(fault = &fault as &dyn std::error::Error, "notices wait");
            }
        }));
    }

    /// Sends what is due once more, and waits for it.
    pub(crate) async fn finish(&mut self, channels: &Channels, now: DateTime<Utc>) {
        for _ in 0..2 {
            if let Some(sending) = self.sending.take() {
                let _failed_and_told = sending.await;
            }
            self.send_due(channels, now);
        }
        if let Some(sending) = self.sending.take() {
            let _failed_and_told = sending.await;
        }
    }
}

async fn send_batch(
    path: PathBuf,
    channels: &Channels,
    now: DateTime<Utc>,
) -> Result<(), LedgerError> {
    let mut ledger = Ledger::open(&path)?;
    let due = ledger.due_notices(now, BATCH)?;
    if due.is_empty() {
        return Ok(());
    }
    let deliverer = match Deliverer::new(Arc::new(|name: &str| std::env::var(name).ok())) {
        Ok(deliverer) => deliverer,
        Err(fault) => {
            tracing::error!(%fault, "no client for notices: they wait");
            return Ok(());
        }
    };
    for notice in due {
        let sent = send(&deliverer, channels, &notice).await;
        match sent {
            Ok(()) => ledger.notice_sent(notice.id)?,
            Err((why, wait)) => {
                tracing::warn!(channel = notice.channel, "a notice was not sent: {why}");
                let again = wait.filter(|_| notice.attempt < ATTEMPTS_MAX).map(|wait| now + wait);
                ledger.notice_failed(notice.id, &why, again)?;
            }
        }
    }
    Ok(())
}

/// Why it was not sent, and how long to wait; for ever where no time is given.
async fn send(
    deliverer: &Deliverer,
    channels: &Channels,
    notice: &Notice,
) -> Result<(), (String, Option<Duration>)> {
    let Some(channel) = channels.get(&notice.channel) else {
        return Err(("the channel is no longer in jobs.toml".to_owned(), None));
    };
    let message: Message =
        serde_json::from_str(&notice.message).map_err(|fault| (fault.to_string(), None))?;
    let id = format!("wt-{}", notice.id.0);
    deliverer.deliver(channel, &id, &message).await.map_err(|fault| {
        let mut wait = BACKOFF * 2_u32.pow(notice.attempt.saturating_sub(1).min(12));
        if let DeliveryError::Refused { retry_after: Some(asked), .. } = &fault {
            wait = wait.max(*asked);
        }
        (told(&fault), Some(wait))
    })
}

/// An error with its causes.
fn told(fault: &dyn std::error::Error) -> String {
    let mut text = fault.to_string();
    let mut cause = fault.source();
    while let Some(fault) = cause {
        text = format!("{text}: {fault}");
        cause = fault.source();
    }
    text
}
