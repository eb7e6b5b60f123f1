//! How deliveries are signed.

use std::collections::BTreeMap;

use models::SignatureForm;
use models::behaviour::Scheme;
use models::webhooks::Verdict;

use super::attempt::Attempt;

/// Deliveries that a secret has to confirm before their form is taken for the vendor's.
const CONFIRMED_MIN: usize = 3;

/// The form that a known secret confirmed.
///
/// A form that no secret confirmed is told as what the headers suggest and learned from nothing: a
/// header can be called anything.
pub(super) fn of(attempts: &[Attempt], notes: &mut Vec<String>) -> Option<SignatureForm> {
    let count = |verdict: Verdict| {
        attempts.iter().filter(|attempt| attempt.verdict == verdict.name()).count()
    };
    let confirmed = count(Verdict::Valid) + count(Verdict::Stale);
    let (invalid, stale) = (count(Verdict::Invalid), count(Verdict::Stale));
    if invalid > 0 && confirmed + invalid > 0 {
        notes.push(format!(
            "{invalid} of {} webhook signatures were made by none of the secrets given",
            confirmed + invalid
        ));
    }
    if stale > 0 {
        notes.push(format!(
            "{stale} webhook signatures carry a time more than five minutes from the observer's clock: replays, or clocks that differ"
        ));
    }
    if let Some((header, n)) = most_header(attempts, Verdict::Unknown) {
        notes.push(format!(
            "{n} webhooks carry a signature in `{header}` that is of no form known here, or of another secret, or made with a key of the vendor's: nothing was learned from them; without a secret they would be taken unchecked"
        ));
    }
    let form = most(attempts, &[Verdict::Valid, Verdict::Stale]);
    if let Some((form, n)) = form
        && n >= CONFIRMED_MIN
    {
        notes.push(format!("webhooks are signed as {}, confirmed {n} times", described(&form)));
        return Some(form);
    }
    if let Some((form, n)) = most(attempts, &[Verdict::Unchecked]) {
        notes.push(format!(
            "{n} webhooks look signed as {}; with the secret it could be confirmed (`wt observe webhooks --secret-env NAME`)",
            described(&form)
        ));
    }
    None
}

/// The header that most attempts with this verdict have their signature in, and how many have.
fn most_header(attempts: &[Attempt], verdict: Verdict) -> Option<(&str, usize)> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for attempt in attempts.iter().filter(|attempt| attempt.verdict == verdict.name()) {
        *counts.entry(&attempt.header).or_default() += 1;
    }
    counts.into_iter().max_by_key(|(_, n)| *n)
}

/// The known form most attempts with these verdicts have.
fn most(attempts: &[Attempt], verdicts: &[Verdict]) -> Option<(SignatureForm, usize)> {
    let mut counts: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    for attempt in attempts {
        let is_known = !attempt.scheme.is_empty();
        if is_known && verdicts.iter().any(|verdict| attempt.verdict == verdict.name()) {
            *counts.entry((&attempt.scheme, &attempt.header)).or_default() += 1;
        }
    }
    let ((scheme, header), n) = counts.into_iter().max_by_key(|(_, n)| *n)?;
    let scheme = Scheme::named(scheme)?;
    let header = (!header.is_empty()).then(|| header.to_owned());
    Some((SignatureForm { scheme, header }, n))
}

fn described(form: &SignatureForm) -> String {
    match &form.header {
        Some(header) => format!("`{}` in `{header}`", form.scheme.name()),
        None => format!("`{}`", form.scheme.name()),
    }
}
