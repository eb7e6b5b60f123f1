//! One item, whichever of its routes shows it.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::action::{Shown, shown};
use crate::program::Program;
use crate::project::{Projector, Spot};
use crate::shape::{EntityId, Field, Record};

/// All that the routes of a collection show of its items between them.
///
/// Each route has a schema of its own, a summary in a list and more where one item is read, or what traffic happened
/// to show on it. What nobody wrote is made up of this one, so that it is the same on each of them.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) record: Record,
    /// Whose example says what is in an item beside what was written.
    pub(crate) entity: Option<EntityId>,
}

impl Whole {
    /// What the items are that a route shows; `None` where all routes show them alike, or where they are of several
    /// forms.
    pub(crate) fn of(program: &Program, number: usize) -> Option<Self> {
        let target = program.action(number).target.as_ref()?;
        let collection = program.plan.collection(&target.home.pattern())?;
        let by = |routes: &BTreeMap<Box<str>, usize>| {
            ["GET", "PATCH", "PUT", "POST"].map(|method| routes.get(method).copied())
        };
        let routes = by(&collection.items).into_iter().chain(by(&collection.own)).flatten();
        let all: Vec<Shown<'_>> =
            routes.filter_map(|route| shown(program, route, target.home.noun())).collect();
        let (first, others) = all.split_first()?;
        let is_alike = |other: &Shown<'_>| first.entity.is_some() && other.entity == first.entity;
        if !all.iter().all(|one| one.is_only_form) || others.iter().all(is_alike) {
            return None;
        }
        let mut record = first.record.clone();
        for other in others {
            add(&mut record, other.record);
        }
        Some(Self { record, entity: first.entity })
    }

    /// An item's fields, with those made up that nobody wrote.
    pub(crate) fn filled(
        &self,
        projector: &Projector<'_>,
        fields: &Map<String, Value>,
        spot: Spot<'_>,
    ) -> Map<String, Value> {
        let mut filled = projector.fields(&self.record, self.entity, fields, spot);
        filled.extend(fields.iter().map(|(name, value)| (name.clone(), value.clone())));
        filled
    }
}

/// Adds what another route shows: a field is always there where it is so on one of them, and null where it may be on
/// all.
fn add(record: &mut Record, other: &Record) {
    for field in &other.fields {
        match record.fields.binary_search_by(|own| own.name.cmp(&field.name)) {
            Ok(at) => {
                let own: &mut Field = &mut record.fields[at];
                own.required |= field.required;
                own.node.nullable &= field.node.nullable;
            }
            Err(at) => record.fields.insert(at, field.clone()),
        }
    }
}
