//! Secrets and personal data inside running text: messages, logs, markup, lists.

use std::ops::Range;
use std::sync::LazyLock;

use regex::Regex;

use super::keys::{Position, Rule};
use super::pass::Pass;
use super::personal::{self, Kind};
use super::{coding, json, secret, target};

/// The text with what it held replaced; `None` where it may stay.
pub(super) fn scrub(pass: &Pass<'_>, text: &str, depth: u8) -> Option<String> {
    let is_short_word =
        text.len() < 16 && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
    if is_short_word {
        return None; // most values; what is known by name is never such a word
    }
    let mut out = String::with_capacity(text.len());
    Scan { pass, depth, out: &mut out }.stage(0, text);
    (out != text).then_some(out)
}

/// Text of many lines, any of which may be a document of its own: NDJSON, event streams.
pub(super) fn scrub_lines(pass: &Pass<'_>, text: &str) -> Option<String> {
    let has_documents = text.lines().any(|line| json::is_document(payload(line)));
    if !has_documents {
        return scrub(pass, text, 0);
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let content = payload(line).trim_end();
        let scrubbed = if json::is_document(content) {
            json::scrub(pass, content, 0)
        } else {
            scrub(pass, content, 0)
        };
        let start = line.len() - payload(line).len();
        out.push_str(&line[..start]);
        out.push_str(scrubbed.as_deref().unwrap_or(content));
        out.push_str(&line[start + content.len()..]);
    }
    (out != text).then_some(out)
}

/// Several lines, the first of them a document: NDJSON under whatever media type.
pub(super) fn is_document_lines(text: &str) -> bool {
    text.trim_end().split_once('\n').is_some_and(|(first, _)| json::is_document(first))
}

/// A line without the field name of an event stream.
fn payload(line: &str) -> &str {
    line.strip_prefix("data:").unwrap_or(line).trim_start()
}

/// One form searched for, with what must hold beyond the expression.
struct Form {
    /// Tells cheaply that a text holds none.
    may_hold: fn(&str) -> bool,
    expression: &'static LazyLock<Regex>,
    replace: fn(&Pass<'_>, &str, u8) -> Option<String>,
}

/// In the order they are looked for: what one has replaced, the next does not see.
static FORMS: &[Form] = &[
    Form {
        may_hold: |text| text.contains("-----BEGIN"),
        expression: &PEM,
        replace: |pass, found, _| Some(pem(pass, found)),
    },
    Form { may_hold: |text| text.contains("://"), expression: &URL, replace: target::scrub_url },
    Form {
        may_hold: |text| text.contains('@'),
        expression: &EMAIL,
        replace: |pass, found, _| checked(pass, found, Kind::Email),
    },
    Form {
        may_hold: |text| 8 <= digits(text),
        expression: &IBAN,
        replace: |pass, found, _| checked(pass, found, Kind::Iban),
    },
    Form {
        may_hold: |text| 13 <= digits(text),
        expression: &CARD,
        replace: |pass, found, _| checked(pass, found, Kind::Card),
    },
    Form {
        may_hold: |text| 8 <= digits(text),
        expression: &PHONE,
        replace: |pass, found, _| checked(pass, found, Kind::Phone),
    },
    Form {
        may_hold: |text| 9 <= digits(text),
        expression: &SSN,
        replace: |pass, found, _| checked(pass, found, Kind::SocialSecurity),
    },
    Form {
        may_hold: |text| 4 <= digits(text) && text.contains('.'),
        expression: &IPV4,
        replace: |pass, found, _| checked(pass, found, Kind::Ipv4),
    },
    Form {
        may_hold: |text| 2 <= text.bytes().filter(|b| *b == b':').take(2).count(),
        expression: &IPV6,
        replace: |pass, found, _| checked(pass, found, Kind::Ipv6),
    },
];

fn digits(text: &str) -> usize {
    text.bytes().filter(u8::is_ascii_digit).count()
}

macro_rules! expression {
    ($name:ident, $pattern:literal) => {
        static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($pattern).expect("a constant that compiles"));
    };
}

