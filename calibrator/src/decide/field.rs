//! Rules for fields: added, removed, of another type or format, null, required.

use models::{Class, Classes, FieldPath, JsonType, Kind, Place, Step, View};
use serde_json::{Value, json};

use super::{Case, Counts, Decision, Difference, chance_of_fluke, confidence, float};
use crate::chance::{all_later, none_later};
use crate::diff::{FieldSuspect, described, is_textual, readings_of_text, view_at};
use crate::evidence::{FieldEvidence, ObjectEvidence, Span};
use crate::infer;
use crate::observe::full_path;

/// Witnesses of a field that was removed and is back.
///
/// # Source
///
/// INFERENCE §3, "Rollback".
const RETURN_UNITS_MIN: f64 = 2.0;
/// Presence, at least, of a field that came while the twin was calibrated and whose absence shows that it
/// was removed: rarer ones may be a canary's.
///
/// # Source
///
/// INFERENCE §3: rarer optional fields are never removed without a person.
const PRESENCE_MIN: f64 = 0.05;

/// What a field that became optional is taken to have of its presence, while nothing is known of it.
///
/// # Source
///
/// INFERENCE §3, "consecutive absences needed": at a half 7 to 14, in place of 3 of what was always there.
const OPTIONAL_PRESENCE: f64 = 0.5;
/// Presence of a field of which no more is known than that it was made optional.
///
/// # Source
///
/// INFERENCE §6: recall is asked for from a presence of a tenth on. Takes 66 units without it.
const RARELY_PRESENT: f64 = 0.1;
/// Share of the answers that may have a field and yet not all: one that is rolled out is there more often
/// by the hour, and a stretch without an absence is no promise.
///
/// # Source
///
/// INFERENCE §1 asks for 58 units without an absence (95 % sure that 95 % have it), and §3 for the same
/// before an optional field is required; at this share it is 66.
const ROLLED_OUT_SHARE: f64 = 0.9;

/// Decides on every suspect field.
pub(crate) fn fields(case: &Case<'_>, suspects: &[FieldSuspect]) -> Vec<Decision> {
    suspects
        .iter()
        .flat_map(|suspect| {
            Field::of(case, suspect).map(|field| field.decide()).unwrap_or_default()
        })
        .collect()
}

/// One suspect with its evidence at hand.
struct Field<'a> {
    case: &'a Case<'a>,
    place: &'a Place,
    path: FieldPath,
    key: &'a FieldPath,
    object: &'a FieldPath,
    known: bool,
    around: &'a ObjectEvidence,
    now: Option<&'a FieldEvidence>,
    /// The object as evidence of before has it, where it does.
    around_before: Option<&'a ObjectEvidence>,
    before: Option<&'a FieldEvidence>,
    /// As the window before this tail has them.
    around_head: Option<&'a ObjectEvidence>,
    head: Option<&'a FieldEvidence>,
}

impl<'a> Field<'a> {
    fn of(case: &'a Case<'a>, suspect: &'a FieldSuspect) -> Option<Self> {
        let around = case.now.places.get(&suspect.place)?.objects.get(&suspect.object)?;
        let around_before = case
            .before
            .and_then(|before| before.places.get(&suspect.place))
            .and_then(|place| place.objects.get(&suspect.object))
            .filter(|object| object.n > 0);
        let around_head = case
            .head
            .and_then(|head| head.places.get(&suspect.place))
            .and_then(|place| place.objects.get(&suspect.object));
        Some(Self {
            around_head,
            head: around_head.and_then(|object| object.fields.get(&suspect.key)),
            case,
            place: &suspect.place,
            path: full_path(&suspect.object, &suspect.key),
            key: &suspect.key,
            object: &suspect.object,
            known: suspect.known,
            around,
            now: around.fields.get(&suspect.key),
            around_before,
            before: around_before.and_then(|object| object.fields.get(&suspect.key)),
        })
    }

    fn decide(&self) -> Vec<Decision> {
        let Some(now) = self.now else { return self.removed().into_iter().collect() };
        if !self.known {
            return self.added(now).into_iter().collect();
        }
        let Some(view) = view_at(self.case.model, self.place, &self.path) else {
            return Vec::new();
        };
        let typed = self.type_changed(now, &view);
        if typed.as_ref().is_some_and(|decision| decision.settled) {
            return typed.into_iter().collect();
        }
        let others =
            [self.format_changed(now, &view), self.nullability(now, &view), self.requiredness(now)];
        typed.into_iter().chain(others.into_iter().flatten()).collect()
    }

