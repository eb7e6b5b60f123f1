//! Bounds of values, ready to be kept.

use std::sync::OnceLock;

use models::Bounds;
use regex::Regex;
use regex_syntax::hir::{Class, Hir, HirKind};
use serde_json::{Number, Value};

use crate::dice::{BASE62, Dice};

/// The bounds of a value.
#[derive(Debug, Clone)]
pub(crate) struct Kept {
    bounds: Bounds,
    /// `None` where there is no pattern, or one of a kind that is not known here (ECMA-262 looks around): such a
    /// pattern is not judged.
    pattern: OnceLock<Option<Regex>>,
}

/// Texts that are tried for one that keeps within the bounds.
const TRIES: u64 = 16;
/// Times a part of a pattern is repeated where it may be without end, and no length asks for more.
const REPEATED_MAX: u32 = 4;
/// The most that are repeated for a length's sake.
const REPEATED_FOR_LENGTH: u64 = 1000;
/// Texts a pattern must have for ids to be drawn of it: two of so many are hardly the same.
const ROOM_MIN: f64 = 1e9;

impl Kept {
    pub(crate) const fn of(bounds: Bounds) -> Self {
        Self { bounds, pattern: OnceLock::new() }
    }

    /// What a value would have to be that is beyond, for people; `None` of one that is within.
    pub(crate) fn broken_by(&self, value: &Value) -> Option<String> {
        let by_pattern = || {
            let (text, pattern) = (value.as_str()?, self.pattern()?);
            (!pattern.is_match(text)).then(|| format!("of the form {pattern}"))
        };
        self.bounds.broken_by(value).or_else(by_pattern)
    }

    fn pattern(&self) -> Option<&Regex> {
        let compile = || self.bounds.pattern.as_deref().and_then(|text| Regex::new(text).ok());
        self.pattern.get_or_init(compile).as_ref()
    }