expression!(PEM, r"-----BEGIN [A-Z0-9 ]+-----[^-]*(?:-----END [A-Z0-9 ]+-----)?");
expression!(URL, r#"[A-Za-z][A-Za-z0-9+.\-]{1,20}://[^\s"'<>\\^`{|}]+"#);
expression!(EMAIL, r"[\p{L}\p{N}._%+\-']+@[\p{L}\p{N}\-]+(?:\.[\p{L}\p{N}\-]+)*\.[\p{L}\p{N}]{2,}");
expression!(
    IBAN,
    r"\b[A-Z]{2}[0-9]{2}(?:[A-Z0-9]{11,30}|(?: [A-Z0-9]{4}){2,7}(?: [A-Z0-9]{1,4})?)\b"
);
expression!(CARD, r"\b[2-6][0-9]{3}(?:[ \-]?[0-9]{2,6}){2,5}\b");
expression!(
    PHONE,
    r"(?:\+[1-9][0-9 ().\-]{6,20}[0-9]|\(?\b[2-9][0-9]{2}\)?[ .\-]{1,2}[2-9][0-9]{2}[ .\-][0-9]{4}\b)"
);
expression!(SSN, r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b");
expression!(IPV4, r"\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b");
expression!(IPV6, r"[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}");

fn pem(pass: &Pass<'_>, block: &str) -> String {
    let line = block.find('\n').map_or(block.len(), |at| at);
    let head = block[..line].split_inclusive("-----").take(2).collect::<String>();
    let tail = block.rfind("-----END ").map_or("", |at| &block[at..]);
    format!("{head}\n{}\n{tail}", pass.pseudonyms.secret("", block))
}

fn checked(pass: &Pass<'_>, found: &str, kind: Kind) -> Option<String> {
    (personal::kind(found) == Some(kind)).then(|| pass.pseudonyms.personal(kind, found))
}

struct Scan<'p, 's> {
    pass: &'p Pass<'s>,
    depth: u8,
    out: &'p mut String,
}

impl Scan<'_, '_> {
    /// Looks for one form after the other, each in what the former ones left.
    fn stage(&mut self, stage: usize, text: &str) {
        if text.is_empty() {
            return;
        }
        match stage.checked_sub(1) {
            None => self.known(text),
            Some(at) => match FORMS.get(at) {
                Some(form) => self.form(form, stage, text),
                None => self.tokens(text),
            },
        }
    }

    /// Values that only their name gave away, found elsewhere in the exchange; the longest first.
    fn known(&mut self, text: &str) {
        let mut rest = text;
        loop {
            let first = self
                .pass
                .known()
                .iter()
                .filter_map(|(value, replacement)| Some((find_word(rest, value)?, replacement)))
                .min_by_key(|(found, _)| (found.start, usize::MAX - found.end));
            let Some((found, replacement)) = first else { break };
            self.stage(1, &rest[..found.start]);
            self.out.push_str(replacement);
            rest = &rest[found.end..];
        }
        self.stage(1, rest);
    }

    fn form(&mut self, form: &Form, stage: usize, text: &str) {
        if !(form.may_hold)(text) {
            return self.stage(stage + 1, text);
        }
        let mut done = 0;
        for found in form.expression.find_iter(text) {
            if !stands_alone(text, &found.range()) {
                continue;
            }
            if let Some(replacement) = (form.replace)(self.pass, found.as_str(), self.depth) {
                self.stage(stage + 1, &text[done..found.start()]);
                self.out.push_str(&replacement);
                done = found.end();
            }
        }
        self.stage(stage + 1, &text[done..]);
    }

    /// Runs of characters that secrets and ids are made of, with the name in front of each.
    fn tokens(&mut self, text: &str) {
        let mut rest = text;
        let mut label = Label::None;
        while let Some(start) = rest.find(is_token_char) {
            let run = &rest[start..];
            let end = run.find(|c| !is_token_char(c)).unwrap_or(run.len());
            self.out.push_str(&rest[..start]);
            label = self.run(&run[..end], label);
            rest = &run[end..];
        }
        self.out.push_str(rest);
    }

    /// One run; returns what its end announces of the next.
    fn run(&mut self, run: &str, label: Label) -> Label {
        let token = run.trim_end_matches(['.', ':']);
        let tail = &run[token.len()..];
        if label == Label::Secret
            && !token.is_empty()
            && !is_scheme(token)
            && !secret::is_replacement(token)
        {
            self.out.push_str(&self.pass.secret(token));
            self.out.push_str(tail);
            return Label::None;
        }
        self.token(token);
        self.out.push_str(tail);
        let name = token.trim_end_matches('=');
        let assigns = tail.starts_with(':') || name.len() < token.len();
        match label {
            Label::Secret => Label::Secret,
            Label::Name if token.is_empty() || name.is_empty() => Label::Secret,
            _ if is_scheme(token) => Label::Secret,
            _ if is_secret_name(self.pass, name) && assigns => Label::Secret,
            _ if is_secret_name(self.pass, name) => Label::Name,
            _ => Label::None,
        }
    }

    fn token(&mut self, token: &str) {
        if let Some(replacement) = self.pass.token(token, self.depth) {
            self.out.push_str(&replacement);
        } else if let Some((name, value)) = assignment(token) {
            self.token(name);
            self.out.push_str(&token[name.len()..=name.len()]);
            if is_secret_name(self.pass, name) && !secret::is_replacement(value) {
                self.out.push_str(&self.pass.secret(value));
            } else {
                self.token(value);
            }
        } else if token.contains(SEPARATORS) {
            for part in token.split_inclusive(SEPARATORS) {
                let word = part.trim_end_matches(SEPARATORS);
                let replaced = self.pass.token(word, self.depth);
                self.out.push_str(replaced.as_deref().unwrap_or(word));
                self.out.push_str(&part[word.len()..]);
            }
        } else if coding::has_percent(token) {
            let decoded = coding::percent_decode(token, false);
            let scrubbed = decoded.and_then(|decoded| self.pass.value(&decoded, self.depth + 1));
            match scrubbed {
                Some(scrubbed) => self.out.push_str(&coding::percent_encode(&scrubbed, b"")),
                None => self.out.push_str(token),
            }
        } else {
            self.out.push_str(token);
        }
    }
}

const SEPARATORS: [char; 5] = ['/', ':', '.', '=', '~'];

/// What the words before a run say of it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    None,
    /// A name of a secret; a colon or equals sign still has to follow.
    Name,
    /// The next run is a credential.
    Secret,
}

fn is_token_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '+' | '/' | '=' | '%' | '~' | ':')
}

