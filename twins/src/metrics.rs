//! What a twin counts, for Prometheus.

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use http::StatusCode;

use crate::session::Session;
use crate::twin::Twin;
use crate::webhooks::Outbox;

/// Requests by how they ended. Counted since the start; a reset leaves it.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    /// By the first digit of the status; 0 where the connection was closed on purpose.
    classes: [AtomicU64; 6],
    took_us: AtomicU64,
    /// Requests that took at most so long, each by itself.
    buckets: [AtomicU64; BUCKETS_US.len()],
}

const BUCKETS_US: [u64; 8] = [100, 250, 500, 1_000, 5_000, 25_000, 250_000, 2_500_000];

impl Metrics {
    pub(crate) fn count(&self, status: Option<StatusCode>, took: Duration) {
        let class = status.map_or(0, |status| usize::from(status.as_u16() / 100)).min(5);
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.took_us.fetch_add(took, Ordering::Relaxed);
        if let Some(bucket) = BUCKETS_US.iter().position(|bound| took <= *bound) {
            self.buckets[bucket].fetch_add(1, Ordering::Relaxed);
        }
    }

    fn write(&self, text: &mut String, twin: &str) -> std::fmt::Result {
        const CLASSES: [&str; 6] = ["dropped", "1xx", "2xx", "3xx", "4xx", "5xx"];
        writeln!(text, "# HELP wondertwin_requests_total Requests by the class of their status.")?;
        writeln!(text, "# TYPE wondertwin_requests_total counter")?;
        let mut all = 0;
        for (class, count) in CLASSES.iter().zip(&self.classes) {
            let count = count.load(Ordering::Relaxed);
            all += count;
            writeln!(
                text,
                "wondertwin_requests_total{{twin=\"{twin}\",status=\"{class}\"}} {count}"
            )?;
        }
        let name = "wondertwin_request_duration_seconds";
        writeln!(text, "# HELP {name} From the head's arrival to the answer.")?;
        writeln!(text, "# TYPE {name} histogram")?;
        let mut below = 0;
        for (bound, count) in BUCKETS_US.iter().zip(&self.buckets) {
            below += count.load(Ordering::Relaxed);
            let bound = Duration::from_micros(*bound).as_secs_f64();
            writeln!(text, "{name}_bucket{{twin=\"{twin}\",le=\"{bound}\"}} {below}")?;
        }
        writeln!(text, "{name}_bucket{{twin=\"{twin}\",le=\"+Inf\"}} {all}")?;
        let took = Duration::from_micros(self.took_us.load(Ordering::Relaxed)).as_secs_f64();
        writeln!(text, "{name}_sum{{twin=\"{twin}\"}} {took}")?;
        writeln!(text, "{name}_count{{twin=\"{twin}\"}} {all}")
    }
}

/// All that is counted, as Prometheus reads it.
///
/// # Source
///
/// Prometheus text exposition format 0.0.4.
pub(crate) fn text(twin: &Twin) -> String {
    let mut text = String::new();
    let label = twin.config.name.replace(['\\', '"', '\n'], "_");
    // Writing to a string does not fail.
    let _ = twin.metrics.write(&mut text, &label);
    let sessions = twin.sessions.all();
    let sum =
        |of: &dyn Fn(&Session) -> u64| sessions.iter().map(|session| of(session)).sum::<u64>();
    let sent = |of: fn(&Outbox) -> u64| sum(&|session| of(&session.webhooks.outbox()));
    let (lua_calls, lua_failures) = twin.handlers.counts();
    let single = [
        ("lua_calls_total", "counter", "Calls of Lua handlers.", lua_calls),
        ("lua_failures_total", "counter", "Calls the engine answered instead.", lua_failures),
        ("sessions", "gauge", "Sessions, the default one included.", sessions.len() as u64),
        (
            "events_total",
            "counter",
            "Events told since the last reset.",
            sum(&|session| session.webhooks.told()),
        ),
        ("webhooks_delivered_total", "counter", "Webhooks delivered.", sent(|one| one.delivered)),
        ("webhooks_failed_total", "counter", "Webhooks given up.", sent(|one| one.failed)),
        ("webhooks_dropped_total", "counter", "Webhooks never queued.", sent(|one| one.dropped)),
        (
            "webhooks_waiting",
            "gauge",
            "Webhooks waiting or under way.",
            sent(|one| one.waiting() as u64),
        ),
        ("entities", "gauge", "Entities stored.", sum(&|session| session.state.count() as u64)),
        (
            "state_bytes",
            "gauge",
            "Their estimated memory.",
            sum(&|session| session.state.bytes() as u64),
        ),
        (
            "forgotten_total",
            "counter",
            "Entities forgotten for newer ones.",
            sum(&|session| session.state.forgotten()),
        ),
        ("calibration", "gauge", "Number of the calibration served.", twin.status().calibration),
        (
            "clock_offset_seconds",
            "gauge",
            "How far the clock was moved.",
            twin.clock().offset().as_secs(),
        ),
    ];
    for (name, kind, help, value) in single {
        let name = format!("wondertwin_{name}");
        let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}");
        let _ = writeln!(text, "{name}{{twin=\"{label}\"}} {value}");
    }
    text
}
