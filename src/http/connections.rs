//! How many connections a listener takes at once, so that descriptors are left for the store, Stripe and the admin API.

use std::fs;

/// What is kept back: the store, Stripe's and the merchants' connections, the log, the admin listener.
const KEPT_BACK: usize = 256;

/// The fewest that the public listener takes.
const FEWEST: usize = 64;

/// Where the limit of descriptors cannot be read, what most systems start a process with.
const USUAL_LIMIT: usize = 1024;

/// The most connections of the admin listener, in each of its workers.
pub(super) const OF_ADMIN: usize = 64;

/// The most connections of each of the public listener's workers.
pub(super) fn of_each_worker(workers: usize) -> usize {
    let limits = fs::read_to_string("/proc/self/limits").unwrap_or_default();
    share(soft_limit(&limits).unwrap_or(USUAL_LIMIT), workers)
}

fn share(descriptors: usize, workers: usize) -> usize {
    (descriptors.saturating_sub(KEPT_BACK).max(FEWEST) / workers.max(1)).max(1)
}

/// The soft limit of open files, as Linux tells it of a process (`proc_pid_limits(5)`).
fn soft_limit(limits: &str) -> Option<usize> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match line.split_whitespace().next()? {
        "unlimited" => Some(usize::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_are_left_for_what_is_not_a_shopper() {
        let told = "Max processes             127204     127204     processes\n\
                    Max open files            1024       524288     files\n";
        assert_eq!(soft_limit(told), Some(1024));
        assert_eq!(soft_limit("Max open files            unlimited  unlimited  files"), Some(usize::MAX));
        assert_eq!(soft_limit(""), None);
        assert_eq!(share(1024, 2), 384);
        assert!(share(1024, 3) * 3 + KEPT_BACK <= 1024);
        assert_eq!((share(100, 2), share(100, 1000)), (32, 1));
    }
}
