//! The last look before something leaves the house.

use models::Model;
use observer::scrub::is_secret;

use crate::contents::MODEL;
use crate::documents::Documents;

/// What looks like a credential.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Suspect {
    /// From 1.
    pub(crate) line: usize,
    /// Its beginning: enough to find it by, too little to use it.
    pub(crate) shown: String,
}

/// Characters of a suspect that are shown.
const SHOWN: usize = 10;

/// The first thing that looks like a credential, and its file.
///
/// The model's `examples` are left out: they are the vendor's own, as its published description
/// prints them.
pub(crate) fn first(documents: &Documents, model: &Model) -> Option<(String, Suspect)> {
    let in_documents =
        documents.iter().find_map(|(path, text)| Some((path.to_owned(), of_file(path, text)?)));
    in_documents.or_else(|| {
        let mut document = model.to_value();
        if let Some(members) = document.as_object_mut() {
            members.remove("examples");
        }
        let text = serde_json::to_string_pretty(&document).ok()?;
        Some((MODEL.to_owned(), of_text(&text, is_credential)?))
    })
}

fn of_file(path: &str, text: &str) -> Option<Suspect> {
    match path {
        // It names what the twin was made from by digest.
        "provenance.json" => of_text(text, |token| is_credential(token) && !is_digest(token)),
        _ => of_text(text, is_credential),
    }
}

fn is_credential(token: &str) -> bool {
    is_secret(token) && !is_of_words(token) && !is_alphabet(token)
}

/// Whether most characters follow the one before, as in the alphabets that ids are drawn from.
fn is_alphabet(token: &str) -> bool {
    let pairs = token.as_bytes().windows(2);
    let following = pairs.filter(|pair| pair[1] == pair[0].wrapping_add(1)).count();
    following * 5 >= token.len() * 4
}

/// A SHA-256 or the name of a git commit.
fn is_digest(token: &str) -> bool {
    matches!(token.len(), 40 | 64) && token.bytes().all(|byte| byte.is_ascii_hexdigit())
}

fn of_text(text: &str, is_credential: impl Fn(&str) -> bool) -> Option<Suspect> {
    text.lines().enumerate().find_map(|(index, line)| {
        let secret = tokens(line).find(|token| is_credential(token))?;
        let shown = secret.chars().take(SHOWN).collect::<String>() + "…";
        Some(Suspect { line: index + 1, shown })
    })
}

fn tokens(line: &str) -> impl Iterator<Item = &str> {
    let is_of_token = |c: char| c.is_ascii_alphanumeric() || "_-.+/=".contains(c);
    let words = line.split(move |c| !is_of_token(c)).flat_map(|token| {
        // `name=value`, and a path's or a sentence's punctuation, are no part of a credential.
        let value = token
            .rsplit_once('=')
            .map_or(token, |(before, after)| if after.is_empty() { before } else { after });
        [token.trim_matches(['.', '=', '/']), value.trim_matches(['.', '=', '/'])]
    });
    let pem =
        line.find("-----BEGIN ").map(|at| &line[at..]).filter(|rest| rest.contains("PRIVATE"));
    words.chain(pem)
}

/// Whether a token of a credential's form is made of words, as `whsec_sim_test_secret` is: twins
/// sign with such, and who reads them knows that they are none.
fn is_of_words(token: &str) -> bool {
    token.split(['_', '-', '.']).all(|part| {
        part.bytes().all(|byte| byte.is_ascii_lowercase())
            && (part.len() < WORD_MIN || is_read(part))
    })
}

/// Letters from which a part that cannot be read is no abbreviation.
const WORD_MIN: usize = 10;
/// The pairs of letters that English is mostly made of.
///
/// # Source
///
/// Norvig, "English Letter Frequency Counts" (2013): these are four fifths of all pairs in running text, and
/// a fifth of those that can be drawn.
const PAIRS: &str = "th he in er an re on at en nd ti es or te of ed is it al ar st to nt ng se ha as ou io le \
    ve co me de hi ri ro ic ne ea ra ce li ch ll be ma si om ur ca el ta la ns di fo ho pe ec pr no ct us ac ot \
    il tr ly nc et ut ss so rs un lo wa ge ie wh ee wi em ad ol rt po we na ul ni ts mo ow pa im mi ai sh ir su \
    id os iv ia am fi ci vi pl ig tu ev ld ry mp fe bl ab gh ty op wo sa ay ex ke ui ft ap up ag cl ue do ef \
    cu ov da oo ei rd ck by rc ub od go qu rm lt tt uc um ug ga cr if sc ks ym tm ok rk ps gr bo";

/// Whether letters follow one another as in words: at random, a quarter do.
fn is_read(part: &str) -> bool {
    let known = |pair: &[u8]| PAIRS.split_ascii_whitespace().any(|one| one.as_bytes() == pair);
    let pairs = part.as_bytes().windows(2);
    let (of, read) = (pairs.len(), pairs.filter(|pair| known(pair)).count());
    2 * read >= of
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_found_by_line_and_words_are_not() {
        let line = |text: &str| of_file("twin.json", text).map(|suspect| suspect.line);
        assert_eq!(line("{\n  \"secret\": \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"}"), Some(2));
        assert_eq!(line("local key = 'sk_live_4eC39HqLyjWDarjtT1zdp7dc'"), Some(1));
        assert_eq!(line("token=ghp_16C7e42F292c6912E7710c838347Ae178B4a"), Some(1));
        assert_eq!(line("-----BEGIN RSA PRIVATE KEY-----"), Some(1));
        assert_eq!(line("key: sk_live_qmzvtxkwjhbpdrglncfyusqe"), Some(1));
        assert_eq!(line("key: whsec_wkqjzxhvbtmpnrdgcfylskqwz"), Some(1));
        assert_eq!(line("\"secret\": \"whsec_sim_test_secret\""), None);
        assert_eq!(line("\"secret\": \"whsec_internationalisation_secret\""), None);
        assert_eq!(line("\"new_secret\": \"whsec_{{base62:32}}\""), None);
        assert_eq!(line("-- charges /v1/payment_intents/{intent}/capture, see wt.import"), None);
    }

    #[test]
    fn little_is_shown() {
        let shown = of_file("x", "sk_live_4eC39HqLyjWDarjtT1zdp7dc").unwrap().shown;
        assert_eq!(shown, "sk_live_4e…");
    }
}
