//! The chances behind decisions: how likely is it that nothing changed and this was seen.
//!
//! Counts are effective units (bodies times weight), so they need not be whole.
//!
//! Both hold however often one looks. `1/none_later`, while nothing was seen, is a martingale under its
//! own prior, so that it ever passes `1/a` has a chance of `a` at most (Ville 1939); for a fixed rate it
//! is below `1.5 a`, and that `all_later` ever falls below `a` has a chance below `a`: the tests compute
//! both exactly.

/// The chance that all `seen` occurrences of something fell into the later of two stretches by
/// luck, the earlier having `before` units and the later `after`: what a widening must beat.
///
/// # Source
///
/// Hypergeometric; `before` of none gives certainty that luck explains nothing.
pub(crate) fn all_later(seen: f64, before: f64, after: f64) -> f64 {
    if before <= 0.0 {
        return 0.0;
    }
    let total = before + after;
    (seen.max(0.0) * (after / total).ln()).exp()
}

/// The chance to see none in `after` units of what was there in `seen` of `before`: what a
/// narrowing must beat.
///
/// # Source
///
/// Beta-binomial predictive with Jeffreys' prior, B(s+½, b−s+½+a) / B(s+½, b−s+½).
pub(crate) fn none_later(seen: f64, before: f64, after: f64) -> f64 {
    let (hits, misses) = (seen.max(0.0) + 0.5, (before - seen).max(0.0) + 0.5);
    let ln_beta = |a: f64, b: f64| ln_gamma(a) + ln_gamma(b) - ln_gamma(a + b);
    (ln_beta(hits, misses + after) - ln_beta(hits, misses)).exp().min(1.0)
}

/// Lanczos' approximation (g = 7, n = 9), relative error below 1e-13 for positive arguments.
fn ln_gamma(x: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let base = x + 7.5;
    let series = COEFFICIENTS[1..]
        .iter()
        .zip(1_u8..)
        .fold(COEFFICIENTS[0], |sum, (c, i)| sum + c / (x + f64::from(i)));
    0.5 * (2.0 * std::f64::consts::PI).ln() + (x + 0.5) * base.ln() - base + series.ln()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chance that `all_later` falls below a bound at some look, of a thing of this rate that the
    /// `before` units did not show: exact, by the distribution of what is seen unit by unit.
    fn ever_taken_for_new(before: u32, rate: f64, bound: f64) -> f64 {
        let mut seen = vec![1.0];
        let mut taken = 0.0;
        for units in 1..=6 * before {
            let mut next = vec![0.0; seen.len() + 1];
            for (count, chance) in seen.iter().enumerate() {
                next[count] += chance * (1.0 - rate);
                next[count + 1] += chance * rate;
            }
            for (count, chance) in next.iter_mut().enumerate().skip(1) {
                let count = f64::from(u32::try_from(count).unwrap());
                if all_later(count, f64::from(before), f64::from(units)) < bound {
                    taken += std::mem::take(chance);
                }
            }
            seen = next;
        }
        taken * (1.0 - rate).powi(before.cast_signed())
    }

    #[test]
    fn a_thing_that_was_there_is_taken_for_new_no_more_often_however_often_one_looks() {
        for before in [10, 30, 100] {
            for expected in [1.0, 2.0, 3.0, 4.0, 5.0, 7.0] {
                let rate = expected / f64::from(before);
                let ever = ever_taken_for_new(before, rate, 0.01);
                assert!(ever < 0.01, "{before} units, rate {rate}: {ever}");
            }
        }
    }

    /// The chance that `none_later` falls below a bound at some look, of a thing of this rate: over all
    /// that `before` units can show of it, that the units it then takes are all without.
    fn ever_taken_for_gone(before: u32, rate: f64, bound: f64) -> f64 {
        let of = f64::from(before);
        (1..=before)
            .map(|seen| {
                let seen = f64::from(seen);
                let ways = ln_gamma(of + 1.0) - ln_gamma(seen + 1.0) - ln_gamma(of - seen + 1.0);
                let chance = (ways + seen * rate.ln() + (of - seen) * (1.0 - rate).ln()).exp();
                let (mut few, mut enough) = (0.0, 1.0);
                while none_later(seen, of, enough) >= bound && enough < 1e7 {
                    (few, enough) = (enough, 2.0 * enough);
                }
                while enough - few > 1.0 {
                    let middle = f64::midpoint(few, enough).floor();
                    if none_later(seen, of, middle) < bound {
                        enough = middle;
                    } else {
                        few = middle;
                    }
                }
                chance * (1.0 - rate).powf(enough)
            })
            .sum()
    }

    #[test]
    fn a_thing_that_is_there_is_taken_for_gone_hardly_more_often_however_often_one_looks() {
        for before in [20, 100, 300] {
            for rate in [0.005, 0.01, 0.05, 0.2, 0.5, 0.9, 0.99] {
                for bound in [1e-3, 1e-4] {
                    let ever = ever_taken_for_gone(before, rate, bound);
                    assert!(ever < 1.5 * bound, "{before} units, rate {rate}: {ever}");
                }
            }
        }
    }

    #[test]
    fn chances_agree_with_closed_forms() {
        assert!((ln_gamma(5.0) - 24_f64.ln()).abs() < 1e-10);
        assert!((all_later(7.0, 100.0, 100.0) - 0.5_f64.powi(7)).abs() < 1e-12);
        assert!(all_later(1.0, 0.0, 10.0) < 1e-12);
        // Always there in 100, then never in 3: rarer than one in a thousand.
        assert!(none_later(100.0, 100.0, 3.0) < 1e-3);
        assert!(none_later(2.0, 100.0, 20.0) > 0.1);
        assert!((none_later(0.0, 0.0, 0.0) - 1.0).abs() < 1e-12);
    }
}
