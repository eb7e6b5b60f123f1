//! Recall, measured: made-up secrets and personal data planted wherever an exchange has room.
//!
//! Seeded, 500 a class; each stands in a header, path, query, body, nested object, array, form,
//! sentence, JSON inside a string and base64 of one and the same exchange, under names that say
//! nothing. None of the values is or was anybody's.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::personal::{self, Kind};
use super::{Scrubber, coding, lexer, secret};
use crate::exchange::{Direction, RawBody, RawExchange};

const EACH: usize = 500;

/// xorshift64*: canaries must be the same on every run.
struct Seeded(u64);

impl Seeded {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % bound as u64).expect("less than a usize")
    }

    fn of(&mut self, alphabet: &str, length: usize) -> String {
        let alphabet = alphabet.as_bytes();
        let pick = |s: &mut Seeded| char::from(alphabet[s.below(alphabet.len())]);
        (0..length).map(|_| pick(self)).collect()
    }
}

const ALNUM: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const HEX: &str = "0123456789abcdef";
const DIGITS: &str = "0123456789";

type Make = fn(&mut Seeded) -> String;

fn uuid(s: &mut Seeded) -> String {
    let hex = s.of(HEX, 32);
    format!("{}-{}-4{}-a{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..])
}

fn jwt(s: &mut Seeded) -> String {
    let claims = format!("{{\"sub\":\"user_{}\",\"email\":\"{}\"}}", s.of(ALNUM, 16), email(s));
    format!(
        "{}.{}.{}",
        coding::to_base64_url(br#"{"alg":"HS256","typ":"JWT"}"#),
        coding::to_base64_url(claims.as_bytes()),
        s.of(ALNUM, 43)
    )
}

const SECRETS: &[(&str, Make)] = &[
    ("stripe secret", |s| format!("sk_{}_{}", ["test", "live"][s.below(2)], s.of(ALNUM, 24))),
    ("stripe restricted", |s| format!("rk_live_{}", s.of(ALNUM, 24))),
    ("stripe client secret", |s| format!("pi_{}_secret_{}", s.of(ALNUM, 24), s.of(ALNUM, 25))),
    ("webhook secret", |s| format!("whsec_{}", s.of(ALNUM, 32))),
    ("github", |s| format!("{}_{}", ["ghp", "gho", "ghs"][s.below(3)], s.of(ALNUM, 36))),
    ("github fine", |s| format!("github_pat_{}_{}", s.of(ALNUM, 22), s.of(ALNUM, 59))),
    ("slack", |s| {
        let kind = ["a", "b", "r", "o", "p", "s"][s.below(6)];
        format!("xox{kind}-{}-{}-{}", s.of(DIGITS, 12), s.of(DIGITS, 12), s.of(ALNUM, 24))
    }),
    ("resend", |s| format!("re_{}_{}", s.of(ALNUM, 8), s.of(ALNUM, 24))),
    ("posthog", |s| format!("{}_{}", ["phx", "phc"][s.below(2)], s.of(ALNUM, 43))),
    ("linear", |s| format!("lin_api_{}", s.of(ALNUM, 40))),
    ("twilio key", |s| format!("SK{}", s.of(HEX, 32))),
    ("plaid", |s| format!("access-sandbox-{}", uuid(s))),
    ("aws", |s| format!("AKIA{}", s.of("ABCDEFGHIJKLMNOPQRSTUVWXYZ234567", 16))),
    ("sendgrid", |s| format!("SG.{}.{}", s.of(ALNUM, 22), s.of(ALNUM, 43))),
    ("jwt", jwt),
    ("openai", |s| format!("sk-proj-{}", s.of(ALNUM, 48))),
    ("unknown vendor", |s| format!("{}7{}4{}0", s.of(ALNUM, 16), s.of(ALNUM, 12), s.of(ALNUM, 8))),
];

fn email(s: &mut Seeded) -> String {
    format!("{}.{}@{}.test", s.of("abcdefghij", 6), s.of("klmnopqrst", 7), s.of("uvwxyz", 8))
}

fn card(s: &mut Seeded) -> String {
    let body = format!("4{}", s.of(DIGITS, 14));
    let sum = personal::luhn_sum(format!("{body}0").bytes().rev());
    format!("{body}{}", (10 - sum % 10) % 10)
}

fn iban(s: &mut Seeded) -> String {
    let account = s.of(DIGITS, 18);
    let check = 98 - personal::iban_remainder(&format!("DE00{account}"));
    format!("DE{check:02}{account}")
}

const PERSONAL: &[(&str, Make)] = &[
    ("email", email),
    ("phone", |s| {
        format!("+{}{}", ["1415", "4420", "4930", "8190"][s.below(4)], s.of("23456789", 7))
    }),
    ("card", card),
    ("iban", iban),
    ("ssn", |s| format!("{}-{}-{}", 100 + s.below(500), 10 + s.below(89), 1000 + s.below(8999))),
    ("ipv4", |s| format!("203.{}.{}.{}", s.below(256), s.below(256), 1 + s.below(254))),
    ("ipv6", |s| {
        format!(
            "2001:470:{}:{}::{}",
            s.of("123456789", 3),
            s.of("123456789", 3),
            s.of("123456789", 3)
        )
    }),
];

fn text_body(media_type: &'static str, text: String) -> RawBody<'static> {
    RawBody {
        media_type: Cow::Borrowed(media_type),
        bytes: Cow::Owned(text.into_bytes()),
        truncated: false,
    }
}

fn planted(canary: &str) -> RawExchange<'static> {
    let encoded = coding::percent_encode(canary, b"");
    let in_base64 = STANDARD.encode(format!("note: {canary} (see above)"));
    let in_json = serde_json::json!({ "inner": { "text": canary } }).to_string();
    let body = serde_json::json!({
        "note": canary,
        "nested": { "deep": [{ "remark": canary }, canary] },
        "message": format!("Request failed for {canary}, try again."),
        "pair": format!("remark={canary}&b=1"),
        "raw": in_json,
        "blob": in_base64,
        "status": "active",
    });
    RawExchange {
        direction: Direction::Call,
        seen_at_us: 0,
        latency_us: 0,
        method: "POST".into(),
        url: format!("https://api.example.test/v1/things/{encoded}/parts?note={encoded}&limit=10")
            .into(),
        request_headers: vec![("X-Note".into(), canary.to_owned().into())],
        request_body: Some(text_body(
            "application/x-www-form-urlencoded",
            format!(
                "amount=5&note={encoded}&meta[remark]={encoded}&blob={}",
                coding::percent_encode(&in_base64, b"")
            ),
        )),
        status: 200,
        response_headers: vec![("X-Echo".into(), format!("seen {canary}").into())],
        response_body: Some(text_body("application/json", body.to_string())),
    }
}

/// Everything written, once as it stands and once with percent-encoding and base64 undone.
fn written(exchange: &RawExchange<'_>) -> String {
    let body = |body: &Option<RawBody<'_>>| {
        body.as_ref().map_or(String::new(), |b| String::from_utf8_lossy(&b.bytes).into_owned())
    };
    let mut out = format!(
        "{}\n{:?}\n{}\n{:?}\n{}",
        exchange.url,
        exchange.request_headers,
        body(&exchange.request_body),
        exchange.response_headers,
        body(&exchange.response_body)
    );
    let decoded = coding::percent_decode(&out, false).unwrap();
    out.push_str(&decoded);
    let blobs: Vec<String> = decoded
        .split(|c: char| !(c.is_ascii_alphanumeric() || "+/=".contains(c)))
        .flat_map(|word| [word, word.trim_start_matches("blob=")])
        .filter_map(|word| coding::base64_text(word).map(|(text, _)| text))
        .collect();
    out.push_str(&blobs.join("\n"));
    out.push_str(&out.replace('\\', ""));
    out
}

fn missed(make: Make, seed: u64) -> Vec<String> {
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(seed);
    (0..EACH)
        .filter_map(|_| {
            let canary = make(&mut seeded);
            let out = written(&scrubber.scrub(planted(&canary)));
            out.contains(&canary).then(|| format!("{canary}\n{out}"))
        })
        .collect()
}

#[test]
fn every_planted_secret_is_replaced() {
    for (at, (class, make)) in SECRETS.iter().enumerate() {
        let missed = missed(*make, 0x5eed + at as u64);
        assert!(
            missed.is_empty(),
            "{class}: {} of {EACH} left, one is {}",
            missed.len(),
            missed[0]
        );
    }
}

#[test]
fn personal_data_is_replaced_in_at_least_995_of_1000() {
    for (at, (class, make)) in PERSONAL.iter().enumerate() {
        let missed = missed(*make, 0xca11 + at as u64);
        assert!(
            missed.len() * 1000 <= EACH * 5,
            "{class}: {} of {EACH} left, one is {}",
            missed.len(),
            missed[0]
        );
    }
}

#[test]
fn secrets_are_told_and_words_are_not_by_the_shapers_test() {
    let mut seeded = Seeded(11);
    for (class, make) in SECRETS {
        for _ in 0..EACH {
            let canary = make(&mut seeded);
            assert!(secret::is_secret(&canary), "{class}: {canary}");
        }
    }
    for (class, make) in PERSONAL {
        for _ in 0..EACH {
            let canary = make(&mut seeded);
            assert!(personal::is_personal(&canary), "{class}: {canary}");
        }
    }
}

/// Where the place alone gives a secret away, and nothing about its form does.
#[test]
fn a_secret_in_its_position_is_replaced_whatever_it_looks_like() {
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(77);
    for _ in 0..EACH {
        let mut word = || format!("zq{}", seeded.of("abcdefghijklmnopqrstuvwxyz", 9));
        let canaries: Vec<String> = (0..16).map(|_| word()).collect();
        let c = &canaries;
        let exchange = RawExchange {
            direction: Direction::Delivery,
            seen_at_us: 0,
            latency_us: 0,
            method: "POST".into(),
            url: format!(
                "https://{}:{}@api.test/x?token={}&sig={}&code={}&api_key={}",
                c[0], c[1], c[2], c[3], c[4], c[5]
            )
            .into(),
            request_headers: vec![
                ("Authorization".into(), format!("Bearer {}", c[6]).into()),
                ("cookie".into(), format!("sid={}; theme={}", c[7], c[8]).into()),
                ("X-Vendor-Signature".into(), format!("t=1700000000,v1={}", c[9]).into()),
                ("X-Api-Key".into(), c[10].clone().into()),
            ],
            request_body: Some(text_body(
                "application/x-www-form-urlencoded",
                format!("client_secret={}&user[password]={}", c[11], c[12]),
            )),
            status: 200,
            response_headers: vec![(
                "Set-Cookie".into(),
                format!("sid={}; Path=/; HttpOnly", c[13]).into(),
            )],
            response_body: Some(text_body(
                "application/json",
                format!(r#"{{"accessToken":"{}","error":"bad token: {}"}}"#, c[14], c[15]),
            )),
        };
        let out = written(&scrubber.scrub(exchange));
        for canary in &canaries {
            assert!(!out.contains(canary.as_str()), "{canary} in {out}");
        }
        assert!(out.contains("t=1700000000,v1=") && out.contains("; Path=/; HttpOnly"));
    }
}

#[test]
fn names_and_addresses_go_by_their_keys_and_from_the_rest_of_the_exchange() {
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(5);
    for _ in 0..EACH {
        let mut word = |n| {
            let tail = seeded.of("abcdefghijklmnopqrstuvwxyz", n);
            format!("Q{tail}")
        };
        let (first, last, street, city) = (word(6), word(8), word(9), word(7));
        let body = serde_json::json!({
            "object": "customer",
            "name": format!("{first} {last}"),
            "individual": { "first_name": first, "last_name": last, "dob": { "day": 17, "month": 11, "year": 2003 } },
            "billing_details": { "address": { "line1": format!("12 {street}"), "city": city, "country": "DE" } },
            "birth_date": "2003-11-17",
            "description": format!("Invoice for {first} {last}"),
            "status": "active",
        });
        let exchange = RawExchange {
            request_body: None,
            response_body: Some(text_body("application/json", body.to_string())),
            ..planted("nothing")
        };
        let after = scrubber.scrub(exchange);
        let out = written(&after);
        for word in [&first, &last, &street, &city, &"2003".to_owned()] {
            assert!(!out.contains(word.as_str()), "{word} in {out}");
        }
        let body: serde_json::Value =
            serde_json::from_slice(&after.response_body.unwrap().bytes).unwrap();
        assert_eq!(
            (&body["status"], &body["billing_details"]["address"]["country"]),
            (&"active".into(), &"DE".into())
        );
        let full = format!(
            "{} {}",
            body["individual"]["first_name"].as_str().unwrap(),
            body["individual"]["last_name"].as_str().unwrap()
        );
        assert_eq!(body["name"], full.as_str());
        assert_eq!(body["description"], format!("Invoice for {full}").as_str());
    }
}

/// An id handed out by a POST, used in a path, a query and a form, shown again in a webhook.
#[test]
fn relations_between_exchanges_survive() {
    const IDS: &[Make] = &[
        |s| format!("cus_{}", s.of(ALNUM, 13) + "7"),
        uuid,
        |s| format!("01HV{}5", s.of("0123456789ABCDEFGHJKMNPQRSTVWXYZ", 21)),
        |s| format!("AC{}", s.of(HEX, 32)),
        |s| format!("65f1{}0", s.of(HEX, 19)),
        email,
    ];
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(21);
    for make in IDS {
        for _ in 0..EACH {
            let id = make(&mut seeded);
            let with = |url: String, body: Option<RawBody<'static>>| RawExchange {
                url: url.into(),
                request_body: None,
                response_body: body,
                ..planted("nothing")
            };
            let created = with(
                "https://api.test/v1/things".into(),
                Some(text_body("application/json", format!(r#"{{"id":"{id}"}}"#))),
            );
            let read = with(
                format!(
                    "https://api.test/v1/things/{id}.json?after={}",
                    coding::percent_encode(&id, b"")
                ),
                None,
            );
            let event = with(
                "https://app.test/hook".into(),
                Some(text_body(
                    "application/json",
                    format!(r#"{{"data":{{"object":{{"ref":"{id}"}}}}}}"#),
                )),
            );
            let body = scrubber.scrub(created).response_body.unwrap();
            let id_of = |bytes: &[u8], pointer: &str| {
                serde_json::from_slice::<serde_json::Value>(bytes)
                    .unwrap()
                    .pointer(pointer)
                    .unwrap()
                    .as_str()
                    .unwrap()
                    .to_owned()
            };
            let replaced = id_of(&body.bytes, "/id");
            assert_ne!(replaced, id);
            assert_eq!(lexer::class(&replaced), lexer::class(&id), "{id} became {replaced}");
            let encoded = coding::percent_encode(&replaced, b"");
            let url = scrubber.scrub(read).url;
            assert!(url.ends_with(&format!("?after={encoded}")), "{url} without {replaced}");
            assert!(
                url.contains(&format!("/things/{replaced}.json"))
                    || url.contains(&format!("/things/{encoded}.json")),
                "{url} without {replaced}"
            );
            let event = scrubber.scrub(event).response_body.unwrap();
            assert_eq!(id_of(&event.bytes, "/data/object/ref"), replaced);
        }
    }
}

/// An independent reading of the output: plain expressions, not the scrubber's own rules.
#[test]
fn an_independent_rule_set_finds_nothing_left() {
    let rules = regex::Regex::new(
        r"(?x) (?:sk|rk)_(?:live|test)_[A-Za-z0-9]{24} | gh[posu]_[A-Za-z0-9]{36} | xox[abprs]-[0-9]{12}
        | AKIA[A-Z2-7]{16} | lin_api_[A-Za-z0-9]{40} | [a-z.]+@[a-z]+\.test | (?:^|[^0-9.])203\.[0-9]+\.[0-9]+\.[0-9]+ ",
    )
    .unwrap();
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(31);
    for (class, make) in SECRETS.iter().chain(PERSONAL) {
        for _ in 0..50 {
            let out = written(&scrubber.scrub(planted(&make(&mut seeded))));
            let left = rules.find(&out);
            assert!(left.is_none(), "{class}: {left:?}");
        }
    }
}

#[test]
fn kinds_are_kept() {
    let scrubber = Scrubber::new([9; 32]);
    let mut seeded = Seeded(41);
    for (class, make) in PERSONAL {
        for _ in 0..EACH {
            let text = make(&mut seeded);
            let kind = personal::kind(&text);
            let body = format!("[{}]", serde_json::json!(text));
            let exchange = RawExchange {
                response_body: Some(text_body("application/json", body)),
                ..planted("nothing")
            };
            let body = scrubber.scrub(exchange).response_body.unwrap();
            let values: Vec<String> = serde_json::from_slice(&body.bytes).unwrap();
            assert_eq!(personal::kind(&values[0]), kind, "{class}: {text} became {}", values[0]);
            assert!(kind != Some(Kind::Card) || values[0].len() == text.len());
        }
    }
}
