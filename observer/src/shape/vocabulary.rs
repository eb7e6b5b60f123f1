//! The distinct tokens of one field, while they may be a closed vocabulary.

use models::JsonType;
use rustc_hash::FxHashSet;

use super::mark::Mark;
use super::word;

/// Distinct tokens of a field beyond which it is taken for open.
///
/// # Source
///
/// INFERENCE §1: exact counts of 64, an enum has at most 50.
pub(crate) const TOKENS_MAX: usize = 64;
/// Witnesses kept per token: enough to decide whether it may stand in clear.
pub(crate) const WITNESSES_MAX: usize = 8;

/// The tokens a field showed in the present segment, or that it is open.
#[derive(Debug, Default)]
pub(crate) struct Vocabulary {
    /// What the model lists; empty where it does not close the field.
    listed: FxHashSet<Box<[u8]>>,
    /// The tokens; emptied when the field turns out open.
    pub(crate) tokens: Vec<Token>,
    /// Of each token.
    marks: Vec<Mark>,
    /// Too many values, or values that are no words.
    pub(crate) open: bool,
    last: usize,
}

/// One token of a field.
#[derive(Debug)]
pub(crate) struct Token {
    pub(crate) text: Box<[u8]>,
    /// In the model's own list.
    pub(crate) listed: bool,
    /// Passes the word lexer; others are only ever counted under their pseudonym.
    pub(crate) is_word: bool,
    /// Exchanges that show it, in the present segment.
    pub(crate) count: u64,
    /// Distinct entities, up to [`WITNESSES_MAX`], over all segments of this process.
    pub(crate) entities: Vec<u64>,
    /// Distinct callers, likewise.
    pub(crate) callers: Vec<u64>,
    /// Microseconds since the epoch, in the present segment.
    pub(crate) first_us: i64,
    pub(crate) last_us: i64,
}

impl Vocabulary {
    /// A vocabulary that the model closes over these values, or leaves open to find out.
    pub(crate) fn of(closed: Option<Vec<Box<[u8]>>>) -> Self {
        Self { listed: closed.into_iter().flatten().collect(), ..Self::default() }
    }

    /// Whether the model lists the field's values.
    pub(crate) fn is_listed(&self) -> bool {
        !self.listed.is_empty()
    }

    /// Whether the model lists a value that reads as a number or boolean.
    pub(crate) fn lists_scalars(&self) -> bool {
        self.listed
            .iter()
            .any(|text| super::form::class_of_parameter(text).json_type() != Some(JsonType::String))
    }

    /// The slot of a string, if it is to be counted; ids, prose and numbers show a field open.
    #[inline]
    pub(crate) fn slot(&mut self, text: &[u8]) -> Option<usize> {
        if self.open {
            return None;
        }
        let mark = Mark::of(text);
        let is = |slot: usize, known: Mark| known.is_same(&self.tokens[slot].text, mark, text);
        if let Some(known) = self.marks.get(self.last)
            && is(self.last, *known)
        {
            return Some(self.last);
        }
        let known = self.marks.iter().enumerate().position(|(slot, known)| is(slot, *known));
        let slot = match known {
            Some(slot) => slot,
            None => self.add(text)?,
        };
        self.last = slot;
        Some(slot)
    }

    fn add(&mut self, text: &[u8]) -> Option<usize> {
        let is_word = word::is_token(text);
        let listed = self.listed.contains(text);
        let full = self.tokens.len() >= TOKENS_MAX.max(2 * self.listed.len());
        if full || (!is_word && self.listed.is_empty()) {
            self.open = true;
            (self.tokens, self.marks) = (Vec::new(), Vec::new());
            return None;
        }
        self.marks.push(Mark::of(text));
        self.tokens.push(Token {
            text: text.into(),
            listed,
            is_word,
            count: 0,
            entities: Vec::new(),
            callers: Vec::new(),
            first_us: i64::MAX,
            last_us: i64::MIN,
        });
        Some(self.tokens.len() - 1)
    }

    /// The token of a slot, unless the field turned out open since.
    pub(crate) fn token_mut(&mut self, slot: usize) -> Option<&mut Token> {
        self.tokens.get_mut(slot)
    }

    /// Starts the next segment: counts begin anew, what was learned of the field stays.
    pub(crate) fn begin_segment(&mut self) {
        for token in &mut self.tokens {
            token.count = 0;
            token.first_us = i64::MAX;
            token.last_us = i64::MIN;
        }
    }
}

impl Token {
    /// Counts one exchange that shows it.
    pub(crate) fn count(&mut self, caller: u64, at_us: i64) {
        self.count += 1;
        self.first_us = self.first_us.min(at_us);
        self.last_us = self.last_us.max(at_us);
        witness(&mut self.callers, caller);
    }

    /// Whether it has as many witnesses as are kept.
    pub(crate) fn is_witnessed(&self) -> bool {
        self.entities.len() >= WITNESSES_MAX
    }

    /// Adds an object that shows it.
    pub(crate) fn witness(&mut self, entity: u64) {
        witness(&mut self.entities, entity);
    }
}

fn witness(seen: &mut Vec<u64>, one: u64) {
    if seen.len() < WITNESSES_MAX && !seen.contains(&one) {
        seen.push(one);
    }
}
