//! Rendering: what is stored, seen through the present model, and made up where nothing is stored.

use std::borrow::Cow;
use std::cell::Cell;
use std::cmp::Ordering;
use std::iter::Peekable;

use serde_json::map::{self, Map};
use serde_json::{Number, Value};

use crate::action::letters;
use crate::dice::{BASE62, Dice};
use crate::format::{past, read_time};
use crate::id;
use crate::shape::{ENDLESS, EntityId, Form, Leaf, Leaves, Node, Record, Shapes};
use crate::shown::Shown;
use crate::words;

/// Objects within objects beyond which only what is required is made up, in its shortest form.
const DEEP: u32 = 2;
/// Objects within objects beyond which nothing is; reached by entities that must hold themselves.
const DEEPEST: u32 = 24;
/// Optional fields made up in one answer.
const OPTIONAL_MAX: u32 = 2_000;

/// Renders values through the shapes of one model.
pub(crate) struct Projector<'p> {
    shapes: &'p Shapes,
    /// What an error says, where the answer is one.
    error: Option<&'p ErrorText<'p>>,
    /// Whether what is not known is as in the model's examples, and not just empty.
    made_up: bool,
    /// Whether a stored value of a type that is allowed stands though the model, made of traffic, knows
    /// other values.
    keeps: bool,
    /// The path of the item that is rendered, for the lists in it.
    place: Option<&'p str>,
    optional_left: Cell<u32>,
}

/// What an error answer says in the vendor's fields.
#[derive(Debug)]
pub(crate) struct ErrorText<'t> {
    pub(crate) status: u16,
    /// `not_found`.
    pub(crate) code: &'t str,
    /// Words for it that a closed set of codes may hold, the best first.
    pub(crate) hints: &'static [&'static str],
    pub(crate) message: String,
    /// The parameter that is wrong, where it is one.
    pub(crate) parameter: Option<&'t str>,
}

/// Where in an answer a value stands.
#[derive(Clone, Copy)]
pub(crate) struct Spot<'n> {
    name: &'n str,
    /// Of the value it stands in.
    around: Dice,
    step: Step,
    depth: u32,
}

/// The way from a value to one in it. What is stored needs no dice, so they are thrown where something is made up.
#[derive(Clone, Copy)]
enum Step {
    Root,
    /// The one of the spot's name.
    Field,
    Item(usize),
}

/// What is known of an object.
#[derive(Clone, Copy, Default)]
struct Known<'k> {
    /// What stands whatever was written.
    fixed: &'k [(&'k str, &'k Value)],
    /// The field that names the alternative it is, which stands too.
    tag: Option<(&'k str, &'k Value)>,
    /// What was written of it.
    stored: Option<&'k Map<String, Value>>,
    /// What there is where nothing was written.
    base: Option<&'k Map<String, Value>>,
}

impl<'k> Known<'k> {
    /// What stands whatever was written.
    fn fixed(&self, name: &str) -> Option<&'k Value> {
        let mut fixed = self.fixed.iter().chain(&self.tag);
        fixed.find(|(fixed, _)| *fixed == name).map(|(_, value)| *value)
    }
}

/// Fields of an object, asked for in the order of their names.
struct InOrder<'f>(Option<Peekable<map::Iter<'f>>>);

impl<'f> InOrder<'f> {
    fn of(fields: Option<&'f Map<String, Value>>) -> Self {
        Self(fields.map(|fields| fields.iter().peekable()))
    }

    /// The field of a name that is behind all that were asked for before.
    fn get(&mut self, name: &str) -> Option<&'f Value> {
        let fields = self.0.as_mut()?;
        loop {
            match (**fields.peek()?.0).cmp(name) {
                Ordering::Less => drop(fields.next()),
                Ordering::Equal => return fields.next().map(|(_, value)| value),
                Ordering::Greater => return None,
            }
        }
    }
}

