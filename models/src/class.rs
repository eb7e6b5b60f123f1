//! What a JSON value is, as far as a shape says.

use serde::{Deserialize, Serialize};

use crate::JsonType;

/// The class of one JSON value: its type, and for strings the format its text has.
///
/// Every value has exactly one class, the most specific. The discriminant is the bit in a
/// [`Classes`] mask and in the lake's `classes` column, so it never changes; new ones are added at
/// the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Class {
    /// `null`.
    Null = 0,
    /// `true` or `false`.
    Boolean = 1,
    /// A number without fraction or exponent.
    Integer = 2,
    /// Any other number.
    Number = 3,
    /// An object whose keys are field names.
    Object = 4,
    /// An array.
    Array = 5,
    /// A string of no format below.
    Text = 6,
    /// The empty string: belongs to every format's lenient reading and proves none.
    Empty = 7,
    /// RFC 3339 date and time.
    DateTime = 8,
    /// RFC 3339 full date.
    Date = 9,
    /// RFC 9562 UUID.
    Uuid = 10,
    /// An e-mail address.
    Email = 11,
    /// An absolute URI with a scheme (RFC 3986).
    Uri = 12,
    /// Dotted-quad IPv4.
    Ipv4 = 13,
    /// IPv6.
    Ipv6 = 14,
    /// A phone number in E.164 form, `+` and 7 to 15 digits.
    Phone = 15,
    /// RFC 2822 date, `Tue, 15 Nov 2022 12:45:26 +0000`.
    Rfc2822 = 16,
    /// A date and time that is not RFC 3339, such as `2026-08-21 09:51:25.103192+00`.
    LooseDateTime = 17,
    /// An object whose keys are data (a free-form map).
    Map = 18,
}

impl Class {
    /// Every class, by bit.
    pub const ALL: [Self; 19] = [
        Self::Null,
        Self::Boolean,
        Self::Integer,
        Self::Number,
        Self::Object,
        Self::Array,
        Self::Text,
        Self::Empty,
        Self::DateTime,
        Self::Date,
        Self::Uuid,
        Self::Email,
        Self::Uri,
        Self::Ipv4,
        Self::Ipv6,
        Self::Phone,
        Self::Rfc2822,
        Self::LooseDateTime,
        Self::Map,
    ];

    /// The JSON type, `None` for null: nullability is not a type.
    pub const fn json_type(self) -> Option<JsonType> {
        match self {
            Self::Null => None,
            Self::Boolean => Some(JsonType::Boolean),
            Self::Integer => Some(JsonType::Integer),
            Self::Number => Some(JsonType::Number),
            Self::Object | Self::Map => Some(JsonType::Object),
            Self::Array => Some(JsonType::Array),
            _ => Some(JsonType::String),
        }
    }

    /// The `format` keyword for this class of strings.
    ///
    /// # Source
    ///
    /// JSON Schema 2020-12 §7.3; `phone` and `rfc2822` as Twilio's OpenAPI documents write them
    /// (`phone-number`, `date-time-rfc-2822`).
    pub const fn format(self) -> Option<&'static str> {
        match self {
            Self::DateTime => Some("date-time"),
            Self::Date => Some("date"),
            Self::Uuid => Some("uuid"),
            Self::Email => Some("email"),
            Self::Uri => Some("uri"),
            Self::Ipv4 => Some("ipv4"),
            Self::Ipv6 => Some("ipv6"),
            Self::Phone => Some("phone-number"),
            Self::Rfc2822 => Some("date-time-rfc-2822"),
            _ => None,
        }
    }

    /// The class a `format` keyword asks for; `None` for formats no text can contradict.
    pub fn of_format(format: &str) -> Option<Self> {
        Some(match format {
            "date-time" => Self::DateTime,
            "date" => Self::Date,
            "uuid" => Self::Uuid,
            "email" => Self::Email,
            "uri" | "url" => Self::Uri,
            "ipv4" => Self::Ipv4,
            "ipv6" => Self::Ipv6,
            "phone-number" | "e164" => Self::Phone,
            "date-time-rfc-2822" => Self::Rfc2822,
            _ => return None,
        })
    }

    /// This class alone.
    pub const fn mask(self) -> Classes {
        Classes(1 << self as u32)
    }
}

/// A set of [`Class`]es, one bit each; union is its merge, the empty set its identity.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize,
)]
pub struct Classes(pub u32);

impl Classes {
    /// No class.
    pub const NONE: Self = Self(0);

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What this holds and the other does not.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether the class is in the set.
    pub const fn contains(self, class: Class) -> bool {
        self.0 & class.mask().0 != 0
    }

    /// Whether there is no class in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The classes, by bit.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    /// The JSON types of the classes; null has none.
    pub fn types(self) -> std::collections::BTreeSet<JsonType> {
        self.iter().filter_map(Class::json_type).collect()
    }
}

impl FromIterator<Class> for Classes {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        classes.into_iter().fold(Self::NONE, |set, class| set.union(class.mask()))
    }
}
