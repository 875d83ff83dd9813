//! How many connections a listener accepts at once, so that file descriptors remain for the store, Stripe and the
//! admin API.

use crate::payments::StripePlaces;
use crate::ports::descriptor_limit;

/// The descriptors reserved besides the connections to Stripe: for the store, the merchants' receivers, the log, the
/// admin listener.
const KEPT_BACK: usize = 192;

/// The least number that the public listener accepts.
const FEWEST: usize = 64;

/// The most connections of the admin listener, in each of its workers.
pub(in crate::http) const OF_ADMIN: usize = 64;

/// The most connections of each of the public listener's workers.
pub(in crate::http) fn of_each_worker(workers: usize) -> usize {
    share(descriptor_limit(), workers)
}

/// A worker's share of the descriptors that remain; `None` if there is no limit.
fn share(descriptors: Option<u64>, workers: usize) -> usize {
    let all = descriptors.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX));
    let left = all.saturating_sub(KEPT_BACK).saturating_sub(StripePlaces::connections_within(descriptors));
    (left.max(FEWEST) / workers.max(1)).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_what_is_not_a_shopper() {
        for limit in [1024, 4096, 65_536, 1_048_576] {
            for workers in [1, 2, 3, 16] {
                let shoppers = share(Some(limit), workers) * workers;
                let others = KEPT_BACK + StripePlaces::connections_within(Some(limit));
                assert!(
                    shoppers >= FEWEST && shoppers + others <= usize::try_from(limit).unwrap(),
                    "{limit}"
                );
            }
        }
        assert_eq!((share(Some(100), 2), share(Some(100), 1000)), (32, 1));
        assert!(share(None, 2) > 1_000_000);
    }
}