impl<'n> Spot<'n> {
    /// The root of an answer.
    pub(crate) const fn root(dice: Dice) -> Self {
        Self { name: "", around: dice, step: Step::Root, depth: 0 }
    }

    /// A field of the root's object.
    pub(crate) fn field(self, name: &'n str) -> Self {
        Self { name, around: self.dice(), step: Step::Field, depth: self.depth + 1 }
    }

    fn item(self, index: usize) -> Self {
        Self { around: self.dice(), step: Step::Item(index), depth: self.depth + 1, ..self }
    }

    /// The same with its dice thrown, for what has many values in it.
    fn thrown(self) -> Self {
        Self { around: self.dice(), step: Step::Root, ..self }
    }

    fn dice(self) -> Dice {
        match self.step {
            Step::Root => self.around,
            Step::Field => self.around.at(self.name),
            Step::Item(index) => self.around.nth(index as u64),
        }
    }
}

/// A projector's `'p` outlives all that it borrows (`'s`): what is shown is not the projector's.
impl<'p> Projector<'p> {
    pub(crate) const fn new(shapes: &'p Shapes) -> Self {
        let optional_left = Cell::new(OPTIONAL_MAX);
        Self {
            shapes,
            error: None,
            made_up: false,
            keeps: !shapes.is_described(),
            place: None,
            optional_left,
        }
    }

    /// Has what is stored be a value that the model knows, or another one be made.
    pub(crate) const fn by_the_model(self) -> Self {
        Self { keeps: false, ..self }
    }

    /// Has what is not known be as in the model's examples.
    pub(crate) const fn making_up(self, made_up: bool) -> Self {
        Self { made_up, ..self }
    }

    /// Says which path the item has, for the addresses of the lists in it.
    pub(crate) const fn at(self, place: &'p str) -> Self {
        Self { place: Some(place), ..self }
    }

    /// Renders an error.
    pub(crate) const fn of_error(shapes: &'p Shapes, error: &'p ErrorText<'p>) -> Self {
        Self { error: Some(error), ..Self::new(shapes).by_the_model() }
    }