    /// A whole number within, that is this one where it is.
    pub(crate) fn integer(&self, made: i64, dice: Dice) -> i64 {
        if self.broken_by(&made.into()).is_none() {
            return made;
        }
        let whole = |bound: &Option<Number>, round: fn(f64) -> f64| {
            #[expect(
                clippy::cast_possible_truncation,
                reason = "a bound beyond is the last there is"
            )]
            let whole =
                |number: &Number| number.as_i64().or(number.as_f64().map(|one| round(one) as i64));
            bound.as_ref().and_then(whole)
        };
        let Bounds { minimum, maximum, exclusive_minimum, exclusive_maximum, .. } = &self.bounds;
        let above = whole(exclusive_minimum, f64::floor).map(|bound| bound.saturating_add(1));
        let below = whole(exclusive_maximum, f64::ceil).map(|bound| bound.saturating_sub(1));
        let least = whole(minimum, f64::ceil).max(above);
        let most = [whole(maximum, f64::floor), below].into_iter().flatten().min();
        match (least, most) {
            (Some(least), most) => {
                let most = most.unwrap_or_else(|| least.saturating_add(999));
                let room = u64::try_from(most.saturating_sub(least)).unwrap_or(0);
                least.saturating_add(i64::try_from(dice.below(room.saturating_add(1))).unwrap_or(0))
            }
            (None, Some(most)) => most,
            (None, None) => made,
        }
    }

    /// A number within, that is this one where it is.
    pub(crate) fn number(&self, made: f64, dice: Dice) -> f64 {
        if self.broken_by(&made.into()).is_none() {
            return made;
        }
        let float = |bound: &Option<Number>| bound.as_ref().and_then(Number::as_f64);
        let Bounds { minimum, maximum, exclusive_minimum, exclusive_maximum, .. } = &self.bounds;
        let least = [minimum, exclusive_minimum].into_iter().filter_map(float).reduce(f64::max);
        let most = [maximum, exclusive_maximum].into_iter().filter_map(float).reduce(f64::min);
        match (least, most) {
            // Neither end, which may be out.
            (Some(least), Some(most)) => {
                let share = f64::from(u32::try_from(1 + dice.below(9)).unwrap_or(5)) / 10.0;
                least + (most - least) * share
            }
            (Some(least), None) => least + 1.0,
            (None, Some(most)) => most - 1.0,
            (None, None) => made,
        }
    }

    /// A text within, that is this one where it is.
    pub(crate) fn text(&self, made: String, dice: Dice) -> String {
        let is_within = |text: &String| self.broken_by(&text.as_str().into()).is_none();
        if is_within(&made) {
            return made;
        }
        let drawn = self.pattern().and_then(|pattern| parsed(pattern.as_str())).and_then(|hir| {
            let mut texts = (0..TRIES).map(|nth| drawn(&hir, self.repeats(), dice.nth(nth)));
            texts.find(is_within)
        });
        drawn.unwrap_or_else(|| self.sized(made, dice))
    }

    /// A text cut or filled to the length it may have.
    fn sized(&self, made: String, dice: Dice) -> String {
        let length = made.chars().count();
        let count =
            |bound: Option<u64>| bound.map(|bound| usize::try_from(bound).unwrap_or(usize::MAX));
        match (count(self.bounds.min_length), count(self.bounds.max_length)) {
            (_, Some(most)) if length > most => made.chars().take(most).collect(),
            // Nobody wants a megabyte made up, whatever a description says.
            (Some(least), _) if length < least => {
                made + &dice.text(BASE62, least.min(10_000).saturating_sub(length))
            }
            _ => made,
        }
    }

    /// How many items a list has that would have so many.
    pub(crate) fn count(&self, made: usize) -> usize {
        let count = |bound: Option<u64>| bound.and_then(|bound| usize::try_from(bound).ok());
        let least = count(self.bounds.min_items).unwrap_or(0).min(100);
        made.max(least).min(count(self.bounds.max_items).unwrap_or(usize::MAX))
    }

    /// Times a part of the pattern may be repeated, so that a text can be as long as it has to be.
    fn repeats(&self) -> u32 {
        let least = self.bounds.min_length.unwrap_or(0).min(REPEATED_FOR_LENGTH);
        REPEATED_MAX.max(u32::try_from(2 * least).unwrap_or(REPEATED_MAX))
    }

    /// The pattern that ids can be drawn of: one that is drawn within the bounds each time.
    pub(crate) fn of_ids(&self) -> Option<Hir> {
        let hir = parsed(self.pattern()?.as_str())?;
        let is_within = |nth| {
            let text = drawn(&hir, REPEATED_MAX, Dice::of(nth, "ids"));
            self.broken_by(&text.into()).is_none()
        };
        (room(&hir) >= ROOM_MIN && (0..TRIES).all(is_within)).then_some(hir)
    }

    /// An id of a pattern of [`of_ids`](Self::of_ids).
    pub(crate) fn id(pattern: &Hir, dice: Dice) -> String {
        drawn(pattern, REPEATED_MAX, dice)
    }
}

fn parsed(pattern: &str) -> Option<Hir> {
    regex_syntax::parse(pattern).ok()
}

/// A text that a pattern describes from beginning to end; what it says of its surroundings is left to be tried.
///
/// What may be repeated without end is so `repeats` times at most.
fn drawn(hir: &Hir, repeats: u32, dice: Dice) -> String {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) => String::new(),
        HirKind::Literal(literal) => String::from_utf8_lossy(&literal.0).into_owned(),
        HirKind::Class(class) => {
            dice.pick(&characters(class)).map(char::to_string).unwrap_or_default()
        }
        HirKind::Repetition(repetition) => {
            let most = repetition.max.unwrap_or(u32::MAX).min(repetition.min.max(repeats));
            let more = u64::from(most - repetition.min) + 1;
            let count = u64::from(repetition.min) + dice.at("how many?").below(more);
            (0..count).map(|nth| drawn(&repetition.sub, repeats, dice.nth(nth))).collect()
        }
        HirKind::Capture(capture) => drawn(&capture.sub, repeats, dice),
        HirKind::Concat(parts) => {
            let parts = parts.iter().enumerate();
            parts.map(|(nth, part)| drawn(part, repeats, dice.nth(nth as u64))).collect()
        }
        HirKind::Alternation(ways) => {
            dice.at("which?").pick(ways).map(|way| drawn(way, repeats, dice)).unwrap_or_default()
        }
    }
}