    fn added(&self, now: &FieldEvidence) -> Option<Decision> {
        // Arrays' items and maps' values are no fields of their own.
        if !matches!(self.key.0.as_slice(), [Step::Field(_) | Step::Query(_)]) {
            return None;
        }
        let schema = infer::field(self.case.now.places.get(self.place)?, self.object, self.key)?;
        let after = serde_json::to_value(&schema).unwrap_or_default();
        let mut added = self.widened(Kind::FieldAdded, Value::Null, after, now.n, now.seen, now);
        // Evidence of before has it, from before it was removed.
        let units = (float(now.n) * now.weight).round();
        if self.case.memory.is_return(&added.finding) && units >= RETURN_UNITS_MIN {
            added.settled = true;
            added.finding.confidence = confidence(chance_of_fluke(units));
        }
        Some(added)
    }

    fn removed(&self) -> Option<Decision> {
        let schema = view_at(self.case.model, self.place, &self.path)?;
        if !matches!(self.key.0.as_slice(), [Step::Field(_) | Step::Query(_)]) {
            return None;
        }
        let of = self.around.n;
        let (chance, settled) = match (self.before, self.around_before) {
            (Some(field), Some(around)) => {
                let units = float(of) * self.object_weight();
                let chance = chance_unseen(around, field, units);
                let chance = self.case.chance_of_absence(chance, self.units_in_head(|head| head.n));
                let chance = chance.max(self.chance_of_optional(units));
                let caution = self.case.memory.caution_at(self.place, &self.path);
                let chance = (chance * caution).min(1.0);
                let (seen, bodies) = (float(field.n), float(around.n));
                let presence = at_least(seen * field.weight, bodies * field.weight);
                let is_rare = self.came_late() && presence < PRESENCE_MIN;
                (chance, chance < self.case.policy.unseen_max && !is_rare)
            }
            (_, None) if self.is_required() => {
                (chance_of_fluke(float(of)), of >= self.case.policy.absences_min)
            }
            // Never seen before either, or never promised: nothing is gone.
            _ => return None,
        };
        let span = self.case.now.places.get(self.place).map(|place| place.seen).unwrap_or_default();
        let counts = Counts {
            seen: of,
            of,
            units: float(of) * self.object_weight(),
            callers: 0,
            span,
            chance,
        };
        let types: Vec<_> = schema.types().into_iter().map(JsonType::name).collect();
        let difference = Difference {
            kind: Kind::FieldRemoved,
            place: self.place,
            path: self.path.clone(),
            before: json!({"types": types, "required": self.is_required(), "nullable": schema.nullable}),
            after: Value::Null,
        };
        Some(self.case.decide(difference, counts, settled))
    }

    /// The chance of as many absences in a row if the field was not removed but has become optional since
    /// the twin was compared last: of a field that was always there, three absences tell the one from
    /// the other no better than three tosses of a coin.
    fn chance_of_optional(&self, units: f64) -> f64 {
        if self.case.is_followed() { OPTIONAL_PRESENCE.powf(units) } else { 0.0 }
    }

    /// Sightings in the window before this tail, in units.
    fn units_in_head(&self, of: impl Fn(&FieldEvidence) -> u64) -> f64 {
        self.head.map_or(0.0, |head| float(of(head)) * self.before.map_or(1.0, |one| one.weight))
    }

    /// Whether it was seen for the first time while the twin was calibrated, so that it may be a trial.
    fn came_late(&self) -> bool {
        self.case.head.is_some() || self.case.memory.was_added(self.place, &self.path)
    }

    /// The weight of a body that lacks the field: that of the object's best known field.
    fn object_weight(&self) -> f64 {
        let weights = self.around.fields.values().map(|field| field.weight);
        weights.fold(f64::NAN, f64::max).min(1.0)
    }

    fn is_required(&self) -> bool {
        let Some(view) = described(self.case.model, self.place, self.object) else { return false };
        match self.key.0.as_slice() {
            [Step::Field(name)] => view.fields().get(name.as_str()).copied().unwrap_or(false),
            [Step::Query(name)] => view.query().any(|(known, required)| known == name && required),
            _ => false,
        }
    }

    fn type_changed(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let allowed = self.allowed(view);
        let extra: Classes = now
            .class_set()
            .without(Class::Null.mask())
            .iter()
            .filter(|class| {
                class.json_type().is_some_and(|json_type| !allowed.types().contains(&json_type))
            })
            .collect();
        let before = type_names(view.classes());
        if !extra.is_empty() {
            // The old types are gone if none of many bodies shows them any more.
            let old_seen = !now.class_set().types().is_disjoint(&allowed.types());
            if !old_seen && let Some(replaced) = self.replaced(now, view) {
                return Some(replaced);
            }
            let is_gone = !old_seen && now.n >= self.case.policy.absences_min;
            let kept = if is_gone { Classes::NONE } else { view.classes() };
            let after = type_names(kept.union(now.class_set()));
            return Some(self.widened(
                Kind::TypeChanged,
                before,
                after,
                self.shown(now, extra),
                now.when(extra),
                now,
            ));
        }
        self.type_gone(now, view)
    }

