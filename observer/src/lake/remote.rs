//! Lakes that are not a folder: S3 and what speaks its protocol.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use object_store::aws::AmazonS3Builder;
use object_store::{BackoffConfig, ObjectStore, RetryConfig, path::Path, prefix::PrefixStore};

use super::store::LakeError;

/// Attempts on a store that fails; the wait between them doubles.
const RETRIES_MAX: usize = 4;
const RETRY_TIME_MAX: Duration = Duration::from_secs(30);

/// A bucket, and the place in it where the lake is.
pub(super) struct Bucket {
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) prefix: Path,
}

/// The bucket of `s3://BUCKET/PREFIX`, with credentials, region and endpoint from the environment.
///
/// # Errors
///
/// Where the URL names no bucket, or the environment says something that cannot be.
pub(super) fn s3(url: &str) -> Result<Bucket, LakeError> {
    let refuse = |source| LakeError::Url { url: url.to_owned(), source: Box::new(source) };
    let rest = url.strip_prefix("s3://").unwrap_or(url);
    let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
    let retry = RetryConfig {
        backoff: BackoffConfig::default(),
        max_retries: RETRIES_MAX,
        retry_timeout: RETRY_TIME_MAX,
    };
    let store = AmazonS3Builder::from_env()
        .with_bucket_name(bucket)
        .with_retry(retry)
        .build()
        .map_err(refuse)?;
    let prefix = Path::parse(prefix)
        .map_err(|source| refuse(object_store::Error::InvalidPath { source }))?;
    Ok(Bucket { store: Arc::new(store), prefix })
}

impl Bucket {
    /// The bucket as if there were nothing but the lake in it.
    pub(super) fn within(&self) -> Arc<dyn ObjectStore> {
        Arc::new(PrefixStore::new(Arc::clone(&self.store), self.prefix.clone()))
    }
}

/// Where work on a store runs that needs timers and sockets, for callers that have no runtime.
///
/// # Panics
///
/// Where the system gives no thread.
pub(super) fn runtime() -> &'static tokio::runtime::Runtime {
    static RUNTIME: OnceLock<tokio::runtime::Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("lake")
            .enable_all()
            .build()
            .expect("the system gives a thread")
    })
}
