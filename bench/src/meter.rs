//! What a piece of work took: CPU time rather than wall clock, which a busy machine stretches.

use std::time::{Duration, Instant};

use cpu_time::{ProcessTime, ThreadTime};
use serde::{Deserialize, Serialize};

/// What one phase took, as its process reports it.
#[derive(Debug, Clone, Copy, Default, Serialize, Deserialize)]
pub(crate) struct Cost {
    /// User and system time of every thread.
    pub(crate) cpu: Duration,
    pub(crate) wall: Duration,
    /// Highest resident memory of the process so far.
    pub(crate) peak_bytes: u64,
}

impl Cost {
    pub(crate) fn of<T>(work: impl FnOnce() -> anyhow::Result<T>) -> anyhow::Result<(Self, T)> {
        let (cpu, wall) = (ProcessTime::now(), Instant::now());
        let done = work()?;
        let cost = Self { cpu: cpu.elapsed(), wall: wall.elapsed(), peak_bytes: peak_bytes()? };
        Ok((cost, done))
    }

    pub(crate) fn cheaper(self, other: Self) -> Self {
        let best = if self.cpu <= other.cpu { self } else { other };
        Self { peak_bytes: self.peak_bytes.max(other.peak_bytes), ..best }
    }
}

/// CPU time of this thread alone.
pub(crate) fn thread_time(work: impl FnOnce()) -> Duration {
    let start = ThreadTime::now();
    work();
    start.elapsed()
}

/// # Source
///
/// proc(5), `/proc/self/status`, "`VmHWM`: peak resident set size", in kB of 1024 bytes.
fn peak_bytes() -> anyhow::Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib = line.trim().trim_end_matches(" kB").parse::<u64>()?;
    Ok(kib * 1024)
}
