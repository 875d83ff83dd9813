//! Limits on the calls to a merchant: buckets beside its view, used without a mailbox.
//!
//! Each bucket protects one thing, so that calls that cost an unknown client nothing do not empty a bucket that a
//! payer needs: browsing, calls with an invalid capability, new checkouts, sessions that callers hold, token reads at
//! Stripe, and payments. Invariant: a bucket that unknown clients can use is shared by properties that they cannot
//! invent, the address they call from or the sessions they hold, so that none of them empties it for the others
//! ([`shared`]).

mod known;
mod shared;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use dashmap::DashMap;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultDirectRateLimiter, DefaultKeyedRateLimiter, NotUntil, Quota, RateLimiter};

use crate::domain::merchant::Limits;
use known::KnownNetworks;
use shared::{CallerShare, Part, SharedBucket, Size};

/// The most shoppers that are remembered at once for one merchant.
const MAX_SHOPPERS: usize = 10_000;

/// The parts of a map of them that are locked separately.
const SHARDS: usize = 4;

/// How many calls without room for their shopper are admitted between two prunings.
const PRUNE_EVERY: u32 = 1000;

/// The longest shopper name that is remembered.
const MAX_SUBJECT: usize = 200;

/// The source of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Source {
    /// The network that the call comes from, if it is known.
    pub network: Option<IpAddr>,
    /// The shopper that the host names. It can be forged.
    pub subject: Option<String>,
}

impl Source {
    /// The shopper as this network names it: one network cannot use up another network's shopper.
    fn shopper(&self) -> Option<String> {
        let subject = self.subject.as_deref().filter(|subject| subject.len() <= MAX_SUBJECT)?;
        Some(self.network.map_or_else(|| subject.to_owned(), |network| format!("{network} {subject}")))
    }
}