/// The characters that are drawn of a class: its digits and ASCII letters or, where it has none, its first.
fn characters(class: &Class) -> Vec<char> {
    let ranges: Vec<(char, char)> = match class {
        Class::Unicode(class) => {
            class.ranges().iter().map(|one| (one.start(), one.end())).collect()
        }
        Class::Bytes(class) => {
            class.ranges().iter().map(|one| (one.start().into(), one.end().into())).collect()
        }
    };
    let holds = |one: &char| ranges.iter().any(|(start, end)| (start..=end).contains(&one));
    let usual: Vec<char> = BASE62.iter().map(|byte| char::from(*byte)).filter(holds).collect();
    if usual.is_empty() {
        ranges.first().map(|(start, _)| *start).into_iter().collect()
    } else {
        usual
    }
}

/// How many texts are drawn of a pattern, about.
fn room(hir: &Hir) -> f64 {
    match hir.kind() {
        HirKind::Empty | HirKind::Look(_) | HirKind::Literal(_) => 1.0,
        HirKind::Class(class) => {
            f64::from(u32::try_from(characters(class).len()).unwrap_or(u32::MAX))
        }
        HirKind::Repetition(repetition) => {
            let times = i32::try_from(repetition.min.max(1)).unwrap_or(i32::MAX);
            room(&repetition.sub).powi(times)
        }
        HirKind::Capture(capture) => room(&capture.sub),
        HirKind::Concat(parts) => parts.iter().map(room).product(),
        HirKind::Alternation(ways) => ways.iter().map(room).sum(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn kept(bounds: Value) -> Kept {
        Kept::of(serde_json::from_value(bounds).unwrap())
    }

    #[test]
    fn what_is_made_within_bounds_is_within() {
        for seed in 0..200 {
            let dice = Dice::of(seed, "x");
            for bounds in [
                json!({"minimum": 1, "maximum": 5}),
                json!({"exclusive_minimum": 0.5, "exclusive_maximum": 2}),
                json!({"minimum": 9000}),
                json!({"minimum": 0, "exclusive_minimum": 5, "maximum": 9}),
                json!({"maximum": -7.5}),
                json!({"exclusive_maximum": 0}),
            ] {
                let kept = kept(bounds.clone());
                let (integer, number) = (kept.integer(777, dice), kept.number(777.25, dice));
                assert_eq!(kept.broken_by(&json!(integer)), None, "{bounds} {integer}");
                assert_eq!(kept.broken_by(&json!(number)), None, "{bounds} {number}");
            }
            for bounds in [
                json!({"max_length": 3}),
                json!({"min_length": 40}),
                json!({"pattern": "^[A-Z]{2}-[0-9]{4}$"}),
                json!({"pattern": "^(tkt|usr)_[a-z0-9]{8,}$", "max_length": 14}),
                json!({"pattern": "\\d+(\\.\\d\\d)?", "max_length": 5}),
                json!({"pattern": "^[^\\s@]+@example\\.com$"}),
                json!({"pattern": "^[a-z]+$", "min_length": 8, "max_length": 20}),
            ] {
                let kept = kept(bounds.clone());
                let text = kept.text("some words".to_owned(), dice);
                assert_eq!(kept.broken_by(&json!(text)), None, "{bounds} {text}");
            }
        }
        let list = kept(json!({"min_items": 2, "max_items": 3}));
        assert_eq!([0, 2, 9].map(|made| list.count(made)), [2, 2, 3]);
    }

    #[test]
    fn what_is_within_stays_as_it_is_and_what_is_not_known_is_not_judged() {
        let dice = Dice::of(1, "x");
        let known = kept(json!({"pattern": "[a-z]", "maximum": 9}));
        assert_eq!(
            (known.text("abc".to_owned(), dice).as_str(), known.integer(9, dice)),
            ("abc", 9)
        );
        assert_eq!(known.broken_by(&json!("ABC")).as_deref(), Some("of the form [a-z]"));
        let unknown = kept(json!({"pattern": "^(?!x)[a-z]+$"}));
        assert_eq!(unknown.broken_by(&json!("x1")), None);
        assert_eq!(unknown.text("a b".to_owned(), dice), "a b");
    }

    #[test]
    fn ids_are_drawn_only_where_there_is_room_for_many() {
        assert!(kept(json!({"pattern": "^ord_[a-z0-9]{12}$"})).of_ids().is_some());
        assert!(kept(json!({"pattern": "^[AB]$"})).of_ids().is_none());
        assert!(kept(json!({"max_length": 4})).of_ids().is_none());
        let short = json!({"pattern": "^[a-z0-9]{6,32}$", "min_length": 10});
        assert!(kept(short).of_ids().is_none(), "six are too short");
    }
}
