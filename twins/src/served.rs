//! The model in service, and the one way another takes its place.

use std::ops::Deref;
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use chrono::{DateTime, Utc};
use models::{ApplyError, Calibration, Digest, Model};

use crate::program::Program;

/// A model in service. A request reads one from beginning to end.
#[derive(Debug)]
pub struct Served {
    /// Of the model.
    pub digest: Digest,
    /// The calibration that made it; 0 where none did.
    pub calibration: u64,
    /// When it was taken into service, wall clock.
    pub loaded_at: DateTime<Utc>,
    /// The model, compiled.
    pub(crate) program: Program,
    /// Counts the models a twin has had in service, so that what was rendered with one is never
    /// taken for another's.
    pub(crate) load: u64,
}

/// Where a twin finds the model in service.
#[derive(Debug)]
pub(crate) enum Source {
    /// One model for ever: there is nothing here that could be swapped.
    Frozen(Arc<Served>),
    Live(Arc<Live>),
}

/// What a twin and its [`Reloader`] share.
#[derive(Debug)]
pub(crate) struct Live {
    served: ArcSwap<Served>,
    refused: Mutex<Option<Refused>>,
}

/// A calibration that was not taken into service, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Refused {
    /// Its number, where it even says one.
    pub number: Option<u64>,
    /// What is wrong with it.
    pub reason: String,
}

/// The model a request has in its hands.
pub(crate) enum Loaded<'s> {
    Frozen(&'s Served),
    Live(arc_swap::Guard<Arc<Served>>),
}

/// Takes calibrations into service, one after another.
///
/// There is one for a twin that follows its ledger and none for a frozen one: [`Source::Frozen`]
/// holds nothing that a reloader could be made of.
#[derive(Debug)]
pub struct Reloader {
    live: Arc<Live>,
}

impl Served {
    /// Compiles a model for service.
    pub(crate) fn new(model: Model, calibration: u64, load: u64) -> Self {
        let digest = Digest::of(&model);
        let program = Program::compile(Arc::new(model));
        Self { digest, calibration, loaded_at: Utc::now(), program, load }
    }
}

impl Source {
    /// A model that stays.
    pub(crate) fn frozen(model: Model) -> Self {
        Self::Frozen(Arc::new(Served::new(model, 0, 0)))
    }

    /// A model that calibrations will follow, and what takes them into service.
    pub(crate) fn live(model: Model, calibration: u64) -> (Self, Reloader) {
        let served = ArcSwap::from_pointee(Served::new(model, calibration, 0));
        let live = Arc::new(Live { served, refused: Mutex::new(None) });
        (Self::Live(Arc::clone(&live)), Reloader { live })
    }

    pub(crate) fn load(&self) -> Loaded<'_> {
        match self {
            Self::Frozen(served) => Loaded::Frozen(served),
            Self::Live(live) => Loaded::Live(live.served.load()),
        }
    }

    pub(crate) fn refused(&self) -> Option<Refused> {
        match self {
            Self::Frozen(_) => None,
            Self::Live(live) => live.refused.lock().unwrap_or_else(PoisonError::into_inner).clone(),
        }
    }
}

impl Deref for Loaded<'_> {
    type Target = Served;

    fn deref(&self) -> &Served {
        match self {
            Self::Frozen(served) => served,
            Self::Live(served) => served,
        }
    }
}

impl Reloader {
    /// Swaps in the calibrated model.
    ///
    /// It is compiled beside the present one, which goes on serving the while; requests under way
    /// end with the model they began with.
    ///
    /// # Errors
    ///
    /// As [`Model::apply`]; the twin then goes on serving the present model, and its status says
    /// why.
    pub fn reload(&mut self, calibration: &Calibration) -> Result<Digest, ApplyError> {
        let present = self.live.served.load_full();
        match present.program.model.apply(calibration) {
            Ok(model) => {
                let next = Served::new(model, calibration.number, present.load + 1);
                let digest = next.digest.clone();
                self.live.served.store(Arc::new(next));
                self.say(None);
                Ok(digest)
            }
            Err(error) => {
                let reason = chain(&error);
                self.refuse(Refused { number: Some(calibration.number), reason });
                Err(error)
            }
        }
    }

    /// Has the status say that a calibration was refused; nothing else changes.
    pub fn refuse(&mut self, refused: Refused) {
        self.say(Some(refused));
    }

    fn say(&mut self, refused: Option<Refused>) {
        *self.live.refused.lock().unwrap_or_else(PoisonError::into_inner) = refused;
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
