//! What the name of a field says about its value.

/// What to do with a value because of the name it stands under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    /// A credential: replaced whatever it looks like.
    Secret,
    /// Chosen by a person and short: a constant, for a keyed hash of it could be tried out.
    Constant,
    /// A person's name, letter by letter; looked for in the whole exchange.
    Name,
    /// `name` of what seems to be a person: a name if it reads like one, else a handle.
    MaybeName,
    /// A number or code that stands for a person: passport, tax, account.
    Number,
    /// A place: as a name, but not looked for elsewhere.
    Place,
    Phone,
    BirthDate,
    Coordinate,
    /// The name says nothing; the value speaks for itself.
    Value,
}

/// Where a named value stands; query strings give short names a meaning of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Position {
    Header,
    Query,
    Form,
    Body,
}

/// The rule for the last of `path`, the names from the outermost object inwards.
///
/// `person` says that the object around it also holds what only people have (an email, a phone).
pub(super) fn rule(path: &[&str], position: Position, person: bool) -> Rule {
    let Some((leaf, parents)) = path.split_last() else { return Rule::Value };
    let key = normalise(leaf);
    if let Some(rule) = secret_rule(&key, position) {
        return rule;
    }
    if position == Position::Header {
        return Rule::Value;
    }
    let parent = parents.last().map(|parent| normalise(parent)).unwrap_or_default();
    personal_rule(&key, &parent, person)
}

fn secret_rule(key: &str, position: Position) -> Option<Rule> {
    if CONSTANTS.contains(&key)
        || ["password", "passwd", "passphrase"].iter().any(|w| key.ends_with(w))
    {
        return Some(Rule::Constant);
    }
    if HARMLESS_ENDS.iter().any(|end| key.ends_with(end))
        || HARMLESS_PARTS.iter().any(|p| key.contains(p))
    {
        return None;
    }
    let by_word = key.split('_').any(|word| SECRET_ENDS.iter().any(|end| word.ends_with(end)));
    let by_part = SECRET_PARTS.iter().any(|part| key.contains(part));
    let by_place = match position {
        Position::Query => QUERY_SECRETS.contains(&key),
        Position::Form => matches!(key, "code" | "assertion"),
        Position::Header => {
            HEADER_SECRETS.contains(&key) || key.starts_with("x_auth") || names_a_key(key)
        }
        Position::Body => false,
    };
    (by_word || by_part || by_place).then_some(Rule::Secret)
}

/// Whether a header holds a vendor's own kind of API key: `X-Acme-Key`, and nothing of caches or of one request.
fn names_a_key(key: &str) -> bool {
    let of_what = key.strip_suffix("_key").and_then(|before| before.rsplit('_').next());
    of_what.is_some_and(|of_what| !OTHER_KEYS.contains(&of_what))
}

/// What keys that open nothing are called.
const OTHER_KEYS: &[&str] = &[
    "idempotency",
    "idempotent",
    "surrogate",
    "cache",
    "routing",
    "partition",
    "sort",
    "public",
    "websocket",
    "object",
    "deduplication",
];

/// What tokens of one page or request are called.
const OTHER_TOKENS: &[&str] =
    &["csrf_token", "xsrf_token", "idempotency_token", "request_token", "trace_token"];

/// Whether a request header says who calls, where none of the usual ones does.
pub(crate) fn is_credential(header: &str) -> bool {
    let key = normalise(header);
    if HARMLESS_PARTS.iter().any(|part| key.contains(part))
        || OTHER_TOKENS.iter().any(|end| key.ends_with(end))
    {
        return false;
    }
    names_a_key(&key) || key.ends_with("_token")
}

fn personal_rule(key: &str, parent: &str, person: bool) -> Rule {
    if NAMES.contains(&key) {
        return Rule::Name;
    }
    if IDENTITY_NUMBERS.contains(&key) {
        return Rule::Number;
    }
    if PLACES.contains(&key) {
        return Rule::Place;
    }
    if PHONES.contains(&key) {
        return Rule::Phone;
    }
    if BIRTH.contains(&key) || BIRTH.contains(&parent) && matches!(key, "day" | "month" | "year") {
        return Rule::BirthDate;
    }
    if matches!(key, "lat" | "lng" | "lon" | "latitude" | "longitude") {
        return Rule::Coordinate;
    }
    let names_a_person = match key.strip_suffix("name") {
        Some("") => person || is_person(parent),
        // `username` is a handle, and part of paths.
        Some("user" | "user_") | None => false,
        Some(before) => is_person(before.trim_end_matches('_')),
    };
    if names_a_person { Rule::MaybeName } else { Rule::Value }
}