    /// A value the node allows: the stored one where it fits or can be made to, else a new one.
    pub(crate) fn project<'s>(
        &self,
        node: &'s Node,
        stored: Option<&'s Value>,
        spot: Spot<'_>,
    ) -> Shown<'s>
    where
        'p: 's,
    {
        self.project_over(node, stored, None, spot)
    }

    /// As [`Projector::project`], with what there is where nothing is stored.
    fn project_over<'s>(
        &self,
        node: &'s Node,
        stored: Option<&'s Value>,
        base: Option<&'s Value>,
        spot: Spot<'_>,
    ) -> Shown<'s>
    where
        'p: 's,
    {
        if node.says_nothing() {
            return stored.or(base).map_or(Shown::NULL, Shown::Stored);
        }
        let leaves = self.shapes.leaves(node);
        let below = base.and_then(Value::as_object);
        stored
            .and_then(|value| self.fit(&leaves, value, below, spot))
            .or_else(|| self.fit_base(&leaves, base?, spot))
            .unwrap_or_else(|| self.make(&leaves, spot))
    }

    /// As [`Projector::project`] for an object, with fields that stand whatever is stored.
    pub(crate) fn project_with<'s>(
        &self,
        node: &'s Node,
        stored: Option<&'s Map<String, Value>>,
        fixed: &'s [(&'s str, &'s Value)],
        spot: Spot<'_>,
    ) -> Shown<'s>
    where
        'p: 's,
    {
        let leaves = self.shapes.leaves(node);
        let empty = Map::new();
        match record_for(&leaves, stored.unwrap_or(&empty)) {
            Some((record, leaf)) => {
                self.record(record, Known { fixed, stored, ..self.nothing(leaf) }, spot)
            }
            None => self.project(node, None, spot),
        }
    }

    /// The fields of an object of a record, which may be an entity's.
    pub(crate) fn fields(
        &self,
        record: &Record,
        entity: Option<EntityId>,
        stored: &Map<String, Value>,
        spot: Spot<'_>,
    ) -> Map<String, Value> {
        let base = self.base(entity);
        let known = Known { stored: Some(stored), base, ..Known::default() };
        match self.record(record, known, spot).into_value() {
            Value::Object(fields) => fields,
            _ => Map::new(),
        }
    }

    // What is stored

    fn fit<'s>(
        &self,
        leaves: &Leaves<'s>,
        value: &'s Value,
        base: Option<&'s Map<String, Value>>,
        spot: Spot<'_>,
    ) -> Option<Shown<'s>>
    where
        'p: 's,
    {
        if spot.depth > DEEPEST {
            return None;
        }
        match value {
            Value::Null => leaves.nullable.then_some(Shown::NULL),
            Value::Object(map) if leaves.leaves.iter().any(Leaf::is_object) => {
                let (record, leaf) = record_for(leaves, map)?;
                let base = base.or_else(|| self.base(leaf.entity));
                let known = Known { tag: leaf.tag, stored: Some(map), base, ..Known::default() };
                Some(self.record(record, known, spot))
            }
            _ => {
                let mut forms = leaves.leaves.iter();
                let as_it_is = forms.clone().find_map(|leaf| self.keep(leaf.form, value, spot));
                as_it_is.or_else(|| forms.find_map(|leaf| self.convert(leaf, value, spot))).or_else(
                    || (self.keeps && has_type(leaves, value)).then_some(Shown::Stored(value)),
                )
            }
        }
    }

    /// What there is where nothing is stored; the addresses in it are those of another object.
    fn fit_base<'s>(
        &self,
        leaves: &Leaves<'s>,
        base: &'s Value,
        spot: Spot<'_>,
    ) -> Option<Shown<'s>>
    where
        'p: 's,
    {
        let Some((map, (record, leaf))) =
            base.as_object().and_then(|map| Some((map, record_for(leaves, map)?)))
        else {
            return self.fit(leaves, base, None, spot);
        };
        (spot.depth <= DEEPEST).then(|| {
            let known = Known { tag: leaf.tag, base: Some(map), ..Known::default() };
            self.record(record, known, spot)
        })
    }

    /// The value as it is, where the form allows it.
    fn keep<'s>(&self, form: &'s Form, value: &'s Value, spot: Spot<'_>) -> Option<Shown<'s>>
    where
        'p: 's,
    {
        if let (Form::Array(Some(items)), Value::Array(stored)) = (form, value) {
            let spot = spot.thrown();
            let fitted = stored
                .iter()
                .enumerate()
                .map(|(index, item)| self.project(items, Some(item), spot.item(index)));
            return Some(Shown::List(fitted.collect()));
        }
        let allowed = !matches!(form, Form::Object(_)) && form.admits(value);
        allowed.then_some(Shown::Stored(value))
    }

    /// The value turned into the form, where it can be without inventing anything.
    fn convert<'s>(&self, leaf: &Leaf<'s>, value: &Value, spot: Spot<'_>) -> Option<Shown<'s>>
    where
        'p: 's,
    {
        let converted = match (leaf.form, value) {
            (Form::Boolean(_), Value::String(text)) => Value::Bool(text.parse().ok()?),
            (Form::Integer { .. }, Value::Number(number)) => whole(number)?,
            (Form::Integer { .. }, Value::String(text)) => match text.parse::<i64>() {
                Ok(integer) => integer.into(),
                Err(_) => read_time(text)?.timestamp().into(),
            },
            (Form::Number(_), Value::String(text)) => match text.parse() {
                Ok(float) => Value::Number(Number::from_f64(float)?),
                Err(_) => read_time(text)?.timestamp().into(),
            },
            (Form::Text { format: Some(format), .. }, Value::Number(seconds)) => {
                let time = chrono::DateTime::from_timestamp(seconds.as_i64()?, 0)?;
                Value::String(format.write_time(time)?)
            }
            (Form::Text { format: Some(format), .. }, Value::String(text)) => {
                Value::String(format.write_time(read_time(text)?)?)
            }
            (Form::Text { format: None, .. }, Value::Number(_) | Value::Bool(_)) => {
                Value::String(value.to_string())
            }
            // A reference where there was the whole object.
            (Form::Text { .. }, Value::Object(map)) => map.get("id")?.clone(),
            (Form::Array(_), Value::String(_) | Value::Number(_) | Value::Bool(_)) => {
                Value::Array(vec![value.clone()])
            }
            (Form::Object(record), _) => return self.as_object(record, leaf, value, spot),
            _ => return None,
        };
        Some(Shown::Made(self.keep(leaf.form, &converted, spot)?.into_value()))
    }

    /// The whole object where there was a reference, or a list's envelope around its items.
    fn as_object<'s>(
        &self,
        record: &Record,
        leaf: &Leaf<'_>,
        value: &Value,
        spot: Spot<'_>,
    ) -> Option<Shown<'s>> {
        let name = match value {
            Value::String(_) => "id",
            Value::Array(_) => "data",
            _ => return None,
        };
        record.field(name)?;
        let stored = Map::from_iter([(name.to_owned(), value.clone())]);
        let known = Known { stored: Some(&stored), ..self.nothing(*leaf) };
        Some(Shown::Made(self.record(record, known, spot).into_value()))
    }

    fn record<'s>(&self, record: &'s Record, known: Known<'s>, spot: Spot<'_>) -> Shown<'s>
    where
        'p: 's,
    {
        let Known { stored, base, .. } = known;
        if record.is_opaque() {
            let known = stored.or(base).into_iter().flatten();
            let fields = known.map(|(name, value)| (Cow::from(name), Shown::Stored(value)));
            return Shown::Object(fields.collect());
        }
        let spot = spot.thrown();
        // What was written of an inner object is all there is of it.
        let is_written = stored.is_some() && base.is_none() && spot.depth > 0;
        let is_whole = is_written && !self.made_up && self.error.is_none();
        let mut object = Vec::with_capacity(record.fields.len());
        let (mut written, mut example) = (InOrder::of(stored), InOrder::of(base));
        for field in &record.fields {
            let name = &*field.name;
            let (wrote, below) = (written.get(name), example.get(name));
            let given = known.fixed(name).or(wrote);
            if is_whole && given.is_none() {
                if self.shapes.leaves(&field.node).nullable {
                    object.push((Cow::from(name), Shown::NULL));
                    continue;
                } else if !field.required {
                    continue;
                }
            }
            let there = given.is_some() || below.is_some() || field.required;
            // Where there is an example, it says what is there and what is not.
            if !there && (base.is_some() || !self.wants(&field.node, name, spot)) {
                continue;
            }
            let value = match self.address(record, name, given, spot) {
                Some(address) => Shown::Made(address),
                None => self.project_over(&field.node, given, below, spot.field(name)),
            };
            object.push((Cow::from(name), value));
        }
        if let Some(values) = &record.values {
            self.entries(values, record, stored.or(base), &mut object, spot);
            return Shown::object(object);
        }
        Shown::Object(object)
    }

    /// Where the rest of a list within an item is to be found.
    fn address(
        &self,
        record: &Record,
        name: &str,
        given: Option<&Value>,
        spot: Spot<'_>,
    ) -> Option<Value> {
        let place = self.place.filter(|_| name == "url" && given.is_none() && spot.depth > 0)?;
        let is_list = record.field("data").is_some() && record.field("has_more").is_some();
        is_list.then(|| format!("{place}/{}", spot.name).into())
    }

    /// What is known of an object of which nothing was written.
    fn nothing<'s>(&self, leaf: Leaf<'s>) -> Known<'s>
    where
        'p: 's,
    {
        Known { tag: leaf.tag, base: self.base(leaf.entity), ..Known::default() }
    }

    /// What there is in an object of an entity beside what is known of it.
    fn base(&self, entity: Option<EntityId>) -> Option<&'p Map<String, Value>> {
        let base = self.shapes.base(entity.filter(|_| self.error.is_none())?)?;
        Some(if self.made_up { &base.example } else { &base.blank })
    }

    /// The keys of a map that are data.
    fn entries<'s>(
        &self,
        values: &'s Node,
        record: &Record,
        stored: Option<&'s Map<String, Value>>,
        object: &mut Vec<(Cow<'s, str>, Shown<'s>)>,
        spot: Spot<'_>,
    ) where
        'p: 's,
    {
        let Some(stored) = stored else {
            // What applications file away under keys of their own starts empty.
            if spot.depth <= DEEP && !matches!(spot.name, "metadata" | "") {
                let spot = spot.field("key");
                let (name, value) =
                    (words::string("slug", spot.dice()), self.project(values, None, spot));
                object.retain(|(own, _)| *own != name);
                object.push((name.into(), value));
            }
            return;
        };
        for (key, value) in stored.iter().filter(|(key, _)| record.field(key).is_none()) {
            object.push((key.into(), self.project(values, Some(value), spot.field(key))));
        }
    }

    // What is made up

    /// Whether an optional field of which nothing is stored is there.
    fn wants(&self, node: &Node, name: &str, spot: Spot<'_>) -> bool {
        if let Some(error) = self.error {
            return told_by(name) || (names_parameter(name) && error.parameter.is_some());
        }
        let height = node.forms.iter().map(|form| self.shapes.height(form)).min().unwrap_or(0);
        let percent = match (height, spot.depth) {
            (ENDLESS, _) | (1.., DEEP..) => 0,
            (0, 0..=DEEP) => 85,
            (0, _) => 40,
            (_, 0) => 60,
            (_, _) => 30,
        };
        let wanted = spot.dice().at(name).at("there?").within_percent(percent);
        let left = self.optional_left.get();
        self.optional_left.set(left.saturating_sub(u32::from(wanted)));
        wanted && left > 0
    }

    fn make<'s>(&self, leaves: &Leaves<'s>, spot: Spot<'_>) -> Shown<'s>
    where
        'p: 's,
    {
        let Some(leaf) = self.choose(leaves, spot) else { return Shown::NULL };
        let height = self.shapes.height(leaf.form);
        let null = leaves.nullable
            && spot.depth > 0
            && !matches!(spot.name, "metadata")
            && ((height > 0 && spot.depth >= DEEP) || spot.dice().at("null?").within_percent(15));
        if spot.depth > DEEPEST || (null && self.error.is_none()) {
            return Shown::NULL;
        }
        Shown::Made(match leaf.form {
            Form::Boolean(only) => {
                Value::Bool(only.unwrap_or_else(|| spot.dice().within_percent(50)))
            }
            Form::Integer { values, unix_time } => self.integer(leaf, values, *unix_time, spot),
            Form::Number(values) => match (spot.dice().pick(values), leaf.bounds) {
                (Some(number), _) => Value::Number(number.clone()),
                (None, None) => words::number(spot.name, spot.dice()).into(),
                (None, Some(bounds)) => {
                    let dice = spot.dice();
                    bounds.number(words::number(spot.name, dice), dice).into()
                }
            },
            Form::Text { values, format } => match (spot.dice().pick(values), format) {
                (Some(_), _) => self.one_of(values, spot),
                (None, Some(format)) => format.make(spot.dice()).into(),
                (None, None) => {
                    let text = self.reference(leaves, spot).unwrap_or_else(|| self.text(spot));
                    match leaf.bounds {
                        Some(bounds) => bounds.text(text, spot.dice()),
                        None => text,
                    }
                    .into()
                }
            },
            Form::Array(None) => Value::Array(Vec::new()),
            Form::Array(Some(items)) => return self.items(leaf, items, spot),
            Form::Object(record) => return self.record(record, self.nothing(leaf), spot),
            Form::Entity(_) | Form::Alternative(..) => Value::Null,
        })
    }

    /// The form to make: a scalar where one is allowed, else by the dice; deep down the shortest.
    fn choose<'n>(&self, leaves: &Leaves<'n>, spot: Spot<'_>) -> Option<Leaf<'n>> {
        let height = |leaf: &&Leaf<'n>| self.shapes.height(leaf.form);
        let shortest = leaves.leaves.iter().min_by_key(height)?;
        if leaves.leaves.len() == 1 || height(&shortest) == 0 || spot.depth >= DEEP {
            return Some(*shortest);
        }
        let finite: Vec<_> = leaves.leaves.iter().filter(|leaf| height(leaf) < ENDLESS).collect();
        spot.dice().at("which?").pick(&finite).map(|leaf| **leaf).or(Some(*shortest))
    }

    fn items<'s>(&self, leaf: Leaf<'s>, items: &'s Node, spot: Spot<'_>) -> Shown<'s>
    where
        'p: 's,
    {
        let flat = items.forms.iter().any(|form| self.shapes.height(form) == 0);
        let count = match (flat, spot.depth) {
            (_, 0..=1) => 1 + spot.dice().at("how many?").below(3),
            (_, DEEP) | (true, _) => u64::from(spot.depth < DEEPEST),
            _ => 0,
        };
        let count = usize::try_from(count).unwrap_or(0);
        let count = leaf.bounds.map_or(count, |bounds| bounds.count(count));
        let made = (0..count).map(|index| self.project(items, None, spot.item(index)));
        Shown::List(made.collect())
    }

    fn integer(&self, leaf: Leaf<'_>, values: &[i64], unix_time: bool, spot: Spot<'_>) -> Value {
        if let Some(error) = self.error
            && matches!(spot.name, "status" | "statusCode" | "status_code" | "code" | "http_status")
            && (values.is_empty() || values.contains(&i64::from(error.status)))
        {
            return error.status.into();
        }
        match spot.dice().pick(values) {
            Some(value) => (*value).into(),
            None if unix_time => past(spot.dice()).timestamp().into(),
            None => {
                let (made, dice) = (words::integer(spot.name, spot.dice()), spot.dice());
                leaf.bounds.map_or(made, |bounds| bounds.integer(made, dice)).into()
            }
        }
    }

    fn one_of(&self, values: &[Box<str>], spot: Spot<'_>) -> Value {
        let told = self.error.and_then(|error| {
            let hints = error.hints.iter();
            hints.copied().find_map(|hint| values.iter().find(|value| is_alike(value, hint)))
        });
        let value = told.or_else(|| spot.dice().pick(values));
        Value::String(value.map(ToString::to_string).unwrap_or_default())
    }

    /// An id where the whole entity may stand too.
    fn reference(&self, leaves: &Leaves<'_>, spot: Spot<'_>) -> Option<String> {
        let whole = leaves.leaves.iter().find(|leaf| leaf.is_object())?;
        let prefix = id::prefix(self.shapes.name(whole.entity?));
        Some(format!("{prefix}_{}", spot.dice().text(BASE62, 24)))
    }

    fn text(&self, spot: Spot<'_>) -> String {
        match self.error {
            Some(error)
                if matches!(spot.name, "code" | "type" | "name" | "error_code" | "slug") =>
            {
                error.code.to_owned()
            }
            Some(error) if matches!(spot.name, "status" | "status_code" | "statusCode") => {
                error.status.to_string()
            }
            Some(ErrorText { parameter: Some(parameter), .. }) if names_parameter(spot.name) => {
                (*parameter).to_owned()
            }
            Some(error) if told_by(spot.name) => error.message.clone(),
            _ => words::string(spot.name, spot.dice()),
        }
    }
}

