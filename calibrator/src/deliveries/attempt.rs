//! Attempts as the lake holds them.

use models::webhooks::Verdict;
use observer::lake::{Lake, Segment, Table};

use crate::observe::{LakeSession, ObserveError, Rows};

/// One attempt to deliver a webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attempt {
    /// Microseconds since the epoch, on the observer's clock.
    pub(crate) seen_at_us: i64,
    /// Pseudonym of the path it went to.
    pub(crate) endpoint: u64,
    /// Pseudonym of what the vendor calls it, else of its bytes.
    pub(crate) delivery: u64,
    /// Pseudonym of what it is about.
    pub(crate) object: Option<u64>,
    /// When it happened, on the vendor's clock.
    pub(crate) happened_at_us: Option<i64>,
    /// When it was sent, on the vendor's clock.
    pub(crate) sent_at_us: Option<i64>,
    /// Which attempt the vendor says it is, from 1.
    pub(crate) stated: Option<u32>,
    /// What it was answered.
    pub(crate) status: u16,
    /// How long that took.
    pub(crate) latency_us: u32,
    /// The signature's form, the lake's word; empty where it had none.
    pub(crate) scheme: String,
    /// Its header, where the form fixes none.
    pub(crate) header: String,
    /// What the signature said, the lake's word.
    pub(crate) verdict: String,
}

impl Attempt {
    /// Whether the vendor was told that it came.
    pub(crate) fn is_taken(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// Whether somebody else than the vendor may have sent it: none of the secrets given vouches for its
    /// signature.
    pub(crate) fn is_doubtful(&self) -> bool {
        [Verdict::Invalid, Verdict::Unknown].iter().any(|verdict| self.verdict == verdict.name())
    }

    /// When it began: as the vendor says, whose schedule it is, else as it was seen.
    pub(crate) fn began_us(&self) -> i64 {
        self.sent_at_us.unwrap_or(self.seen_at_us)
    }

    /// When it had been answered, on the same clock.
    pub(crate) fn ended_us(&self) -> i64 {
        self.began_us() + i64::from(self.latency_us)
    }
}

/// The attempts of segments from a time on, in order of endpoint, delivery and time.
pub(crate) async fn attempts(
    lake: &Lake,
    segments: &[Segment],
    since_us: i64,
) -> Result<Vec<Attempt>, ObserveError> {
    let table = Table::Deliveries.name();
    let has_any = |segment: &&Segment| segment.files.iter().any(|file| file.table == table);
    let segments: Vec<_> = segments.iter().filter(has_any).cloned().collect();
    if segments.is_empty() {
        return Ok(Vec::new());
    }
    let session = LakeSession::open(lake, &segments, i64::MIN).await?;
    let sql = include_str!("../sql/observed_deliveries.sql");
    let mut attempts = Vec::new();
    for batch in session.query("observed_deliveries.sql", sql).await? {
        let rows = Rows(&batch);
        let (seen, happened) = (rows.time("seen_at"), rows.time("happened_at"));
        let sent = rows.time("sent_at");
        let (endpoints, ids) = (rows.u64("endpoint"), rows.u64("delivery"));
        let (objects, stated) = (rows.maybe_u64("object"), rows.maybe_u64("attempt"));
        let (statuses, latencies) = (rows.u16("status"), rows.u32("latency_us"));
        let (schemes, headers) = (rows.word("scheme"), rows.word("header"));
        let verdicts = rows.word("verdict");
        for row in 0..rows.len() {
            attempts.push(Attempt {
                seen_at_us: seen[row].unwrap_or_default(),
                endpoint: endpoints[row],
                delivery: ids[row],
                object: objects[row],
                happened_at_us: happened[row],
                sent_at_us: sent[row],
                stated: stated[row].and_then(|n| u32::try_from(n).ok()),
                status: statuses[row],
                latency_us: latencies[row],
                scheme: schemes[row].clone(),
                header: headers[row].clone(),
                verdict: verdicts[row].clone(),
            });
        }
    }
    attempts.retain(|attempt| attempt.seen_at_us >= since_us);
    Ok(attempts)
}