/// Whether an object with this among its names describes a person.
pub(super) fn marks_a_person(key: &str) -> bool {
    let key = normalise(key);
    matches!(key.as_str(), "email" | "email_address" | "first_name" | "last_name" | "surname")
        || PHONES.contains(&key.as_str())
        || BIRTH.contains(&key.as_str())
}

/// Whether a name is that of an object describing a person: `customer`, `billing_details`.
pub(super) fn is_person(name: &str) -> bool {
    let singular = name.strip_suffix('s').unwrap_or(name);
    PEOPLE.contains(&name) || PEOPLE.contains(&singular)
}

/// `firstName`, `First-Name` and `first name` as `first_name`.
pub(super) fn normalise(key: &str) -> String {
    let mut out = String::with_capacity(key.len() + 4);
    let chars: Vec<char> = key.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let after = at.checked_sub(1).map(|before| chars[before]);
        let before = chars.get(at + 1);
        let starts_word = c.is_uppercase()
            && after.is_some_and(|p| {
                p.is_lowercase()
                    || p.is_ascii_digit()
                    || p.is_uppercase() && before.is_some_and(|n| n.is_lowercase())
            });
        if starts_word {
            out.push('_');
        }
        match c {
            '-' | ' ' | '.' | '_' if out.ends_with('_') => {}
            '-' | ' ' | '.' => out.push('_'),
            c => out.extend(c.to_lowercase()),
        }
    }
    out
}

const SECRET_ENDS: &[&str] = &[
    "token",
    "tokens",
    "secret",
    "secrets",
    "apikey",
    "jwt",
    "signature",
    "signatures",
    "cookie",
    "credential",
    "credentials",
];

const SECRET_PARTS: &[&str] = &[
    "api_key",
    "private_key",
    "access_key",
    "signing_key",
    "encryption_key",
    "session_key",
    "auth_key",
    "authorization",
    "auth_header",
    "licence_key",
    "license_key",
    "ssh_key",
    "client_key",
    "security_key",
    "shared_key",
    "secret_key",
];

/// A name of these tells of a secret without being one, or is a page's cursor.
const HARMLESS_ENDS: &[&str] = &[
    "_type",
    "_types",
    "_id",
    "_ids",
    "_at",
    "_in",
    "_expiry",
    "_expires",
    "_expiration",
    "_status",
    "_limit",
    "_count",
    "_url",
    "_uri",
    "_endpoint",
    "_kind",
    "_format",
    "_alg",
    "_algorithm",
    "_version",
    "_method",
    "_methods",
    "_name",
    "_supported",
    "_fingerprint",
    "_remaining",
];

const HARMLESS_PARTS: &[&str] = &[
    "page_token",
    "next_token",
    "prev_token",
    "previous_token",
    "cursor",
    "continuation_token",
    "sync_token",
    "pagination",
    "ratelimit",
    "rate_limit",
    "max_token",
    "total_token",
    "prompt_token",
    "completion_token",
    "input_token",
    "output_token",
    "tokens_used",
];

const CONSTANTS: &[&str] = &[
    "pwd",
    "pass",
    "pin",
    "pin_code",
    "cvc",
    "cvv",
    "cvv2",
    "csc",
    "cvn",
    "otp",
    "otp_code",
    "security_code",
    "verification_code",
    "security_answer",
    "passcode",
    "mfa_code",
    "totp",
];

const QUERY_SECRETS: &[&str] =
    &["key", "sig", "code", "auth", "apikey", "sign", "hmac", "assertion"];

const HEADER_SECRETS: &[&str] =
    &["cookie", "set_cookie", "cookie2", "x_hub_signature", "x_hub_signature_256"];

