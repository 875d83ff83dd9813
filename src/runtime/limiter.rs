//! How often a merchant may be called: token buckets beside its view, taken from without a mailbox.
//!
//! Each bucket protects one thing, so that what costs a stranger nothing empties none that a payer needs: browsing, what
//! opens no session, new checkouts, sessions that are held, and payments that are about to reach Stripe. A shopper is
//! whoever the host says; that can be forged, so the number of shoppers remembered is bounded.

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
pub enum Budget<'a> {
    /// Browsing, and whatever is refused as it stands.
    Request,
    /// Asking for a session with what opens none.
    Unknown,
    /// A webhook that Stripe has not signed. It is refused in any case; one that is signed takes from no bucket.
    Unsigned,
    /// Beginning a checkout.
    Checkout,
    /// Looking at, editing or canceling what the caller holds: a session or an order, by name.
    Held(&'a str),
    /// Having a session look whether a payment is to be begun.
    Look(&'a str),
    /// A payment of this session that is about to reach Stripe.
    Payment(&'a str),
}

/// How often a minute what opens no session is looked at.
const UNKNOWN_PER_MINUTE: u32 = 60;

/// How many webhooks a minute hear why they are refused.
const UNSIGNED_PER_MINUTE: u32 = 60;

/// How many payments of one session reach Stripe in a minute: its five attempts, and as many tokens that are refused.
const PAYMENTS_OF_A_SESSION: u32 = 10;

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
    unknown: DefaultDirectRateLimiter,
    unsigned: DefaultDirectRateLimiter,
    held: DefaultDirectRateLimiter,
    each_held: Each,
    paying_sessions: Each,
    shoppers: Each,
    paying_shoppers: Each,
}

/// A bucket for each shopper, or each session.
#[derive(Debug)]
struct Each {
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
        let burst = at_least_one(limits.burst);
        let requests = Quota::per_second(at_least_one(limits.requests_per_second)).allow_burst(burst);
        let of_one = Quota::per_second(at_least_one(limits.requests_per_second / 2)).allow_burst(burst);
        Self {
            clock: DefaultClock::default(),
            requests: RateLimiter::direct(requests),
            checkouts: RateLimiter::direct(per_minute(limits.checkouts_per_minute)),
            payments: RateLimiter::direct(per_minute(limits.payments_per_minute)),
            unknown: RateLimiter::direct(per_minute(UNKNOWN_PER_MINUTE)),
            unsigned: RateLimiter::direct(per_minute(UNSIGNED_PER_MINUTE)),
            held: RateLimiter::direct(requests),
            each_held: Each::new(of_one),
            paying_sessions: Each::new(per_minute(PAYMENTS_OF_A_SESSION)),
            shoppers: Each::new(per_minute(limits.per_shopper_per_minute)),
            paying_shoppers: Each::new(per_minute(limits.per_shopper_per_minute)),
        }
    }

    /// Takes what a call costs from the buckets, or says when to come again.
    pub fn take(&self, budget: Budget<'_>, subject: Option<&str>) -> Result<(), TooMany> {
        self.taken(budget, subject).map_err(|not_until| TooMany {
            retry_after: not_until.wait_time_from(self.clock.now()).max(Duration::from_secs(1)),
        })
    }

    fn taken(&self, budget: Budget<'_>, subject: Option<&str>) -> Result<(), Refusal> {
        match budget {
            Budget::Payment(session) => {
                self.paying_sessions.take(Some(session))?;
                self.paying_shoppers.take(subject)?;
                self.payments.check()
            }
            Budget::Look(session) => self.each_held.take(Some(session)),
            Budget::Held(name) => {
                self.each_held.take(Some(name))?;
                self.shoppers.take(subject)?;
                self.held.check()
            }
            Budget::Unknown => self.unknown.check(),
            Budget::Unsigned => self.unsigned.check(),
            Budget::Request => {
                self.shoppers.take(subject)?;
                self.requests.check()
            }
            Budget::Checkout => {
                self.shoppers.take(subject)?;
                self.checkouts.check()
            }
        }
    }
}

impl Each {
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
        assert!(limiter.take(Budget::Payment("chk_1"), None).is_ok());
        assert!(limiter.take(Budget::Payment("chk_1"), None).is_err());
    }

    #[test]
    fn nothing_that_a_stranger_may_do_keeps_a_shopper_from_buying() {
        let limiter = MerchantLimiter::new(&limits());
        for budget in [Budget::Request, Budget::Unknown, Budget::Unsigned] {
            let calls = (0..1000).filter(|_| limiter.take(budget, None).is_ok()).count();
            assert!(calls < 100, "{budget:?} has an end");
        }
        for budget in
            [Budget::Checkout, Budget::Held("chk_1"), Budget::Look("chk_1"), Budget::Payment("chk_1")]
        {
            assert!(limiter.take(budget, None).is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn one_session_that_is_paid_without_end_cannot_keep_the_others_from_it() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 100, ..limits() });
        let paid = (0..100).filter(|_| limiter.take(Budget::Payment("chk_1"), None).is_ok()).count();
        assert_eq!(paid, PAYMENTS_OF_A_SESSION as usize);
        assert!(limiter.take(Budget::Payment("chk_2"), None).is_ok());
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
        assert!(limiter.take(Budget::Payment("chk_1"), Some("a")).is_ok());
        assert!(limiter.take(Budget::Payment("chk_1"), Some("a")).is_err(), "its own bucket is empty");
        assert!(
            limiter.take(Budget::Payment("chk_1"), Some("b")).is_ok(),
            "the shop's bucket was not touched"
        );
    }
}
