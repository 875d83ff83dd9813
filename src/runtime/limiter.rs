//! How often a merchant may be called: token buckets beside its view, taken from without a mailbox.
//!
//! Paying has buckets of its own, so that browsing cannot starve it, and one shopper who pays without end cannot
//! keep the others from it. A shopper is whoever the host says; that can be
//! forged, so the number of shoppers remembered is bounded.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::domain::merchant::Limits;

/// The most shoppers that are remembered at once for one merchant.
const MAX_SHOPPERS: usize = 10_000;

/// How many calls that find no room for their shopper are let pass between two prunings.
const PRUNE_EVERY: u32 = 1000;

/// The longest shopper name that is remembered.
const MAX_SUBJECT: usize = 200;

/// What a call costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget {
    /// Looking, editing, canceling.
    Request,
    /// Beginning a checkout: a request, and one of the checkouts.
    Checkout,
    /// Paying; no request.
    Payment,
}

/// A bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When it may be tried again; at least a second.
    pub retry_after: Duration,
}

/// An empty bucket, as `governor` says it.
type Refusal = NotUntil<governor::clock::QuantaInstant>;

/// The buckets of one merchant.
#[derive(Debug)]
pub struct MerchantLimiter {
    clock: DefaultClock,
    requests: DefaultDirectRateLimiter,
    checkouts: DefaultDirectRateLimiter,
    payments: DefaultDirectRateLimiter,
    shoppers: Shoppers,
    paying_shoppers: Shoppers,
}

/// A bucket for each shopper.
#[derive(Debug)]
struct Shoppers {
    buckets: DefaultKeyedRateLimiter<String>,
    /// Calls that found the room full.
    since_pruning: AtomicU32,
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

impl MerchantLimiter {
    /// Full buckets of these sizes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let per_minute = |number: u32| Quota::per_minute(at_least_one(number));
        let requests = Quota::per_second(at_least_one(limits.requests_per_second));
        Self {
            clock: DefaultClock::default(),
            requests: RateLimiter::direct(requests.allow_burst(at_least_one(limits.burst))),
            checkouts: RateLimiter::direct(per_minute(limits.checkouts_per_minute)),
            payments: RateLimiter::direct(per_minute(limits.payments_per_minute)),
            shoppers: Shoppers::new(per_minute(limits.per_shopper_per_minute)),
            paying_shoppers: Shoppers::new(per_minute(limits.per_shopper_per_minute)),
        }
    }

    /// Takes what a call costs from the buckets, or says when to come again.
    pub fn take(&self, budget: Budget, subject: Option<&str>) -> Result<(), TooMany> {
        self.taken(budget, subject).map_err(|not_until| TooMany {
            retry_after: not_until.wait_time_from(self.clock.now()).max(Duration::from_secs(1)),
        })
    }

    fn taken(&self, budget: Budget, subject: Option<&str>) -> Result<(), Refusal> {
        match budget {
            Budget::Payment => {
                self.paying_shoppers.take(subject)?;
                self.payments.check()
            }
            Budget::Request => {
                self.shoppers.take(subject)?;
                self.requests.check()
            }
            Budget::Checkout => {
                self.shoppers.take(subject)?;
                self.requests.check()?;
                self.checkouts.check()
            }
        }
    }
}

impl Shoppers {
    fn new(quota: Quota) -> Self {
        Self { buckets: RateLimiter::keyed(quota), since_pruning: AtomicU32::new(0) }
    }

    fn take(&self, subject: Option<&str>) -> Result<(), Refusal> {
        let Some(subject) = subject else {
            return Ok(());
        };
        // Pruning looks at every name, so that a flood of invented ones must not buy a look each.
        let full = self.buckets.len() >= MAX_SHOPPERS;
        if full && self.since_pruning.fetch_add(1, Ordering::Relaxed).is_multiple_of(PRUNE_EVERY) {
            self.buckets.retain_recent();
        }
        // A name invented per call only meets the merchant's own bucket: it can neither help itself nor fill memory.
        if subject.len() > MAX_SUBJECT || self.buckets.len() >= MAX_SHOPPERS {
            return Ok(());
        }
        self.buckets.check_key(&subject.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits() -> Limits {
        Limits {
            requests_per_second: 1,
            burst: 2,
            checkouts_per_minute: 1,
            payments_per_minute: 1,
            per_shopper_per_minute: 1,
        }
    }

    #[test]
    fn browsing_cannot_starve_paying() {
        let limiter = MerchantLimiter::new(&limits());
        assert!(limiter.take(Budget::Request, None).is_ok());
        assert!(limiter.take(Budget::Request, None).is_ok());
        let refused = limiter.take(Budget::Request, None).unwrap_err();
        assert!(refused.retry_after >= Duration::from_secs(1));
        assert!(limiter.take(Budget::Payment, None).is_ok());
        assert!(limiter.take(Budget::Payment, None).is_err());
    }

    #[test]
    fn one_shopper_cannot_use_up_the_shop() {
        let limiter = MerchantLimiter::new(&limits());
        assert!(limiter.take(Budget::Request, Some("a")).is_ok());
        assert!(limiter.take(Budget::Request, Some("a")).is_err());
        assert!(limiter.take(Budget::Request, Some("b")).is_ok());
    }

    #[test]
    fn one_shopper_who_pays_without_end_cannot_keep_the_others_from_paying() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 2, ..limits() });
        assert!(limiter.take(Budget::Payment, Some("a")).is_ok());
        assert!(limiter.take(Budget::Payment, Some("a")).is_err(), "its own bucket is empty");
        assert!(limiter.take(Budget::Payment, Some("b")).is_ok(), "the shop's bucket was not touched");
    }
}
