//! Pauses between tries: they double, with random jitter.

use crate::domain::time::Span;

/// The first pause between tries, and the longest.
const FIRST_PAUSE: Span = Span::millis(500);

pub(crate) const LONGEST_PAUSE: Span = Span::minutes(1);

/// A pause that doubles from try to try up to [`LONGEST_PAUSE`], has random jitter, and is not shorter than
/// `at_least`. The caller limits it to the end of its own state.
pub(crate) fn pause(tries: u32, at_least: Option<Span>, jitter: f64) -> Span {
    let spread = doubling((FIRST_PAUSE, LONGEST_PAUSE), tries, jitter);
    at_least.map_or(spread, |least| least.max(spread))
}

/// A pause that doubles from try to try, from the first up to the longest, with random jitter.
pub(crate) fn doubling((first, longest): (Span, Span), tries: u32, jitter: f64) -> Span {
    let doubled = first.as_millis().saturating_mul(1 << tries.min(16)).min(longest.as_millis());
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_precision_loss,
        reason = "at most some hours of milliseconds"
    )]
    let spread = (doubled as f64 * (0.5 + jitter / 2.0)) as i64;
    Span::millis(spread)
}
