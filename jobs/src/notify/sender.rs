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
/// Attempts after which a notice is given up; the last comes half a day after the first.
const ATTEMPTS_MAX: u32 = 12;
/// After the first attempt; twice as long after each.
const BACKOFF: Duration = Duration::from_secs(20);
/// The longest that a receiver's own wish is heeded: its header may hold any number, and a calendar
/// does not.
const ASKED_MAX: Duration = Duration::from_hours(24);

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
    let sent = deliverer.deliver(channel, &id, &message).await;
    sent.map_err(|fault| (told(&fault), Some(wait_after(notice.attempt, &fault))))
}

/// How long to wait after an attempt that failed: as the receiver says, else longer each time.
fn wait_after(attempt: u32, fault: &DeliveryError) -> Duration {
    let wait = BACKOFF * 2_u32.pow(attempt.saturating_sub(1).min(12));
    match fault {
        DeliveryError::Refused { retry_after: Some(asked), .. } => {
            wait.max((*asked).min(ASKED_MAX))
        }
        _ => wait,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_receiver_is_waited_for_as_it_asks_but_not_for_ever() {
        let asks = |seconds| DeliveryError::Refused {
            host: "hooks.example.com".to_owned(),
            status: 429,
            body: String::new(),
            retry_after: Some(Duration::from_secs(seconds)),
        };
        assert_eq!(wait_after(1, &asks(5)), BACKOFF, "never sooner than by itself");
        assert_eq!(wait_after(1, &asks(5 * 60)), Duration::from_mins(5));
        let again = Utc::now() + wait_after(1, &asks(u64::MAX));
        assert!(again <= Utc::now() + ASKED_MAX);
    }
}