/// The budget of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Budget<'a> {
    /// Browsing, and calls that are rejected without further work.
    Request,
    /// A call to a session with an invalid capability.
    Unknown,
    /// A webhook that Stripe has not signed. It is refused in any case; a signed one takes from no bucket.
    Unsigned,
    /// Beginning a checkout.
    Checkout,
    /// Reading, editing or canceling a session or an order that the caller holds, by its id.
    Held(&'a str),
    /// Making a session check whether a payment may begin.
    Status(&'a str),
    /// Reading a token at Stripe for a payment of this session.
    Token(&'a str),
    /// A payment of this session with a token that Stripe knows.
    Payment(&'a str),
    /// Creating a Stripe Checkout for this session.
    StripeCheckout(&'a str),
}

/// How many calls with an invalid capability are answered per minute.
const UNKNOWN_PER_MINUTE: u32 = 60;

/// How many refused webhooks per minute get the reason in the reply.
const UNSIGNED_PER_MINUTE: u32 = 60;

/// How many tokens and Stripe Checkouts of one session reach Stripe in a minute: its five attempts, and as many that
/// are refused.
const PAYMENTS_OF_A_SESSION: u32 = 10;

/// How many tokens are read at Stripe for each payment that the shop may take.
const TOKENS_OF_A_PAYMENT: u32 = 2;

const MINUTE: Duration = Duration::from_mins(1);

/// The share of one network, and of one block of networks: many shoppers of an assistant come from one.
const NETWORK: f64 = 3.0;

/// The share of one network of the calls to sessions, and its extra calls per minute.
const CALLS_OF_A_NETWORK: Part = Part { share: NETWORK, besides: 600.0, remembers: MINUTE };

/// The share of one shopper, as a network names it.
const SHOPPER: f64 = 1.0;

/// The share of one session. A shopper makes fewer calls in a minute than its extra calls.
const CALLS_OF_A_SESSION: Part = Part { share: 0.1, besides: 20.0, remembers: MINUTE };

/// The share of one session of payments and their tries. It counts against it for an hour.
const SESSION: Part = Part { share: 0.1, besides: 0.0, remembers: Duration::from_hours(1) };

/// The part of an address that identifies a block of networks: the most that one customer of a hosting or line
/// provider usually has.
const BLOCK_OF_IPV4: u32 = !0 << 8;
const BLOCK_OF_IPV6: u128 = !0 << 80;

/// A bucket is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMany {
    /// When it may be tried again; at least a second.
    pub retry_after: Duration,
}

/// The error of an empty bucket in `governor`.
type Refusal = NotUntil<governor::clock::QuantaInstant>;

/// The buckets of one merchant, in groups of which each depends on other limits. Generations of a merchant share the
/// groups whose limits are the same, with their fill.
#[derive(Debug)]
pub struct MerchantLimiter {
    clock: DefaultClock,
    limits: Limits,
    calls: Arc<Calls>,
    checkouts: Arc<Pool>,
    payments: Arc<Paying>,
    shoppers: Arc<Shoppers>,
    independent: Arc<Independent>,
}

/// Sized by the calls per second.
#[derive(Debug)]
struct Calls {
    requests: Pool,
    held: SharedBucket,
    status_reads: SharedBucket,
}

/// Sized by the payments per minute.
#[derive(Debug)]
struct Paying {
    tokens: Pool,
    stripe_checkouts: Pool,
    payments: SharedBucket,
}

/// Sized by the calls per minute of one shopper.
#[derive(Debug)]
struct Shoppers {
    calling: Each,
    paying: Each,
}

/// Of a fixed size, and the networks that have bought.
#[derive(Debug)]
struct Independent {
    unknown: DefaultDirectRateLimiter,
    unsigned: DefaultDirectRateLimiter,
    paying_sessions: Each,
    known: KnownNetworks,
}

/// One bucket for all networks, and one of the same size for known networks: an unknown client with many networks
/// does not keep shoppers from buying in networks where others have bought.
#[derive(Debug)]
struct Pool {
    all: SharedBucket,
    known: SharedBucket,
}

impl Pool {
    fn new(size: Size) -> Self {
        Self { all: SharedBucket::new(size), known: SharedBucket::new(size) }
    }

    fn take(
        &self,
        is_known: bool,
        callers: impl Fn(&SharedBucket) -> Vec<CallerShare>,
    ) -> Result<(), TooMany> {
        if is_known && self.known.take(&callers(&self.known)).is_ok() {
            return Ok(());
        }
        self.all.take(&callers(&self.all))
    }
}

/// A bucket for each shopper, or each session.
#[derive(Debug)]
struct Each {
    buckets: DefaultKeyedRateLimiter<String>,
    /// Calls that found no room for a new bucket.
    since_pruning: AtomicU32,
}

/// The clock of every bucket: making one asks the processor what it can, which takes long in a virtual machine.
fn clock() -> DefaultClock {
    static CLOCK: LazyLock<DefaultClock> = LazyLock::new(DefaultClock::default);
    CLOCK.clone()
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

impl MerchantLimiter {
    /// Full buckets of these sizes.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let per_minute = |number: u32| Quota::per_minute(at_least_one(number));
        let size = |holds: u32, fills_in: Duration| Size { holds: holds.max(1), fills_in };
        let burst_fills = Duration::from_secs(1) * limits.burst.max(1) / limits.requests_per_second.max(1);
        let calls = size(limits.burst, burst_fills);
        let payments = size(limits.payments_per_minute, MINUTE);
        let tokens = size(limits.payments_per_minute.saturating_mul(TOKENS_OF_A_PAYMENT), MINUTE);
        let per_shopper = per_minute(limits.per_shopper_per_minute);
        Self {
            clock: clock(),
            limits: *limits,
            calls: Arc::new(Calls {
                requests: Pool::new(calls),
                held: SharedBucket::new(calls),
                status_reads: SharedBucket::new(calls),
            }),
            checkouts: Arc::new(Pool::new(size(limits.checkouts_per_minute, MINUTE))),
            payments: Arc::new(Paying {
                tokens: Pool::new(tokens),
                stripe_checkouts: Pool::new(payments),
                payments: SharedBucket::new(payments),
            }),
            shoppers: Arc::new(Shoppers { calling: Each::new(per_shopper), paying: Each::new(per_shopper) }),
            independent: Arc::new(Independent {
                unknown: RateLimiter::direct_with_clock(per_minute(UNKNOWN_PER_MINUTE), clock()),
                unsigned: RateLimiter::direct_with_clock(per_minute(UNSIGNED_PER_MINUTE), clock()),
                paying_sessions: Each::new(per_minute(PAYMENTS_OF_A_SESSION)),
                known: KnownNetworks::default(),
            }),
        }
    }

    /// The limiter of the merchant's next generation: the buckets whose size changes are full.
    #[must_use]
    pub fn next(&self, limits: &Limits) -> Self {
        fn kept<T>(is_same: bool, present: &Arc<T>, fresh: Arc<T>) -> Arc<T> {
            if is_same { Arc::clone(present) } else { fresh }
        }
        let (was, fresh) = (&self.limits, Self::new(limits));
        let same_calls = (was.requests_per_second, was.burst) == (limits.requests_per_second, limits.burst);
        let same_checkouts = was.checkouts_per_minute == limits.checkouts_per_minute;
        let same_payments = was.payments_per_minute == limits.payments_per_minute;
        let same_shoppers = was.per_shopper_per_minute == limits.per_shopper_per_minute;
        Self {
            calls: kept(same_calls, &self.calls, fresh.calls),
            checkouts: kept(same_checkouts, &self.checkouts, fresh.checkouts),
            payments: kept(same_payments, &self.payments, fresh.payments),
            shoppers: kept(same_shoppers, &self.shoppers, fresh.shoppers),
            independent: Arc::clone(&self.independent),
            ..fresh
        }
    }

    /// Takes the cost of a call from the buckets, or returns when to try again.
    pub fn take(&self, budget: Budget<'_>, source: &Source) -> Result<(), TooMany> {
        match budget {
            Budget::Token(session) => {
                self.each(&self.independent.paying_sessions, Some(session))?;
                self.each(&self.shoppers.paying, source.shopper().as_deref())?;
                self.payments.tokens.take(self.is_known(source), |bucket| paying(bucket, source, session))
            }
            Budget::Payment(session) => {
                self.payments.payments.take(&paying(&self.payments.payments, source, session))
            }
            Budget::StripeCheckout(session) => {
                self.each(&self.independent.paying_sessions, Some(session))?;
                self.payments
                    .stripe_checkouts
                    .take(self.is_known(source), |bucket| paying(bucket, source, session))
            }
            Budget::Status(session) => {
                self.calls.status_reads.take(&holding(&self.calls.status_reads, source, session))
            }
            Budget::Held(name) => self.calls.held.take(&holding(&self.calls.held, source, name)),
            Budget::Unknown => self.independent.unknown.check().map_err(|refusal| self.too_many(&refusal)),
            Budget::Unsigned => self.independent.unsigned.check().map_err(|refusal| self.too_many(&refusal)),
            Budget::Request => self.take_shared(&self.calls.requests, source),
            Budget::Checkout => self.take_shared(&self.checkouts, source),
        }
    }

    /// Records that a session was begun from a network.
    pub fn began(&self, session: &str, source: &Source) {
        if let Some(network) = source.network {
            self.independent.known.began(session, network);
        }
    }

    /// Records that a session was paid from a network.
    pub fn paid(&self, session: &str, source: &Source) {
        if let Some(network) = source.network {
            self.independent.known.paid(session, network);
        }
    }

    fn is_known(&self, source: &Source) -> bool {
        source.network.is_some_and(|network| self.independent.known.holds(network))
    }

    /// Takes from a pool for a caller that holds no session yet.
    fn take_shared(&self, pool: &Pool, source: &Source) -> Result<(), TooMany> {
        self.each(&self.shoppers.calling, source.shopper().as_deref())?;
        pool.take(self.is_known(source), |bucket| {
            let shopper = source.shopper().map(|shopper| bucket.caller(shopper, bucket.part(SHOPPER)));
            networks(bucket, source, bucket.part(NETWORK)).into_iter().chain(shopper).collect()
        })
    }

    fn each(&self, each: &Each, name: Option<&str>) -> Result<(), TooMany> {
        each.take(name).map_err(|refusal| self.too_many(&refusal))
    }

    fn too_many(&self, refusal: &Refusal) -> TooMany {
        TooMany { retry_after: refusal.wait_time_from(self.clock.now()).max(Duration::from_secs(1)) }
    }
}

/// The block of a call's network, and the network: a client with many networks mostly has adjacent ones.
fn networks(bucket: &SharedBucket, source: &Source, part: Part) -> [CallerShare; 2] {
    let block = source.network.map(|network| match network {
        IpAddr::V4(address) => IpAddr::V4(Ipv4Addr::from_bits(address.to_bits() & BLOCK_OF_IPV4)),
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & BLOCK_OF_IPV6)),
    });
    [bucket.caller(("block", block), part), bucket.caller(source.network, part)]
}

/// The shares that a read or an edit of a session counts against.
fn holding(bucket: &SharedBucket, source: &Source, session: &str) -> Vec<CallerShare> {
    let mut callers = networks(bucket, source, CALLS_OF_A_NETWORK).to_vec();
    callers.push(bucket.caller(session, CALLS_OF_A_SESSION));
    callers
}

/// The shares that a payment of a session counts against.
fn paying(bucket: &SharedBucket, source: &Source, session: &str) -> Vec<CallerShare> {
    let mut callers = networks(bucket, source, bucket.part(NETWORK)).to_vec();
    callers.push(bucket.caller(session, SESSION));
    callers
}

impl Each {
    fn new(quota: Quota) -> Self {
        // By default a map has shards for every processor, and a gateway has two maps for every merchant.
        let buckets = DashMap::with_shard_amount(SHARDS);
        Self { buckets: RateLimiter::new(quota, buckets, clock()), since_pruning: AtomicU32::new(0) }
    }

    fn take(&self, subject: Option<&str>) -> Result<(), Refusal> {
        let Some(subject) = subject else {
            return Ok(());
        };
        // Pruning visits every name, so a flood of invented names must not cause a pruning for each.
        let full = self.buckets.len() >= MAX_SHOPPERS;
        if full && self.since_pruning.fetch_add(1, Ordering::Relaxed).is_multiple_of(PRUNE_EVERY) {
            self.buckets.retain_recent();
        }
        // A name invented for each call only takes from the merchant's own bucket: it gives no advantage and fills no
        // memory.
        if self.buckets.len() >= MAX_SHOPPERS {
            return Ok(());
        }
        self.buckets.check_key(&subject.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const STRANGER: &Source = &Source { network: None, subject: None };

    fn limits() -> Limits {
        Limits {
            requests_per_second: 1,
            burst: 2,
            checkouts_per_minute: 1,
            payments_per_minute: 1,
            per_shopper_per_minute: 1,
        }
    }

    fn of(network: &str) -> Source {
        Source { network: Some(network.parse().unwrap()), subject: None }
    }

    /// How many of these calls find room.
    fn taken(limiter: &MerchantLimiter, calls: u32, (budget, source): (Budget<'_>, &Source)) -> usize {
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
            Budget::Status("chk_1"),
            Budget::Token("chk_1"),
            Budget::Payment("chk_1"),
        ] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn a_caller_flooding_its_own_checkouts_blocks_no_other_session() {
        let limiter = MerchantLimiter::new(&Limits::default());
        let own: Vec<String> = (0..60).map(|number| format!("chk_{number}")).collect();
        for _ in 0..20 {
            for session in &own {
                for budget in [
                    Budget::Token(session),
                    Budget::Payment(session),
                    Budget::StripeCheckout(session),
                    Budget::Held(session),
                    Budget::Status(session),
                ] {
                    let _ = limiter.take(budget, STRANGER);
                }
            }
        }
        for budget in [Budget::Token("chk_p"), Budget::Payment("chk_p"), Budget::Held("chk_p")] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
        for budget in [Budget::Status("chk_q"), Budget::StripeCheckout("chk_q")] {
            assert!(limiter.take(budget, STRANGER).is_ok(), "{budget:?}");
        }
    }

    #[test]
    fn a_flooding_network_leaves_room_for_other_networks() {
        let limiter = MerchantLimiter::new(&Limits::default());
        for budget in [Budget::Checkout, Budget::Request] {
            let alone = taken(&limiter, 1000, (budget, &of("203.0.113.7")));
            assert!((60..=95).contains(&alone), "{budget:?}: one alone may take most: {alone}");
            assert!(taken(&limiter, 10, (budget, &of("198.51.100.1"))) == 10, "{budget:?}");
        }
    }

    #[test]
    fn one_shopper_flooding_checkouts_leaves_room_on_its_network() {
        let limits = Limits { per_shopper_per_minute: 1000, ..Limits::default() };
        let limiter = MerchantLimiter::new(&limits);
        let from = |subject: &str| Source { subject: Some(subject.to_owned()), ..of("203.0.113.7") };
        taken(&limiter, 1000, (Budget::Checkout, &from("a")));
        assert_eq!(taken(&limiter, 10, (Budget::Checkout, &from("b"))), 10);
    }

    #[test]
    fn a_flooded_session_leaves_room_to_pay_other_sessions() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 100, ..limits() });
        let asked = taken(&limiter, 100, (Budget::Token("chk_1"), STRANGER));
        assert_eq!(asked, PAYMENTS_OF_A_SESSION as usize);
        assert!(limiter.take(Budget::Token("chk_2"), STRANGER).is_ok());
    }

    #[test]
    fn one_shopper_cannot_use_up_the_shop() {
        let limiter = MerchantLimiter::new(&limits());
        let from = |subject: &str| Source { network: None, subject: Some(subject.to_owned()) };
        assert!(limiter.take(Budget::Request, &from("a")).is_ok());
        assert!(limiter.take(Budget::Request, &from("a")).is_err());
        assert!(limiter.take(Budget::Request, &from("b")).is_ok());
    }

    #[test]
    fn a_shopper_flooding_payments_leaves_others_room_to_pay() {
        let limiter = MerchantLimiter::new(&Limits { payments_per_minute: 2, ..limits() });
        let from = |subject: &str| Source { network: None, subject: Some(subject.to_owned()) };
        assert!(limiter.take(Budget::Token("chk_1"), &from("a")).is_ok());
        assert!(limiter.take(Budget::Token("chk_2"), &from("a")).is_err(), "its own bucket is empty");
        assert!(
            limiter.take(Budget::Token("chk_3"), &from("b")).is_ok(),
            "the shop's bucket was not touched"
        );
    }

    #[test]
    fn unknown_networks_cannot_block_a_network_that_has_paid() {
        let limiter = MerchantLimiter::new(&Limits::default());
        let assistant = of("20.0.0.1");
        assert!(limiter.take(Budget::Checkout, &assistant).is_ok());
        limiter.paid("chk_1", &assistant);
        let strangers = (0..200).map(|number| of(&format!("203.{}.{}.7", number / 250, number % 250)));
        for stranger in strangers {
            for budget in [Budget::Checkout, Budget::Request] {
                taken(&limiter, 20, (budget, &stranger));
            }
        }
        assert_eq!(taken(&limiter, 40, (Budget::Checkout, &assistant)), 40);
        assert_eq!(taken(&limiter, 40, (Budget::Request, &assistant)), 40);
    }

    #[tokio::test(start_paused = true)]
    async fn a_steady_crowd_on_one_network_keeps_its_share_during_a_flood() {
        let limiter = MerchantLimiter::new(&Limits::default());
        let (crowd, stranger) = (of("20.0.0.1"), of("203.0.113.7"));
        let mut served = 0;
        for tenth in 0..1200 {
            taken(&limiter, 100, (Budget::Request, &stranger));
            served += taken(&limiter, 2, (Budget::Request, &crowd));
            if tenth == 600 {
                served = 0;
            }
            tokio::time::advance(Duration::from_millis(100)).await;
        }
        assert!(served >= 1000, "of 1200 calls in a minute, where the shop takes 3000: {served}");
    }

    #[test]
    fn a_block_of_addresses_is_one_network_more_and_not_many() {
        let limiter = MerchantLimiter::new(&Limits::default());
        for number in 0..256 {
            taken(&limiter, 5, (Budget::Checkout, &of(&format!("2001:db8:1:{number:x}00::"))));
            taken(&limiter, 5, (Budget::Checkout, &of(&format!("203.0.113.{number}"))));
        }
        assert_eq!(taken(&limiter, 5, (Budget::Checkout, &of("198.51.100.1"))), 5);
    }

    #[test]
    fn a_network_with_many_checkouts_leaves_room_to_pay_from_others() {
        let limiter = MerchantLimiter::new(&Limits::default());
        let stranger = of("203.0.113.7");
        for number in 0..1000 {
            let session = format!("chk_{number}");
            for budget in
                [Budget::Token(&session), Budget::Payment(&session), Budget::StripeCheckout(&session)]
            {
                let _ = limiter.take(budget, &stranger);
            }
        }
        let shopper = of("198.51.100.1");
        for number in 0..5 {
            let session = format!("chk_p{number}");
            for budget in
                [Budget::Token(&session), Budget::Payment(&session), Budget::StripeCheckout(&session)]
            {
                assert!(limiter.take(budget, &shopper).is_ok(), "{budget:?}");
            }
        }
    }

    #[test]
    fn a_forged_shopper_name_uses_no_other_networks_budget() {
        let limiter = MerchantLimiter::new(&limits());
        let named = |network| Source { subject: Some("shopper".to_owned()), ..of(network) };
        taken(&limiter, 100, (Budget::Request, &named("203.0.113.7")));
        assert!(limiter.take(Budget::Request, &named("198.51.100.1")).is_ok());
        assert!(limiter.take(Budget::Held("chk_1"), &named("198.51.100.1")).is_ok());
    }

    #[test]
    fn a_changed_limit_fills_its_own_buckets_and_no_others() {
        let was = limits();
        let limiter = MerchantLimiter::new(&was);
        let payment = Budget::Payment("chk_1");
        assert_eq!(taken(&limiter, 9, (Budget::Request, STRANGER)), 2);
        assert_eq!(taken(&limiter, 9, (payment, STRANGER)), 1);
        let next = limiter.next(&Limits { burst: 4, ..was });
        assert!(taken(&next, 9, (Budget::Request, STRANGER)) > 2, "it was changed");
        assert_eq!(taken(&next, 9, (payment, STRANGER)), 0, "it was not");
        assert_eq!(taken(&limiter.next(&was), 9, (Budget::Request, STRANGER)), 0);
    }
}
