//! What comes again and again in the exchanges of one API, worked out once.

/// Answers to the last few questions.
#[derive(Debug)]
pub(super) struct Memo<Q, A>(Vec<(Q, A)>);

/// Questions kept: more than an API has kinds of, few enough to look through.
const KEPT_MAX: usize = 32;

impl<Q, A> Default for Memo<Q, A> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<Q, A> Memo<Q, A> {
    /// The answer to the question that `is` knows, from `answer` where it is new.
    pub(super) fn get(&mut self, is: impl Fn(&Q) -> bool, answer: impl FnOnce() -> (Q, A)) -> &A {
        let known = self.0.iter().position(|(question, _)| is(question));
        let at = known.unwrap_or_else(|| {
            if self.0.len() == KEPT_MAX {
                self.0.clear();
            }
            self.0.push(answer());
            self.0.len() - 1
        });
        &self.0[at].1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_is_answered_once_while_it_is_kept() {
        let (mut memo, mut asked) = (Memo::default(), Vec::new());
        let kept = i32::try_from(KEPT_MAX).unwrap();
        for question in (0..kept).chain(0..kept).chain([kept, 0]) {
            let answer = *memo.get(
                |known| *known == question,
                || {
                    asked.push(question);
                    (question, question * 2)
                },
            );
            assert_eq!(answer, question * 2);
        }
        assert_eq!(asked, (0..kept).chain([kept, 0]).collect::<Vec<_>>());
    }
}
