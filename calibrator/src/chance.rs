//! The chances behind decisions: how likely is it that nothing changed and this was seen.
//!
//! Counts are effective units (bodies times weight), so they need not be whole.

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
