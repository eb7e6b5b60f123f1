//! The model in service, and the one way another takes its place.

use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use arc_swap::{ArcSwap, ArcSwapOption};
use chrono::{DateTime, Utc};
use models::{ApplyError, Calibration, Digest, Model};

use crate::program::Program;

/// A model in service. A request reads one from beginning to end.
#[derive(Debug)]
pub struct Served {
    /// Of the model, worked out when first asked for.
    digest: OnceLock<Digest>,
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
    /// What a part of the callers is served instead.
    trial: ArcSwapOption<Trial>,
    refused: Mutex<Option<Refused>>,
}

/// A model that a part of the callers is served: a canary.
#[derive(Debug)]
pub(crate) struct Trial {
    /// The part, in basis points.
    pub(crate) share_bp: u32,
    pub(crate) served: Served,
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
    Trial(Arc<Trial>),
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
        let program = Program::compile(Arc::new(model));
        Self { digest: OnceLock::new(), calibration, loaded_at: Utc::now(), program, load }
    }
}

impl Served {
    /// The model's digest.
    pub fn digest(&self) -> &Digest {
        self.digest.get_or_init(|| Digest::of(&self.program.model))
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
        let trial = ArcSwapOption::empty();
        let live = Arc::new(Live { served, trial, refused: Mutex::new(None) });
        (Self::Live(Arc::clone(&live)), Reloader { live })
    }

    pub(crate) fn load(&self) -> Loaded<'_> {
        match self {
            Self::Frozen(served) => Loaded::Frozen(served),
            Self::Live(live) => Loaded::Live(live.served.load()),
        }
    }

    /// As [`Source::load`], for a caller who may be one of those that a canary is tried on; `ticket` is
    /// asked for where there is one, and is the same for all requests of a caller.
    pub(crate) fn load_for(&self, ticket: impl FnOnce() -> u32) -> Loaded<'_> {
        if let Some(trial) = self.trial()
            && ticket() < trial.share_bp
        {
            return Loaded::Trial(trial);
        }
        self.load()
    }

    /// The canary, if there is one.
    pub(crate) fn trial(&self) -> Option<Arc<Trial>> {
        match self {
            Self::Frozen(_) => None,
            Self::Live(live) => live.trial.load_full(),
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
            Self::Trial(trial) => &trial.served,
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
                let digest = next.digest().clone();
                self.live.served.store(Arc::new(next));
                // A canary was made for the model before.
                self.live.trial.store(None);
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

    /// Serves a calibration of the present model to a part of the callers, in basis points.
    ///
    /// # Errors
    ///
    /// As [`Model::apply`]; all callers are then served the present model, and the status says why.
    pub fn try_out(
        &mut self,
        calibration: &Calibration,
        share_bp: u32,
    ) -> Result<Digest, ApplyError> {
        let present = self.live.served.load_full();
        match present.program.model.apply(calibration) {
            Ok(model) => {
                // Numbers of loads tell renderings apart: a trial's is one no model in service has.
                let load = u64::MAX - calibration.number;
                let served = Served::new(model, calibration.number, load);
                let digest = served.digest().clone();
                self.live.trial.store(Some(Arc::new(Trial { share_bp, served })));
                Ok(digest)
            }
            Err(error) => {
                self.live.trial.store(None);
                let reason = chain(&error);
                self.refuse(Refused { number: Some(calibration.number), reason });
                Err(error)
            }
        }
    }

    /// Serves all callers the present model again.
    pub fn end_trial(&mut self) {
        self.live.trial.store(None);
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
