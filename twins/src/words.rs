//! Plausible scalars by the name of their field.

use crate::dice::{BASE62, DIGITS, Dice, HEX};
use crate::format::{Format, past, word};

const FIRST_NAMES: &[&str] = &["Ada", "Alan", "Edsger", "Grace", "Hedy", "Katherine", "Linus"];
const LAST_NAMES: &[&str] = &["Hopper", "Johnson", "Lamarr", "Lovelace", "Noether", "Turing"];
const CITIES: &[&str] = &["Berlin", "Lagos", "Lima", "Osaka", "Oslo", "Porto", "Toronto"];
const COUNTRIES: &[&str] = &["BR", "DE", "GB", "JP", "NG", "PT", "US"];
const CURRENCIES: &[&str] = &["eur", "gbp", "jpy", "usd"];
const NOUNS: &[&str] =
    &["alpha", "basalt", "cedar", "delta", "ember", "fjord", "granite", "harbor"];

/// A plain word.
pub(crate) fn noun(dice: Dice) -> &'static str {
    dice.pick(NOUNS).copied().unwrap_or_default()
}

/// A string for an open field.
pub(crate) fn string(name: &str, dice: Dice) -> String {
    let lower = name.to_ascii_lowercase();
    let last = lower.rsplit(['_', '-', '.']).next().unwrap_or(&lower);
    let noun = noun(dice);
    match last {
        "email" => Format::Email.make(dice),
        "url" | "uri" | "href" | "link" | "website" | "icon" | "logo" | "avatar" => {
            Format::Uri.make(dice)
        }
        "phone" | "mobile" | "fax" => Format::Phone.make(dice),
        "id" | "sid" | "key" | "token" | "secret" | "nonce" => dice.text(BASE62, 24),
        "uuid" | "guid" => Format::Uuid.make(dice),
        "sha" | "sha1" | "hash" | "digest" | "fingerprint" | "etag" => dice.text(HEX, 40),
        "at" | "created" | "updated" | "timestamp" | "datetime" => Format::DateTime.make(dice),
        "date" => Format::Date.make(dice),
        "ip" => Format::Ipv4.make(dice),
        "currency" => pick(CURRENCIES, dice),
        "country" => pick(COUNTRIES, dice),
        "city" => pick(CITIES, dice),
        "code" | "zip" | "postcode" => dice.text(DIGITS, 5),
        "line1" | "street" | "address" => format!("{} Example Street", 1 + dice.below(199)),
        "last4" => dice.text(DIGITS, 4),
        "locale" | "language" => "en".to_owned(),
        "version" => format!("{}.{}.{}", dice.below(9), dice.below(20), dice.below(10)),
        "username" | "login" | "slug" | "handle" => format!("{noun}-{}", dice.below(1000)),
        "name" => name_of(&lower, dice),
        _ => format!("{noun} {}", word(dice.at("word"))),
    }
}

/// An integer for an open field; times in Unix seconds where the name says so.
pub(crate) fn integer(name: &str, dice: Dice) -> i64 {
    let lower = name.to_ascii_lowercase();
    if is_time(&lower) {
        return past(dice).timestamp();
    }
    let (from, count): (i64, u64) = match lower.rsplit('_').next().unwrap_or(&lower) {
        "amount" | "price" | "total" | "subtotal" | "balance" => (100, 99_900),
        "month" => (1, 12),
        "day" => (1, 28),
        "year" => (2026, 10),
        "percent" | "percentage" => (0, 101),
        "count" | "quantity" | "size" => (1, 20),
        "id" | "number" => (1, 1_000_000),
        "port" => (1024, 60_000),
        _ => (1, 1000),
    };
    from + i64::try_from(dice.below(count)).unwrap_or(0)
}

/// A number for an open field, with two decimals.
pub(crate) fn number(name: &str, dice: Dice) -> f64 {
    let hundredths = u32::try_from(dice.below(100)).unwrap_or(0);
    let whole = i32::try_from(integer(name, dice)).unwrap_or(i32::MAX);
    f64::from(whole) + f64::from(hundredths) / 100.0
}

/// Whether a lower-case field name is one of a point in time.
pub(crate) fn is_time(lower: &str) -> bool {
    is_creation_time(lower)
        || is_change_time(lower)
        || ["_at", "_time", "_date", "_on", "_start", "_end", "timestamp"]
            .iter()
            .any(|end| lower.ends_with(end))
        || matches!(lower, "date" | "time" | "expires" | "start" | "end")
}

/// Whether a lower-case field name is the time an object was made.
pub(crate) fn is_creation_time(lower: &str) -> bool {
    matches!(
        lower,
        "created"
            | "created_at"
            | "createdat"
            | "created_time"
            | "created_on"
            | "create_time"
            | "creation_time"
            | "creationdate"
            | "date_created"
            | "datecreated"
            | "creation_date"
    )
}

/// Whether a lower-case field name is the time an object last changed.
pub(crate) fn is_change_time(lower: &str) -> bool {
    matches!(
        lower,
        "updated"
            | "updated_at"
            | "updatedat"
            | "updated_on"
            | "update_time"
            | "date_updated"
            | "dateupdated"
            | "modified"
            | "modified_at"
            | "last_modified"
            | "last_updated"
    )
}

/// What a plural may be the plural of, the likeliest first: `category` of `categories`, `status` of `statuses`.
pub(crate) fn singulars(plural: &str) -> impl Iterator<Item = String> {
    let ies = plural.strip_suffix("ies").map(|stem| format!("{stem}y"));
    let s = plural.strip_suffix('s').filter(|one| !one.is_empty()).map(str::to_owned);
    let es = plural.strip_suffix("es").filter(|one| !one.is_empty()).map(str::to_owned);
    ies.into_iter().chain(s).chain(es)
}

fn name_of(lower: &str, dice: Dice) -> String {
    let first = pick(FIRST_NAMES, dice);
    let last = pick(LAST_NAMES, dice.at("last"));
    match lower {
        "first_name" | "given_name" => first,
        "last_name" | "family_name" | "surname" => last,
        "user_name" | "file_name" | "domain_name" | "host_name" => first.to_ascii_lowercase(),
        _ => format!("{first} {last}"),
    }
}

fn pick(words: &[&str], dice: Dice) -> String {
    dice.pick(words).copied().unwrap_or_default().to_owned()
}
