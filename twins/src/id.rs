//! Ids in the vendor's form.

use regex_syntax::hir::Hir;
use serde_json::Value;

use crate::bounds::Kept;
use crate::dice::{BASE62, Dice, HEX};
use crate::format::{Format, uuid};
use crate::shape::{Field, Form, Shapes};
use crate::words;

/// The form of a collection's ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IdKind {
    /// Counted from 1.
    Integer,
    Uuid,
    /// Two capitals and 32 hex digits, as Twilio has them.
    Sid(String),
    /// A prefix and 24 digits of base 62, `cus_…`.
    Prefixed(String),
    /// So many capitals and digits, `Z4OV52SU`.
    Code(usize),
    /// A name people choose (`login`, `slug`), fit to stand in a path.
    Named,
    /// As a pattern of the vendor's has it.
    Patterned(Box<Hir>),
}

/// Prefixes that are no plain abbreviation.
///
/// # Source
///
/// Stripe's public API reference, the `id` of each object's example.
const PREFIXES: &[(&str, &str)] = &[
    ("account", "acct"),
    ("bank_account", "ba"),
    ("charge", "ch"),
    ("checkout.session", "cs"),
    ("customer", "cus"),
    ("dispute", "dp"),
    ("event", "evt"),
    ("file", "file"),
    ("invoice", "in"),
    ("invoiceitem", "ii"),
    ("payout", "po"),
    ("price", "price"),
    ("product", "prod"),
    ("refund", "re"),
    ("source", "src"),
    ("subscription", "sub"),
    ("token", "tok"),
    ("transfer", "tr"),
    ("webhook_endpoint", "we"),
];

/// Twilio's two letters that are not the initials of the collection.
///
/// # Source
///
/// Twilio's public glossary, "String Identifier (SID)".
const SIDS: &[(&str, &str)] = &[
    ("accounts", "AC"),
    ("calls", "CA"),
    ("conferences", "CF"),
    ("conversations", "CH"),
    ("messages", "SM"),
    ("recordings", "RE"),
    ("services", "VA"),
    ("verifications", "VE"),
];

impl IdKind {
    /// The form of the ids in a field, of entities of a name, in a collection of a noun.
    pub(crate) fn of(shapes: &Shapes, field: &Field, entity: Option<&str>, noun: &str) -> Self {
        let leaves = shapes.leaves(&field.node).leaves;
        let text = leaves.iter().find_map(|leaf| match leaf.form {
            Form::Text { format, .. } => Some(*format),
            _ => None,
        });
        let pattern = || leaves.iter().find_map(|leaf| leaf.bounds?.of_ids());
        match (text, &*field.name) {
            (None, _) => Self::Integer,
            (Some(None), _) if let Some(hir) = pattern() => Self::Patterned(Box::new(hir)),
            (Some(Some(Format::Uuid)), _) | (_, "uuid" | "guid") => Self::Uuid,
            (_, "sid") => Self::Sid(sid_letters(noun)),
            (_, "id" | "token") => Self::Prefixed(prefix(entity.unwrap_or(noun))),
            (_, name) if name.ends_with("_id") || name.ends_with("Id") => {
                Self::Prefixed(prefix(entity.unwrap_or(noun)))
            }
            _ => Self::Named,
        }
    }

    /// As an id the vendor shows is made; `None` where it does not tell.
    pub(crate) fn like(example: &str) -> Option<Self> {
        if let Some((prefix, rest)) = example.rsplit_once('_') {
            let plain = rest.len() >= 8 && rest.chars().all(|c| c.is_ascii_alphanumeric());
            return (plain && !prefix.is_empty()).then(|| Self::Prefixed(prefix.to_owned()));
        }
        let capitals = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit();
        (example.len() >= 8 && example.chars().all(capitals)).then_some(Self::Code(example.len()))
    }

    /// The id of the item of an ordinal.
    pub(crate) fn make(&self, dice: Dice, ordinal: u64) -> String {
        match self {
            Self::Integer => ordinal.to_string(),
            Self::Uuid => uuid(dice),
            Self::Sid(letters) => format!("{letters}{}", dice.text(HEX, 32)),
            Self::Prefixed(prefix) => format!("{prefix}_{}", dice.text(BASE62, 24)),
            Self::Code(length) => dice.text(BASE62, *length).to_ascii_uppercase(),
            Self::Named => format!("{}-{ordinal}", words::noun(dice)),
            Self::Patterned(pattern) => Kept::id(pattern, dice),
        }
    }

    /// An id's text as the value of its field.
    pub(crate) fn value(&self, id: &str) -> Value {
        match self {
            Self::Integer => id.parse::<i64>().map_or_else(|_| id.into(), Value::from),
            _ => id.into(),
        }
    }
}

/// The text of an id's value; `None` of what is none.
pub(crate) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// The known prefix; else the initials of several words, or the first three letters of one.
pub(crate) fn prefix(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    if let Some((_, known)) = PREFIXES.iter().find(|(known, _)| *known == lower) {
        return (*known).to_owned();
    }
    let words: Vec<&str> =
        lower.split(['_', '-', '.', ' ']).filter(|word| !word.is_empty()).collect();
    match &words[..] {
        [one] => one.chars().filter(char::is_ascii_alphanumeric).take(3).collect(),
        several => several.iter().filter_map(|word| word.chars().next()).take(4).collect(),
    }
}

fn sid_letters(noun: &str) -> String {
    let lower = noun.to_ascii_lowercase();
    if let Some((_, letters)) = SIDS.iter().find(|(known, _)| *known == lower) {
        return (*letters).to_owned();
    }
    let letters = lower.chars().filter(char::is_ascii_alphabetic).chain("xx".chars());
    letters.take(2).map(|letter| letter.to_ascii_uppercase()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_made_like_the_vendors_own() {
        let like = |example| IdKind::like(example);
        assert_eq!(like("cs_test_a1GY7ro6"), Some(IdKind::Prefixed("cs_test".into())));
        assert_eq!(like("Z4OV52SU"), Some(IdKind::Code(8)));
        assert_eq!(
            (like("US"), like("card_payments"), like("a-b")),
            (None, Some(IdKind::Prefixed("card".into())), None)
        );
    }

    #[test]
    fn prefixes_are_known_or_abbreviated() {
        for (name, expected) in [
            ("customer", "cus"),
            ("payment_method", "pm"),
            ("widget", "wid"),
            ("checkout.session", "cs"),
        ] {
            assert_eq!(prefix(name), expected);
        }
        assert_eq!((sid_letters("Messages"), sid_letters("Queues")), ("SM".into(), "QU".into()));
    }
}
