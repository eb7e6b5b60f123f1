//! `deliveries` of a model: how production delivers webhooks, where that was observed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::behaviour::{self, Order, Scheme};

/// How a vendor delivers webhooks, as far as deliveries have shown it. Each part stands above what
/// `twin.json` declares; what is not here is as declared.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Deliveries {
    /// The form of the signature that a known secret confirmed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<SignatureForm>,
    /// When a failed delivery comes again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry: Option<RetrySchedule>,
    /// Whether deliveries of one object keep their order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
}

/// A signature's form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SignatureForm {
    /// How it is made.
    pub scheme: Scheme,
    /// Header of the schemes that fix none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<String>,
}

/// The beginning of a retry schedule: what comes after it is known only where it ends there.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetrySchedule {
    /// Milliseconds from the end of a failed attempt to the next, by the attempt that failed, from 1.
    pub delays_ms: BTreeMap<u32, u64>,
    /// Whether nothing more is tried after the last of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub ends: bool,
}

impl Deliveries {
    /// Whether nothing was observed.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What a twin does that is declared one way and observed another.
    pub fn over(&self, declared: &behaviour::Webhooks) -> behaviour::Webhooks {
        let mut made = declared.clone();
        if let Some(form) = &self.signature {
            made.signature.scheme = form.scheme;
            if form.header.is_some() {
                made.signature.header.clone_from(&form.header);
            }
        }
        if let Some(schedule) = &self.retry {
            made.retry.delays_seconds = schedule.over(&declared.retry.delays_seconds);
        }
        if let Some(order) = self.order {
            made.order = order;
        }
        made
    }
}

impl RetrySchedule {
    /// The delays in seconds: those observed, then those declared unless it ends before.
    fn over(&self, declared: &[f64]) -> Vec<f64> {
        let known = self.delays_ms.keys().next_back().copied().unwrap_or(0) as usize;
        let count = if self.ends { known } else { known.max(declared.len()) };
        let delay = |index: usize| {
            let attempt = u32::try_from(index + 1).ok()?;
            #[expect(clippy::cast_precision_loss, reason = "delays are days at most")]
            let observed = self.delays_ms.get(&attempt).map(|ms| *ms as f64 / 1e3);
            observed.or_else(|| declared.get(index).copied())
        };
        // A gap in what is known ends it: what comes after has no place.
        (0..count).map_while(delay).collect()
    }

    /// What is wrong with it, if anything.
    pub(crate) fn problem(&self) -> Option<String> {
        self.delays_ms.contains_key(&0).then(|| "has `0`, and attempts count from 1".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule(delays: &[(u32, u64)], ends: bool) -> RetrySchedule {
        RetrySchedule { delays_ms: delays.iter().copied().collect(), ends }
    }

    #[test]
    fn what_was_observed_stands_above_what_is_declared() {
        let declared = [1.0, 2.0, 3.0];
        assert_eq!(schedule(&[(1, 500)], false).over(&declared), [0.5, 2.0, 3.0]);
        assert_eq!(schedule(&[(1, 500)], true).over(&declared), [0.5]);
        assert_eq!(schedule(&[], true).over(&declared), [0.0; 0]);
        assert_eq!(schedule(&[(2, 9000)], false).over(&declared), [1.0, 9.0, 3.0]);
        assert_eq!(schedule(&[(1, 1), (2, 2), (3, 3), (4, 4)], false).over(&declared).len(), 4);
        assert_eq!(schedule(&[(3, 3)], false).over(&[]), [0.0; 0]);
    }

    #[test]
    fn only_what_was_observed_replaces_what_is_declared() {
        let declared: behaviour::Webhooks = serde_json::from_str(
            r#"{"signature": {"scheme": "hex", "header": "x-own"}, "retry": {"delays_seconds": [5]}}"#,
        )
        .unwrap();
        assert_eq!(Deliveries::default().over(&declared), declared);
        let form = SignatureForm { scheme: Scheme::Stripe, header: None };
        let made = Deliveries { signature: Some(form), ..Deliveries::default() }.over(&declared);
        assert_eq!(made.signature.scheme, Scheme::Stripe);
        assert_eq!(made.retry, declared.retry);
    }
}
