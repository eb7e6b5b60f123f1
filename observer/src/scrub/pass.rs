//! One pass over one exchange: a value and its name in, what stands for it out.

use std::cell::RefCell;
use std::collections::BTreeMap;

use base64::Engine as _;

use super::keys::{Position, Rule};
use super::pseudonym::Pseudonyms;
use super::{Names, Scrubber, coding, json, lexer, personal, secret, text};

/// Values known to be personal by the name they stood under, and what stands for each.
pub(super) type Known = BTreeMap<String, String>;

/// How many layers of encoding are undone, one inside the other.
const LAYERS_MAX: u8 = 4;

/// Scrubs the values of one exchange and remembers those that only their name gave away.
pub(super) struct Pass<'s> {
    pub(super) pseudonyms: &'s Pseudonyms,
    names: &'s Names,
    known: Known,
    found: RefCell<Known>,
}

impl<'s> Pass<'s> {
    pub(super) fn new(scrubber: &'s Scrubber, known: Known) -> Pass<'s> {
        let Scrubber { pseudonyms, names } = scrubber;
        Pass { pseudonyms, names, known, found: RefCell::default() }
    }

    /// What this pass found out, for the next to look for everywhere.
    pub(super) fn into_found(self) -> Known {
        self.found.into_inner()
    }

    /// The values to look for in free text.
    pub(super) fn known(&self) -> &Known {
        &self.known
    }

    /// A value under a name; `None` where it may stay.
    pub(super) fn named(
        &self,
        path: &[&str],
        position: Position,
        person: bool,
        value: &str,
    ) -> Option<String> {
        self.ruled(self.rule(path, position, person), value, 0)
    }

    /// What the name, the last of `path`, says of its value.
    pub(super) fn rule(&self, path: &[&str], position: Position, person: bool) -> Rule {
        self.names.rule(path, position, person)
    }

    /// A value under a rule; `None` where it may stay.
    pub(super) fn ruled(&self, rule: Rule, value: &str, depth: u8) -> Option<String> {
        if value.is_empty() {
            return None;
        }
        match rule {
            Rule::Value => self.value(value, depth),
            Rule::Secret | Rule::Constant if is_setting(value) => None,
            Rule::Secret => Some(self.remember(value, self.secret(value))),
            Rule::Constant => Some(self.remember(value, constant(value))),
            Rule::Name | Rule::MaybeName if !reads_like_a_name(value) => self.value(value, depth),
            Rule::MaybeName if is_handle(value) => self.value(value, depth),
            Rule::MaybeName if !value.contains(' ') => {
                Some(self.by_form_or(value, |p| p.words(value)))
            }
            Rule::Name | Rule::MaybeName => {
                Some(self.by_form_or(value, |p| self.remember(value, p.words(value))))
            }
            Rule::Number => Some(self.by_form_or(value, |p| self.remember(value, p.words(value)))),
            Rule::Place => Some(self.by_form_or(value, |p| p.words(value))),
            Rule::Phone | Rule::BirthDate if value.contains("://") => self.value(value, depth),
            Rule::Phone => Some(self.by_form_or(value, |p| p.digits(value))),
            Rule::BirthDate => Some(self.pseudonyms.date(value)),
            Rule::Coordinate => Some(self.pseudonyms.coordinate(value)),
        }
    }

    /// A number under a rule, in its JSON or decimal form; still a number afterwards.
    pub(super) fn number(&self, rule: Rule, lexeme: &str) -> Option<String> {
        let integer = lexeme.bytes().all(|b| b.is_ascii_digit());
        match rule {
            Rule::Coordinate => Some(self.pseudonyms.coordinate(lexeme)),
            Rule::Constant if integer => Some("1".repeat(lexeme.len())),
            Rule::Number | Rule::Phone | Rule::Place if integer => {
                Some(self.pseudonyms.digits(lexeme))
            }
            Rule::BirthDate if integer && lexeme.len() <= 4 => {
                Some(self.pseudonyms.date(lexeme).trim_start_matches('0').to_owned())
            }
            _ if personal::is_card(lexeme) => {
                Some(self.pseudonyms.personal(personal::Kind::Card, lexeme))
            }
            _ => None,
        }
    }

    /// A value that speaks for itself; `None` where it may stay.
    pub(super) fn value(&self, value: &str, depth: u8) -> Option<String> {
        if value.is_empty() || LAYERS_MAX < depth {
            return None;
        }
        if let Some(replacement) = self.known.get(value) {
            return Some(replacement.clone());
        }
        if let Some(replacement) = self.token(value, depth) {
            return Some(replacement);
        }
        if json::is_document(value) {
            return json::scrub(self, value, depth + 1);
        }
        text::scrub(self, value, depth)
    }

    /// A single token by its form: secret, personal, encoded text or identifier.
    pub(super) fn token(&self, token: &str, depth: u8) -> Option<String> {
        if token.len() < 4 || LAYERS_MAX < depth || secret::is_replacement(token) {
            return None;
        }
        if secret::is_jwt(token) {
            return Some(self.jwt(token, depth));
        }
        if let Some(prefix) = secret::vendor_prefix(token) {
            if token.bytes().any(|b| b.is_ascii_whitespace()) {
                return None; // a PEM block or a sentence: `text` finds its bounds
            }
            return Some(self.pseudonyms.secret(prefix, token));
        }
        if let Some(at) = secret::client_secret_split(token) {
            return Some(self.client_secret(token, at));
        }
        if let Some(kind) = personal::kind(token) {
            return Some(self.pseudonyms.personal(kind, token));
        }
        match self.encoded(token, depth) {
            Encoded::Replaced(replacement) => return Some(replacement),
            Encoded::Harmless => return None,
            Encoded::No => {}
        }
        lexer::class(token).map(|class| self.pseudonyms.id(class, token))
    }

    /// What stands for a credential: its scheme and public prefix stay.
    pub(super) fn secret(&self, value: &str) -> String {
        if secret::is_replacement(value) {
            return value.to_owned();
        }
        for form in ["sha1=", "sha256=", "v0=", "v1="] {
            if let Some(signature) = value.strip_prefix(form) {
                return format!("{form}{}", self.pseudonyms.secret("", signature));
            }
        }
        if let Some(at) = secret::client_secret_split(value) {
            return self.client_secret(value, at);
        }
        self.pseudonyms.secret(secret::vendor_prefix(value).unwrap_or(""), value)
    }

    /// `pi_…_secret_…`: the id in front is an id elsewhere too.
    fn client_secret(&self, value: &str, at: usize) -> String {
        let (public, hidden) = value.split_at(at);
        let id = public.trim_end_matches("_secret_");
        let id = self.token(id, 0).unwrap_or_else(|| id.to_owned());
        format!("{id}_secret_{}", self.pseudonyms.secret("", hidden))
    }

    fn encoded(&self, token: &str, depth: u8) -> Encoded {
        // A whole URL or pair is taken apart elsewhere; encoded as one it would lose its form.
        if !token.contains(['/', '?', '&', '=', ':', '#', ' ']) && coding::has_percent(token) {
            let decoded = coding::percent_decode(token, false);
            let scrubbed = decoded.and_then(|decoded| self.value(&decoded, depth + 1));
            return match scrubbed {
                Some(scrubbed) => Encoded::Replaced(coding::percent_encode(&scrubbed, b"")),
                None => Encoded::No,
            };
        }
        if let Some((line, _)) = token.split_once('\n') {
            return self.wrapped(token, line.len(), depth);
        }
        let Some((decoded, writer)) = coding::base64_text(token) else { return Encoded::No };
        match self.value(&decoded, depth + 1) {
            Some(scrubbed) => Encoded::Replaced(writer.encode(scrubbed)),
            None => Encoded::Harmless,
        }
    }

    /// Base64 in lines of equal width, as files are sent.
    fn wrapped(&self, token: &str, width: usize, depth: u8) -> Encoded {
        if width < 16 || !token.bytes().all(|b| b == b'\n' || coding::is_base64_byte(b)) {
            return Encoded::No;
        }
        match self.encoded(&token.replace('\n', ""), depth) {
            Encoded::Replaced(text) => {
                // Base64 is ASCII, so that any width is a boundary.
                let lines: Vec<&str> = (0..text.len())
                    .step_by(width)
                    .map(|at| &text[at..text.len().min(at + width)])
                    .collect();
                let end = if token.ends_with('\n') { "\n" } else { "" };
                Encoded::Replaced(lines.join("\n") + end)
            }
            other => other,
        }
    }

    /// Header and claims are scrubbed as documents, the signature becomes a replacement.
    fn jwt(&self, token: &str, depth: u8) -> String {
        let mut parts = token.split('.');
        let mut document = || {
            let decoded = String::from_utf8(coding::base64_url(parts.next()?)?).ok()?;
            let scrubbed = json::scrub(self, &decoded, depth + 1).unwrap_or(decoded);
            Some(coding::to_base64_url(scrubbed.as_bytes()))
        };
        match (document(), document()) {
            (Some(header), Some(claims)) => {
                format!("{header}.{claims}.{}", self.pseudonyms.secret("", token))
            }
            _ => self.pseudonyms.secret("", token),
        }
    }

    /// By its form where it has one (an email under `name`), else as `otherwise` says.
    fn by_form_or(&self, value: &str, otherwise: impl FnOnce(&Pseudonyms) -> String) -> String {
        self.token(value, 0).unwrap_or_else(|| otherwise(self.pseudonyms))
    }

    /// Keeps a value for the next pass, unless it is a word that stands anywhere.
    fn remember(&self, value: &str, replacement: String) -> String {
        let is_word = value.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
        let is_number = value.bytes().all(|b| b.is_ascii_digit() || b == b'.');
        if 4 <= value.len() && !is_word && !is_number && !secret::is_replacement(value) {
            self.found.borrow_mut().insert(value.to_owned(), replacement.clone());
        }
        replacement
    }
}

/// What an encoded token turned out to hold.
enum Encoded {
    /// It is none, or its content does not settle what it is.
    No,
    /// Text with nothing to hide.
    Harmless,
    /// Text with something replaced, encoded again.
    Replaced(String),
}

/// A word that says what is done with a secret (`permissions.secrets: "read"`), not the secret.
fn is_setting(value: &str) -> bool {
    const SETTINGS: [&str; 12] = [
        "read", "write", "admin", "none", "true", "false", "null", "required", "optional",
        "enabled", "disabled", "bearer",
    ];
    SETTINGS.contains(&value)
}

/// One lower-case word, hyphens allowed: part of paths, and no more a name than an id is.
fn is_handle(value: &str) -> bool {
    value.bytes().all(|b| b.is_ascii_lowercase() || b == b'-' || b == b'.')
}

/// Letters, spaces and what stands between names; `octokit/octokit.rb` and `build-2` are no names.
fn reads_like_a_name(value: &str) -> bool {
    value.chars().any(char::is_alphabetic)
        && value.chars().all(|c| c.is_alphabetic() || " .,'’-()·\u{301}".contains(c))
        && !value.contains("://")
}

/// What stands for a password or a code: the same for everybody.
fn constant(value: &str) -> String {
    if value.bytes().all(|b| b.is_ascii_digit()) {
        "1".repeat(value.len())
    } else {
        secret::MARK.trim_end_matches('-').to_owned()
    }
}