/// `Bearer` and `Basic`, as people write them before a credential.
fn is_scheme(word: &str) -> bool {
    word == "Bearer" || word == "Basic" || word == "bearer"
}

fn is_secret_name(pass: &Pass<'_>, name: &str) -> bool {
    3 <= name.len()
        && matches!(pass.rule(&[name], Position::Body, false), Rule::Secret | Rule::Constant)
}

/// `name=value` or `name:value`, the name a word; not base64 padding.
fn assignment(token: &str) -> Option<(&str, &str)> {
    let (name, value) = token.split_once(['=', ':'])?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let fits = !name.is_empty() && name.chars().all(is_name) && !value.trim_matches('=').is_empty();
    fits.then_some((name, value))
}

/// A number in a version (`curl/8.5.0.1`) or inside a longer word is none of ours.
fn stands_alone(text: &str, found: &Range<usize>) -> bool {
    let mut before = text[..found.start].chars().rev();
    let previous = before.next();
    let first = text[found.start..].chars().next();
    if first.is_some_and(|c| c.is_ascii_digit()) && previous == Some('/') {
        return before.next() == Some('/');
    }
    let joined = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    let last = text[..found.end].chars().next_back();
    let inside_left = joined(previous) && joined(first);
    let inside_right = joined(last) && joined(text[found.end..].chars().next());
    !inside_left && !inside_right
}

/// Where `word` stands in `text` with no letter or digit on either side.
fn find_word(text: &str, word: &str) -> Option<Range<usize>> {
    let joined = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    text.match_indices(word).map(|(at, _)| at..at + word.len()).find(|found| {
        !joined(text[..found.start].chars().next_back())
            && !joined(text[found.end..].chars().next())
    })
}