    /// Other types in place of all that the model has, where evidence of before could show those.
    fn replaced(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let before = self.before?;
        let of_model = view.types();
        let is_of_model =
            |class: &Class| class.json_type().is_some_and(|one| of_model.contains(&one));
        let old: Classes = before.class_set().iter().filter(is_of_model).collect();
        let (was, is) = (type_names(view.classes()), type_names(now.class_set()));
        let replaced = self.narrowed(
            Kind::TypeChanged,
            (was, is),
            (self.shown(before, old), before.n),
            self.units_in_head(|head| head.with(old)),
            now,
        );
        replaced.settled.then_some(replaced)
    }

    /// A type of several that evidence of before had and now has not.
    fn type_gone(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let before = self.before?;
        if view.types().len() < 2 {
            return None;
        }
        let types_now = now.class_set().types();
        // Whole numbers and others stand for each other: which of them came is luck.
        let numbers = [JsonType::Integer, JsonType::Number];
        let still_there = |json_type: JsonType| {
            types_now.contains(&json_type)
                || (numbers.contains(&json_type)
                    && numbers.iter().any(|one| types_now.contains(one)))
        };
        let gone: Classes = before
            .class_set()
            .iter()
            .filter(|class| class.json_type().is_some_and(|json_type| !still_there(json_type)))
            .collect();
        // Nulls alone tell of no type.
        if gone.is_empty() || types_now.is_empty() {
            return None;
        }
        let (before_types, after) = (type_names(view.classes()), type_names(now.class_set()));
        Some(self.narrowed(
            Kind::TypeChanged,
            (before_types, after),
            (self.shown(before, gone), before.n),
            self.units_in_head(|head| head.with(gone)),
            now,
        ))
    }

    fn format_changed(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let Some(format) = view.format().and_then(Class::of_format) else {
            return self.format_gained(now, view);
        };
        let extra: Classes = now
            .class_set()
            .without(self.allowed(view))
            .iter()
            .filter(|class| class.json_type() == Some(JsonType::String))
            .collect();
        if extra.is_empty() {
            return None;
        }
        let after = single_format(now.class_set());
        let name = view.format().map_or_else(|| json!(format.format()), |name| json!(name));
        Some(self.widened(
            Kind::FormatChanged,
            name,
            after,
            self.shown(now, extra),
            now.when(extra),
            now,
        ))
    }

    /// Free text that has become of one format.
    fn format_gained(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let before = self.before?;
        let after = single_format(now.class_set());
        if after.is_null()
            || !view.types().contains(&JsonType::String)
            || view.enumeration().is_some()
        {
            return None;
        }
        let others: Classes = before
            .class_set()
            .without(now.class_set())
            .iter()
            .filter(|class| class.json_type() == Some(JsonType::String))
            .collect();
        if others.is_empty() {
            return None;
        }
        Some(self.narrowed(
            Kind::FormatChanged,
            (Value::Null, after),
            (self.shown(before, others), before.n),
            self.units_in_head(|head| head.with(others)),
            now,
        ))
    }

    fn nullability(&self, now: &FieldEvidence, view: &View<'_>) -> Option<Decision> {
        let null = Class::Null.mask();
        let nulls = now.with(null);
        if nulls > 0 && !view.nullable && !view.says_nothing() {
            return Some(self.widened(
                Kind::NullabilityChanged,
                json!(false),
                json!(true),
                nulls,
                now.when(null),
                now,
            ));
        }
        let before = self.before?;
        let nulls_before = before.with(null);
        if nulls > 0 || nulls_before == 0 || !view.nullable {
            return None;
        }
        Some(self.narrowed(
            Kind::NullabilityChanged,
            (json!(true), json!(false)),
            (nulls_before, before.n),
            self.units_in_head(|head| head.with(null)),
            now,
        ))
    }

    fn requiredness(&self, now: &FieldEvidence) -> Option<Decision> {
        if !matches!(self.key.0.as_slice(), [Step::Field(_) | Step::Query(_)]) {
            return None;
        }
        let absent = self.around.absent(now);
        if self.is_required() && absent > 0 {
            let span =
                self.case.now.places.get(self.place).map(|place| place.seen).unwrap_or_default();
            return Some(self.widened(
                Kind::RequirednessChanged,
                json!(true),
                json!(false),
                absent,
                span,
                now,
            ));
        }
        let (before, around) = (self.before?, self.around_before?);
        let absent_before = around.absent(before);
        if absent > 0 || absent_before == 0 || self.is_required() {
            return None;
        }
        let absent_in_head = self.around_head.map_or(0, |around| match self.head {
            Some(head) => around.absent(head),
            None => around.n,
        });
        Some(self.narrowed(
            Kind::RequirednessChanged,
            (json!(false), json!(true)),
            (absent_before, around.presence(before).1),
            float(absent_in_head) * before.weight,
            now,
        ))
    }