impl Leaf<'_> {
    fn is_object(&self) -> bool {
        matches!(self.form, Form::Object(_))
    }
}

/// Whether a field tells what went wrong.
fn told_by(name: &str) -> bool {
    matches!(
        name,
        "message"
            | "detail"
            | "title"
            | "description"
            | "reason"
            | "error"
            | "error_message"
            | "error_description"
            | "errorMessage"
            | "code"
            | "type"
            | "status"
            | "statusCode"
            | "status_code"
    )
}

/// Whether a field of an error names what of the request is wrong.
fn names_parameter(name: &str) -> bool {
    matches!(
        name,
        "field"
            | "param"
            | "parameter"
            | "property"
            | "attribute"
            | "pointer"
            | "source"
            | "fieldName"
            | "field_name"
            | "parameterName"
            | "location"
            | "loc"
    )
}

/// `Not Found` and `not_found`, `invalid_request_error` and `invalid_request`.
fn is_alike(value: &str, code: &str) -> bool {
    letters(value).contains(&letters(code))
}

/// Whether a scalar has a type that is allowed, whatever values and formats are: what was written is
/// true though the model, which knows what was seen on one route, has not seen it there.
fn has_type(leaves: &Leaves<'_>, value: &Value) -> bool {
    leaves.leaves.iter().any(|leaf| {
        matches!(
            (leaf.form, value),
            (Form::Boolean(_), Value::Bool(_))
                | (Form::Number(_), Value::Number(_))
                | (Form::Text { .. }, Value::String(_))
        ) || matches!((leaf.form, value), (Form::Integer { .. }, Value::Number(is)) if !is.is_f64())
    })
}

