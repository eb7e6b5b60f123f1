//! Many fields are asked at once: what one in a thousand shows by luck, a model of thousands shows each time.

use models::Kind;

use super::corroborate::{is_widening, threshold};
use super::{Case, Decision};

/// Share of wrong findings that is put up with among those that rest on chance, as the chances are counted.
///
/// # Source
///
/// INFERENCE §3 has 5 % for tests that are exact. These are cautious ones (a body counts once however many
/// objects it holds, polls of one object nearly once), and drift-bench loses a thirtieth of its recall at 10 %. At half,
/// models of a few hundred fields are held to the chances of `drift.toml` alone, and those of thousands to a
/// tenth of them.
const FALSE_SHARE_MAX: f64 = 0.5;

/// Holds back the settled decisions that so many tests bring about by luck.
///
/// Widenings and narrowings each by themselves, for they are held to different chances. Where nothing is
/// known of before, no chance was computed, and nothing is held back.
///
/// # Source
///
/// Benjamini, Hochberg: "Controlling the false discovery rate", 1995.
pub(crate) fn hold_back(case: &Case<'_>, decisions: &mut [Decision]) {
    let tests = tests(case);
    for widening in [true, false] {
        let mut chances: Vec<f64> = decisions
            .iter()
            .filter(|one| is_tested(case, one, widening))
            .map(|one| one.chance)
            .collect();
        chances.sort_by(f64::total_cmp);
        let bound = bound(&chances, tests);
        for one in decisions.iter_mut() {
            if is_tested(case, one, widening) && bound < one.chance {
                one.settled = false;
            }
        }
    }
}

/// Whether a decision was settled by its own chance.
fn is_tested(case: &Case<'_>, one: &Decision, widening: bool) -> bool {
    let of_field = !matches!(
        one.finding.kind,
        Kind::RouteAdded
            | Kind::RouteRemoved
            | Kind::StatusAdded
            | Kind::RateLimitChanged
            | Kind::WebhookEventAdded
    );
    let known = case.before.is_some_and(|before| before.places.contains_key(&one.place));
    one.settled
        && one.chance < threshold(case, one)
        && of_field
        && known
        && is_widening(one.finding.kind, &one.finding.after) == widening
}

/// The largest of the sorted chances below its share of the bound.
fn bound(sorted: &[f64], tests: usize) -> f64 {
    let share = |rank: usize| FALSE_SHARE_MAX * float(rank) / float(tests.max(1));
    let passing = (1..=sorted.len()).rev().find(|rank| sorted[rank - 1] <= share(*rank));
    passing.map_or(0.0, share)
}

/// Fields that stand in the evidence of both times.
fn tests(case: &Case<'_>) -> usize {
    let Some(before) = case.before else { return 0 };
    let places =
        before.places.iter().filter_map(|(place, seen)| Some((seen, case.now.places.get(place)?)));
    let fields = places.map(|(seen, now)| {
        let objects = seen.objects.iter().filter(|(path, _)| now.objects.contains_key(*path));
        objects.map(|(_, object)| object.fields.len()).sum::<usize>()
    });
    fields.sum()
}

#[expect(clippy::cast_precision_loss, reason = "fields are counted in thousands")]
fn float(count: usize) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_chance_among_many_tests_is_held_back_and_a_strong_one_is_not() {
        assert!(bound(&[5e-4], 5_000) < 5e-4);
        assert!(1e-6 <= bound(&[1e-6, 5e-4], 5_000));
        assert!(5e-4 <= bound(&[5e-4], 500));
    }
}
