//! One run of the sampler: from probes to exchanges, within the budget.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use chrono::Utc;
use models::Model;
use serde_json::Value;

use super::pace::Pace;
use super::pages;
use super::plan::Plan;
use super::pool::Pool;
use super::probes::Probes;
use super::send::{SampleError, Sampler, retry_after};
use crate::exchange::RawExchange;

/// Requests without an answer, one after the other, after which the vendor is taken to be gone.
const FAULTS_MAX: usize = 3;

/// What a run did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sampled {
    /// Requests answered, by probe and status.
    pub answers: BTreeMap<String, BTreeMap<u16, u64>>,
    /// Probes left out for want of values, and which.
    pub unfilled: BTreeMap<String, String>,
    /// Why it ended.
    pub end: End,
    /// How often each probe was asked, in all runs.
    pub asked: BTreeMap<String, u64>,
}

/// Why a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// All was asked that can be.
    Complete,
    /// `requests_max` were sent.
    Budget,
    /// Limits or the vendor ask for a longer wait than a run may take.
    Wait(Duration),
}

/// Asks what `probes` say, the least asked first, and hands each exchange on as it comes.
///
/// # Errors
///
/// Where the vendor gives no answer three times running, or none at all; what came before was
/// handed on.
pub async fn sample(
    sampler: &Sampler,
    model: &Model,
    probes: &Probes,
    asked: BTreeMap<String, u64>,
    mut take: impl FnMut(&RawExchange<'static>),
) -> Result<Sampled, SampleError> {
    let mut pace = Pace::within(model.limits.values(), probes.share_of_limits);
    let mut plan = Plan::new(probes, asked);
    let mut pool = Pool::default();
    let mut answers: BTreeMap<String, BTreeMap<u16, u64>> = BTreeMap::new();
    let (began, mut waited, mut sent) = (Instant::now(), Duration::ZERO, 0);
    let mut faults = Vec::new();
    let wait_max = Duration::from_secs(probes.wait_max_seconds);
    let end = loop {
        if sent >= probes.requests_max {
            break End::Budget;
        }
        let Some(request) = plan.next(&pool) else { break End::Complete };
        let wait = pace.wait(began.elapsed());
        if wait > wait_max.saturating_sub(waited) {
            break End::Wait(wait);
        }
        waited += wait;
        tokio::time::sleep(wait).await;
        pace.count(began.elapsed());
        sent += 1;
        let body = probes.probes.get(&request.probe).and_then(|probe| probe.body.as_deref());
        let exchange = match sampler.send(&request, body).await {
            Ok(exchange) => exchange,
            Err(fault @ (SampleError::Unreachable { .. } | SampleError::Slow { .. })) => {
                faults.push(fault);
                if faults.len() >= FAULTS_MAX {
                    break End::Complete;
                }
                continue;
            }
            Err(fault) => return Err(fault),
        };
        faults.clear();
        take(&exchange);
        *answers.entry(request.probe.clone()).or_default().entry(exchange.status).or_default() += 1;
        show(&mut pool, probes, &request.probe, &request.binding, &exchange);
        let pages = probes.probes.get(&request.probe).and_then(|probe| probe.pages.as_ref());
        if let Some(next) = pages.and_then(|pages| pages::next(pages, &request, &exchange)) {
            plan.add_page(next);
        }
        if let Some(asked_for) = retry_after(&exchange, Utc::now()) {
            // The vendor may say any number, and a sum of such has no place in a `Duration`.
            if asked_for > wait_max.saturating_sub(waited) {
                break End::Wait(asked_for);
            }
            waited += asked_for;
            tokio::time::sleep(asked_for).await;
        }
    };
    // With few probes a vendor that is gone is not asked three times.
    let is_gone = faults.len() >= FAULTS_MAX || answers.is_empty();
    if let Some(fault) = faults.pop().filter(|_| is_gone) {
        return Err(fault);
    }
    let unfilled = Plan::unfilled(probes);
    Ok(Sampled { answers, unfilled, end, asked: plan.asked() })
}

/// Keeps what an answer shows for the probes that read it.
fn show(
    pool: &mut Pool,
    probes: &Probes,
    name: &str,
    binding: &Vec<String>,
    exchange: &RawExchange<'_>,
) {
    if !(200..300).contains(&exchange.status) {
        return;
    }
    let Some(body) = &exchange.response_body else { return };
    let Ok(body) = serde_json::from_slice::<Value>(&body.bytes) else { return };
    let readers = probes.probes.values().filter_map(|probe| probe.from.as_ref());
    for source in readers.filter(|source| source.probe == name) {
        pool.take(name, &source.at, binding, &body);
    }
}