/// The alternative an object is most like.
fn record_for<'n>(leaves: &Leaves<'n>, map: &Map<String, Value>) -> Option<(&'n Record, Leaf<'n>)> {
    let records = leaves.leaves.iter().filter_map(|leaf| match leaf.form {
        Form::Object(record) => Some((record, *leaf)),
        _ => None,
    });
    let mut records = records.rev();
    let last = records.next()?;
    // Most objects are of one form. `max_by_key` takes the last of equals; the first is meant.
    if records.clone().next().is_none() {
        return Some(last);
    }
    std::iter::once(last).chain(records).max_by_key(|(record, leaf)| likeness(record, leaf, map))
}

/// How much an object is like an alternative: the tag decides, then constants, then names.
fn likeness(record: &Record, leaf: &Leaf<'_>, map: &Map<String, Value>) -> i64 {
    let by_tag = match leaf.tag {
        Some((name, value)) => match map.get(name) {
            Some(stored) if stored == value => 1000,
            Some(_) => -1000,
            None => 0,
        },
        None => 0,
    };
    let by_field =
        record.fields.iter().map(|field| match (map.get(&*field.name), &field.node.forms[..]) {
            (Some(Value::String(text)), [Form::Text { values, .. }]) if !values.is_empty() => {
                if values.iter().any(|value| **value == **text) {
                    20
                } else {
                    -20
                }
            }
            (Some(_), _) => 2,
            // `deleted` is always true where it is at all: that has to be known of an object.
            (None, [Form::Boolean(Some(_))]) if field.required => -20,
            (None, _) if field.required => -1,
            (None, _) => 0,
        });
    by_tag + by_field.sum::<i64>()
}

fn whole(number: &Number) -> Option<Value> {
    let float = number.as_f64()?;
    // Beyond 2^53 a float no longer names one integer.
    if float.fract() != 0.0 || float.abs() >= 9_007_199_254_740_992.0 {
        return None;
    }
    format!("{float:.0}").parse::<i64>().ok().map(Value::from)
}