const NAMES: &[&str] = &[
    "first_name",
    "last_name",
    "middle_name",
    "given_name",
    "family_name",
    "full_name",
    "fullname",
    "firstname",
    "lastname",
    "surname",
    "maiden_name",
    "nickname",
    "real_name",
    "legal_name",
    "display_name",
    "preferred_name",
    "cardholder_name",
    "account_holder_name",
    "signatory",
    "addressee",
    "first_name_kana",
    "last_name_kana",
    "first_name_kanji",
    "last_name_kanji",
];

const IDENTITY_NUMBERS: &[&str] = &[
    "ssn",
    "social_security_number",
    "ssn_last_4",
    "national_id",
    "passport_number",
    "passport",
    "id_number",
    "tax_id",
    "tax_number",
    "drivers_license",
    "driver_license_number",
    "account_number",
    "bank_account_number",
    "iban",
    "card_number",
];

const PLACES: &[&str] = &[
    "line1",
    "line2",
    "line3",
    "line_1",
    "line_2",
    "address",
    "address1",
    "address2",
    "address_1",
    "address_2",
    "address_line1",
    "address_line2",
    "address_line_1",
    "address_line_2",
    "street",
    "street1",
    "street2",
    "street_address",
    "street_name",
    "house_number",
    "city",
    "town",
    "postal_code",
    "postcode",
    "zip",
    "zip_code",
    "zipcode",
    "address_zip",
    "address_city",
];

const PHONES: &[&str] = &[
    "phone",
    "phone_number",
    "mobile",
    "mobile_number",
    "mobile_phone",
    "cell",
    "cell_phone",
    "telephone",
    "tel",
    "fax",
    "fax_number",
    "msisdn",
    "home_phone",
    "work_phone",
];

const BIRTH: &[&str] =
    &["dob", "date_of_birth", "birth_date", "birthdate", "birthday", "day_of_birth"];

const PEOPLE: &[&str] = &[
    "customer",
    "user",
    "person",
    "people",
    "owner",
    "contact",
    "billing_details",
    "billing",
    "billing_address",
    "shipping",
    "shipping_address",
    "address",
    "author",
    "committer",
    "profile",
    "account_holder",
    "cardholder",
    "recipient",
    "sender",
    "individual",
    "employee",
    "patient",
    "member",
    "assignee",
    "guest",
    "buyer",
    "seller",
    "payer",
    "payee",
    "passenger",
    "student",
    "subscriber",
    "attendee",
    "participant",
    "representative",
    "beneficiary",
    "client",
    "holder",
    "creator",
    "reporter",
    "requester",
    "submitter",
    "lead",
    "driver",
    "tenant_user",
    "caller",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_decide_as_people_read_them() {
        let body = |path: &[&str]| rule(path, Position::Body, false);
        for (path, expected) in [
            (&["client_secret"][..], Rule::Secret),
            (&["accessToken"], Rule::Secret),
            (&["data", "apiKey"], Rule::Secret),
            (&["user", "password"], Rule::Constant),
            (&["token_type"], Rule::Value),
            (&["next_page_token"], Rule::Value),
            (&["tokenization_method"], Rule::Value),
            (&["firstName"], Rule::Name),
            (&["customer", "name"], Rule::MaybeName),
            (&["customer_name"], Rule::MaybeName),
            (&["product", "name"], Rule::Value),
            (&["user", "username"], Rule::Value),
            (&["billing_details", "address", "line1"], Rule::Place),
            (&["dob", "year"], Rule::BirthDate),
            (&["card", "exp", "year"], Rule::Value),
            (&["status"], Rule::Value),
            (&["code"], Rule::Value),
        ] {
            assert_eq!(body(path), expected, "{path:?}");
        }
        assert_eq!(rule(&["code"], Position::Query, false), Rule::Secret);
        assert_eq!(rule(&["Stripe-Signature"], Position::Header, false), Rule::Secret);
        assert_eq!(rule(&["x-ratelimit-remaining-tokens"], Position::Header, false), Rule::Value);
        assert_eq!(rule(&["X-Kh-Key"], Position::Header, false), Rule::Secret);
        assert_eq!(rule(&["Idempotency-Key"], Position::Header, false), Rule::Value);
        assert!(["X-Kh-Key", "x-acme-token"].into_iter().all(is_credential));
        let others =
            ["idempotency-key", "X-CSRF-Token", "X-Continuation-Token", "X-Next-Token", "accept"];
        assert!(!others.into_iter().any(is_credential));
    }
}