    /// Something new: proved by one sighting against the model's word, by more against evidence in
    /// which it could have been seen.
    fn widened(
        &self,
        kind: Kind,
        before: Value,
        after: Value,
        seen: u64,
        span: Span,
        now: &FieldEvidence,
    ) -> Decision {
        let units = float(seen) * now.weight;
        let of = float(self.around.n) * now.weight;
        let (chance, settled) = match self.around_before {
            Some(around) => {
                let weight = self.before.map_or(now.weight, |field| field.weight);
                let chance = all_later(units, float(around.n) * weight, of);
                (chance, chance < self.case.policy.luck_max)
            }
            None => (chance_of_fluke(units), true),
        };
        let counts = Counts { seen, of: self.around.n, units, callers: now.callers, span, chance };
        let difference =
            Difference { kind, place: self.place, path: self.path.clone(), before, after };
        self.case.decide(difference, counts, settled)
    }

    /// Something that evidence of before shows (so often, of so many) and this does not; `in_head` are
    /// its sightings in the window before this tail, in units.
    fn narrowed(
        &self,
        kind: Kind,
        (before, after): (Value, Value),
        (seen_before, of_before): (u64, u64),
        in_head: f64,
        now: &FieldEvidence,
    ) -> Decision {
        let weight_before = self.before.map_or(1.0, |field| field.weight);
        let of = if kind == Kind::RequirednessChanged { self.around.n } else { now.n };
        let units = float(of) * now.weight;
        let chance =
            none_later(float(seen_before) * weight_before, float(of_before) * weight_before, units);
        let mut chance = self.case.chance_of_absence(chance, in_head);
        if kind == Kind::RequirednessChanged && self.case.is_followed() {
            chance = chance.max(ROLLED_OUT_SHARE.powf(units));
        }
        let counts = Counts { seen: of, of, units, callers: now.callers, span: now.seen, chance };
        let difference =
            Difference { kind, place: self.place, path: self.path.clone(), before, after };
        self.case.decide(difference, counts, chance < self.case.policy.unseen_max)
    }

    /// Bodies that are sure to show one of these classes. Those of a list may show several each, so that
    /// only the most frequent class counts.
    fn shown(&self, field: &FieldEvidence, classes: Classes) -> u64 {
        if self.path.0.iter().any(|step| matches!(step, Step::Items | Step::Values)) {
            classes.iter().map(|class| field.with(class.mask())).max().unwrap_or(0)
        } else {
            field.with(classes)
        }
    }

    /// The classes the model allows here, with what parameters' texts may read as.
    fn allowed(&self, view: &View<'_>) -> Classes {
        let mut classes = view.classes();
        if !is_textual(self.place, self.key, self.case.model) {
            return classes;
        }
        // A form writes an array of one as a plain value.
        if let Some(items) = view.step(&Step::Items).filter(|_| classes.contains(Class::Array)) {
            classes = classes.union(items.classes());
        }
        if classes.types().contains(&JsonType::String) {
            classes.union(readings_of_text())
        } else {
            classes
        }
    }
}

/// The chance to see nothing in so many units of a field that is as it was; where it was made optional and
/// not seen since, of one that is rarely there.
fn chance_unseen(around: &ObjectEvidence, field: &FieldEvidence, units: f64) -> f64 {
    let (seen, bodies) = around.presence(field);
    let (seen_units, of_units) = (float(seen) * field.weight, float(bodies) * field.weight);
    if seen == 0 && field.silent.of > 0 {
        return (1.0 - RARELY_PRESENT).powf(of_units + units);
    }
    none_later(seen_units, of_units, units)
}

/// The lower end of a share, at 95 %.
///
/// # Source
///
/// Wilson 1927.
fn at_least(seen: f64, of: f64) -> f64 {
    const Z: f64 = 1.645;
    if of <= 0.0 {
        return 0.0;
    }
    let share = seen / of;
    let centre = share + Z * Z / (2.0 * of);
    let spread = Z * (share * (1.0 - share) / of + Z * Z / (4.0 * of * of)).max(0.0).sqrt();
    (centre - spread) / (1.0 + Z * Z / of)
}

/// Types by name, sorted; `integer` is part of `number`.
fn type_names(classes: Classes) -> Value {
    let mut types = classes.types();
    if types.contains(&JsonType::Number) {
        types.remove(&JsonType::Integer);
    }
    json!(types.into_iter().map(JsonType::name).collect::<Vec<_>>())
}

/// The format's name where all strings are of one format.
fn single_format(classes: Classes) -> Value {
    let mut texts = classes.iter().filter(|class| class.json_type() == Some(JsonType::String));
    match (texts.next(), texts.next()) {
        (Some(one), None) => json!(one.format()),
        _ => Value::Null,
    }
}
