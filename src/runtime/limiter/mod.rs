//! How often a merchant may be called: buckets beside its view, taken from without a mailbox.
//!
//! Each bucket protects one thing, so that what costs a stranger nothing empties none that a payer needs: browsing, what
//! opens no session, new checkouts, sessions that are held, tokens that Stripe is asked about, and payments. Invariant: a
//! bucket that strangers can take from is shared by what they cannot invent, the address they call from or the sessions
//! they hold, so that none of them empties it for the others ([`shared`]).

mod shared;

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::domain::merchant::Limits;
use shared::{SharedBucket, Size};

/// The most shoppers that are remembered at once for one merchant.
const MAX_SHOPPERS: usize = 10_000;

/// How many calls that find no room for their shopper are let pass between two prunings.
const PRUNE_EVERY: u32 = 1000;

/// The longest shopper name that is remembered.
const MAX_SUBJECT: usize = 200;

/// Who calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Source<'a> {
    /// The network that the call comes from, where that is known.
    pub network: Option<IpAddr>,
    /// The shopper that the host names. It can be forged.
    pub subject: Option<&'a str>,
}

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
    /// Asking Stripe about a token that a payment of this session is to be made with.
    Token(&'a str),
    /// A payment of this session with a token that Stripe knows.
    Payment(&'a str),
    /// Opening a page at Stripe on which this session is paid.
    Page(&'a str),
}

/// How often a minute what opens no session is looked at.
const UNKNOWN_PER_MINUTE: u32 = 60;

/// How many webhooks a minute hear why they are refused.
const UNSIGNED_PER_MINUTE: u32 = 60;

/// How many tokens and pages of one session reach Stripe in a minute: its five attempts, and as many that are refused.
const PAYMENTS_OF_A_SESSION: u32 = 10;

/// How many tokens Stripe is asked about for each payment that the shop takes.
const TOKENS_OF_A_PAYMENT: u32 = 2;

/// How much of what is free in a shared bucket one network, one shopper or one session may have taken. Many shoppers of an
/// assistant come from one network, so that it may take most of a bucket alone.
const SHARE_OF_A_NETWORK: f64 = 3.0;
const SHARE_OF_A_SHOPPER: f64 = 1.0;
const SHARE_OF_A_SESSION: f64 = 0.1;

const MINUTE: Duration = Duration::from_mins(1);

/// How many calls of one session a minute take nothing from the others: more than a shopper makes.
const CALLS_OF_A_SESSION: u32 = 20;

/// How long a session's calls count against it, and how long its payments do.
const CALLS_COUNT: Duration = MINUTE;
const PAYMENTS_COUNT: Duration = Duration::from_hours(1);

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
    requests: SharedBucket,
    checkouts: SharedBucket,
    held: SharedBucket,
    looks: SharedBucket,
    tokens: SharedBucket,
    payments: SharedBucket,
    unknown: DefaultDirectRateLimiter,
    unsigned: DefaultDirectRateLimiter,
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
        let shared = |holds: u32, fills_in: Duration, remembers: Duration| Size {
            holds: holds.max(1),
            fills_in,
            remembers,
            besides: 0,
        };
        let burst_fills = Duration::from_secs(1) * limits.burst.max(1) / limits.requests_per_second.max(1);
        let calls = Size { besides: CALLS_OF_A_SESSION, ..shared(limits.burst, burst_fills, CALLS_COUNT) };
        let tokens = limits.payments_per_minute.saturating_mul(TOKENS_OF_A_PAYMENT);
        Self {
            clock: DefaultClock::default(),
            requests: SharedBucket::new(shared(limits.burst, burst_fills, burst_fills)),
            checkouts: SharedBucket::new(shared(limits.checkouts_per_minute, MINUTE, MINUTE)),
            held: SharedBucket::new(calls),
            looks: SharedBucket::new(calls),
            tokens: SharedBucket::new(shared(tokens, MINUTE, PAYMENTS_COUNT)),
            payments: SharedBucket::new(shared(limits.payments_per_minute, MINUTE, PAYMENTS_COUNT)),
            unknown: RateLimiter::direct(per_minute(UNKNOWN_PER_MINUTE)),
            unsigned: RateLimiter::direct(per_minute(UNSIGNED_PER_MINUTE)),
            paying_sessions: Each::new(per_minute(PAYMENTS_OF_A_SESSION)),
            shoppers: Each::new(per_minute(limits.per_shopper_per_minute)),
            paying_shoppers: Each::new(per_minute(limits.per_shopper_per_minute)),
        }
    }

    /// Takes what a call costs from the buckets, or says when to come again.
    pub fn take(&self, budget: Budget<'_>, source: Source<'_>) -> Result<(), TooMany> {
        let of_session =
            |bucket: &SharedBucket, session: &str| bucket.take(&[bucket.caller(session, SHARE_OF_A_SESSION)]);
        match budget {
            Budget::Token(session) => {
                self.each(&self.paying_sessions, Some(session))?;
                self.each(&self.paying_shoppers, source.subject)?;
                of_session(&self.tokens, session)
            }
            Budget::Payment(session) => of_session(&self.payments, session),
            Budget::Page(session) => {
                self.each(&self.paying_sessions, Some(session))?;
                of_session(&self.payments, session)
            }
            Budget::Look(session) => of_session(&self.looks, session),
            Budget::Held(name) => {
                self.each(&self.shoppers, source.subject)?;
                of_session(&self.held, name)
            }
            Budget::Unknown => self.unknown.check().map_err(|refusal| self.too_many(&refusal)),
            Budget::Unsigned => self.unsigned.check().map_err(|refusal| self.too_many(&refusal)),
            Budget::Request => self.of_stranger(&self.requests, source),
            Budget::Checkout => self.of_stranger(&self.checkouts, source),
        }
    }

    /// Takes from a bucket in the name of whoever calls, who holds nothing yet.
    fn of_stranger(&self, bucket: &SharedBucket, source: Source<'_>) -> Result<(), TooMany> {
        self.each(&self.shoppers, source.subject)?;
        let network = bucket.caller(source.network, SHARE_OF_A_NETWORK);
        match source.subject {
            // Another network cannot take in a shopper's name.
            Some(subject) => {
                bucket.take(&[network, bucket.caller((source.network, subject), SHARE_OF_A_SHOPPER)])
            }
            None => bucket.take(&[network]),
        }
    }

    fn each(&self, each: &Each, name: Option<&str>) -> Result<(), TooMany> {
        each.take(name).map_err(|refusal| self.too_many(&refusal))
    }

    fn too_many(&self, refusal: &Refusal) -> TooMany {
        TooMany { retry_after: refusal.wait_time_from(self.clock.now()).max(Duration::from_secs(1)) }
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

    const STRANGER: Source<'static> = Source { network: None, subject: None };

    fn limits() -> Limits {
        Limits {
            requests_per_second: 1,
            burst: 2,
            checkouts_per_minute: 1,
            payments_per_minute: 1,
            per_shopper_per_minute: 1,
        }
    }

    fn of(network: &str) -> Source<'static> {
        Source { network: Some(network.parse().unwrap()), subject: None }
    }

    /// How many of so many calls find room.
    fn taken(limiter: &MerchantLimiter, calls: u32, (budget, source): (Budget<'_>, Source<'_>)) -> usize {
        (0..calls).filter(|_| limiter.take(budget, source).is_ok()).count()
    }

    #[test]
    fn browsing_cannot_starve_paying() {
        let limiter = MerchantLimiter::new(&limits());
        assert!(limiter.take(Budget::Request, STRANGER).is_ok());
        assert!(limiter.take(Budget::Request, STRANGER).is_ok());
        let refused = limiter.take(Budget::Request, STRANGER).unwrap_err();
        assert!(refused.retry_after >= Duration::from_secs(1));
        assert!(limiter.take(Budget::Payment("chk_1"), STRANGER).is_ok());
        assert!(limiter.take(Budget::Payment("chk_1"), STRANGER).is_err());
    }

    #[test]
    fn nothing_that_a_stranger_may_do_keeps_a_shopper_from_buying() {
        let limiter = MerchantLimiter::new(&limits());
        for budget in [Budget::Request, Budget::Unknown, Budget::Unsigned] {
            assert!(taken(&limiter, 1000, (budget, STRANGER)) < 100, "{budget:?} has an end");
        }
        for budget in [
            Budget::Checkout,
            Budget::Held("chk_1"),
            Budget::Look("chk_1"),
            Budget::Token("chk_1"),
            Budget::Payment("chk_1"),
        ] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn a_stranger_with_checkouts_of_its_own_keeps_nobody_from_paying_looking_and_opening_a_page() {
        let limiter = MerchantLimiter::new(&Limits::default());
        let own: Vec<String> = (0..60).map(|number| format!("chk_{number}")).collect();
        for _ in 0..20 {
            for session in &own {
                for budget in [
                    Budget::Token(session),
                    Budget::Payment(session),
                    Budget::Page(session),
                    Budget::Held(session),
                    Budget::Look(session),
                ] {
                    let _ = limiter.take(budget, STRANGER);
                }
            }
        }
        for budget in [Budget::Token("chk_p"), Budget::Payment("chk_p"), Budget::Held("chk_p")] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
        for budget in [Budget::Look("chk_q"), Budget::Page("chk_q")] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn one_network_that_begins_checkouts_or_browses_without_end_leaves_room_for_the_others() {
        let limiter = MerchantLimiter::new(&Limits::default());
        for budget in [Budget::Checkout, Budget::Request] {
            let alone = taken(&limiter, 1000, (budget, of("203.0.113.7")));
            assert!((70..=95).contains(&alone), "{budget:?}: one alone may take most: {alone}");
            assert!(taken(&limiter, 10, (budget, of("198.51.100.1"))) == 10, "{budget:?}");
        }
    }

    #[test]
    fn a_shopper_who_begins_checkouts_without_end_leaves_room_for_the_others_of_the_same_assistant() {
        let limits = Limits { per_shopper_per_minute: 1000, ..Limits::default() };
        let limiter = MerchantLimiter::new(&limits);
        let from = |subject: &'static str| Source { subject: Some(subject), ..of("203.0.113.7") };
        taken(&limiter, 1000, (Budget::Checkout, from("a")));
        assert_eq!(taken(&limiter, 10, (Budget::Checkout, from("b"))), 10);
    }

    #[test]
    fn one_session_that_is_paid_without_end_cannot_keep_the_others_from_it() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 100, ..limits() });
        let asked = taken(&limiter, 100, (Budget::Token("chk_1"), STRANGER));
        assert_eq!(asked, PAYMENTS_OF_A_SESSION as usize);
        assert!(limiter.take(Budget::Token("chk_2"), STRANGER).is_ok());
    }

    #[test]
    fn one_shopper_cannot_use_up_the_shop() {
        let limiter = MerchantLimiter::new(&limits());
        let from = |subject: &'static str| Source { network: None, subject: Some(subject) };
        assert!(limiter.take(Budget::Request, from("a")).is_ok());
        assert!(limiter.take(Budget::Request, from("a")).is_err());
        assert!(limiter.take(Budget::Request, from("b")).is_ok());
    }

    #[test]
    fn one_shopper_who_pays_without_end_cannot_keep_the_others_from_paying() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 2, ..limits() });
        let from = |subject: &'static str| Source { network: None, subject: Some(subject) };
        assert!(limiter.take(Budget::Token("chk_1"), from("a")).is_ok());
        assert!(limiter.take(Budget::Token("chk_2"), from("a")).is_err(), "its own bucket is empty");
        assert!(limiter.take(Budget::Token("chk_3"), from("b")).is_ok(), "the shop's bucket was not touched");
    }
}
