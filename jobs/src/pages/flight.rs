//! Work that one thread does and all who want it wait for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::watch;

/// What is under way, by name: each is done once at a time, however many ask, so that what hangs holds
/// one thread.
#[derive(Debug)]
pub(super) struct Flight<T>(Arc<Mutex<UnderWay<T>>>);

type UnderWay<T> = BTreeMap<String, watch::Receiver<Option<T>>>;

impl<T> Clone for Flight<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<T> Default for Flight<T> {
    fn default() -> Self {
        Self(Arc::default())
    }
}

impl<T: Clone + Send + Sync + 'static> Flight<T> {
    /// What comes of work that may block, whoever began it; why there is nothing of it in time.
    pub(super) async fn join(
        &self,
        name: &str,
        most: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, String> {
        let mut told = self.begin(name, work);
        let result = match tokio::time::timeout(most, told.wait_for(Option::is_some)).await {
            Ok(Ok(done)) => done.clone(),
            Ok(Err(_)) => {
                return Err("the check itself failed: the daemon's log says why".to_owned());
            }
            Err(_) => return Err(format!("no answer within {} s", most.as_secs())),
        };
        Ok(result.expect("it was waited for"))
    }

    fn begin(
        &self,
        name: &str,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> watch::Receiver<Option<T>> {
        let mut under_way = self.under_way();
        if let Some(told) = under_way.get(name) {
            return told.clone();
        }
        let (tell, told) = watch::channel(None);
        under_way.insert(name.to_owned(), told.clone());
        let landing = Landing { flight: self.clone(), name: name.to_owned() };
        tokio::task::spawn_blocking(move || {
            let done = work();
            // Whoever asks from here on asks anew.
            drop(landing);
            tell.send_replace(Some(done));
        });
        told
    }

    fn under_way(&self) -> MutexGuard<'_, UnderWay<T>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of one piece of work, also where it panicked.
struct Landing<T: Clone + Send + Sync + 'static> {
    flight: Flight<T>,
    name: String,
}

impl<T: Clone + Send + Sync + 'static> Drop for Landing<T> {
    fn drop(&mut self) {
        self.flight.under_way().remove(&self.name);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn who_comes_while_it_goes_on_gets_what_comes_of_it_and_who_comes_later_begins_anew() {
        let (end, held) = mpsc::channel::<()>();
        let (held, begun) = (Arc::new(Mutex::new(held)), Arc::new(AtomicUsize::new(0)));
        let flight = Flight::default();
        let ask = || {
            let (held, begun) = (Arc::clone(&held), Arc::clone(&begun));
            flight.begin("lake", move || {
                let _until_told = held.lock().map(|held| held.recv());
                begun.fetch_add(1, Ordering::SeqCst) + 1
            })
        };
        let told: Vec<_> = (0..12).map(|_| ask()).collect();
        end.send(()).unwrap();
        for mut one in told {
            assert_eq!(*one.wait_for(Option::is_some).await.unwrap(), Some(1));
        }
        drop(end);
        assert_eq!(*ask().wait_for(Option::is_some).await.unwrap(), Some(2));
    }
}
