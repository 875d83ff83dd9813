//! The rate at which one merchant's Stripe account is read, and the priority of readings when there is not enough
//! room.
//!
//! Stripe accepts 100 requests a second of an account in live mode, 25 in test mode, and 25 for each kind of object;
//! the merchant's other programs share them. Invariants: readings that decide a charge find room before all others;
//! no kind of reading takes all of the room, so that none waits for ever; a reading that is put off has a turn of its
//! own, so that the waiting readings do not all return at once.

use tokio::time::Instant;

use crate::domain::time::Span;

/// The rate and the burst of all readings together. They are well under Stripe's limit in test mode, with room for
/// payments.
const ALL: Rate = Rate { per_second: 10.0, burst: 20.0 };

/// The part of the total room that is reserved for readings that decide a charge.
const FOR_CHARGES: f64 = 5.0;

/// The part of the total room, and of the room for Stripe Checkouts, that is reserved for awaited ones.
const FOR_AWAITED_PAGES: f64 = 4.0;

/// The part of the total room, and of the room for orders, that is reserved for readings that decide a refund.
const FOR_REFUNDS: f64 = 1.0;

/// The longest time that a reading is put off at once, from when Stripe accepts readings again.
const LONGEST_TURN: Span = Span::minutes(1);

/// How long readings wait after a 429 without a time: at first, and at most after many in a row.
const FIRST_WAIT: Span = Span::seconds(1);
const LONGEST_WAIT: Span = Span::seconds(32);

/// The longest `Retry-After` that is obeyed: a longer wait would keep payments undecided for too long.
const LONGEST_RETRY_AFTER: Span = Span::hours(1);

/// The kinds of readings, the most urgent first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// A charge whose outcome is not known, or a Stripe Checkout that is being closed.
    Charge,
    /// An open Stripe Checkout whose result is awaited.
    AwaitedStripeCheckout,
    /// An open Stripe Checkout.
    StripeCheckout,
    /// A refund whose outcome is not known.
    Refund,
    /// A payment or an order that is decided here.
    Order,
    /// All payments in a time, for charges whose payment id is not known.
    Listing,
}

/// Many consecutive readings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Many {
    /// The reconciliation of a restore; the merchant takes no payments before its end.
    Accounting,
    /// The pages of a listing of fresh attempts.
    FreshListing,
    /// The pages of a listing of old attempts.
    OldListing,
}

impl Many {
    const KINDS: usize = 3;

    /// Their share of the total room. A long listing leaves room for every other reading, and for another listing.
    const fn rate(self) -> Rate {
        match self {
            Self::Accounting => ALL,
            Self::FreshListing | Self::OldListing => Rate { per_second: 3.0, burst: 3.0 },
        }
    }
}

/// Readings that share their room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Lane {
    Charges,
    StripeCheckouts,
    Orders,
    Listings,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: f64,
    burst: f64,
}

impl Reading {
    pub(super) const fn lane(self) -> Lane {
        match self {
            Self::Charge => Lane::Charges,
            Self::AwaitedStripeCheckout | Self::StripeCheckout => Lane::StripeCheckouts,
            Self::Refund | Self::Order => Lane::Orders,
            Self::Listing => Lane::Listings,
        }
    }

    const KINDS: usize = 6;

    /// The part of its lane's room that it leaves to others.
    const fn leaves(self) -> f64 {
        match self {
            Self::StripeCheckout => FOR_AWAITED_PAGES,
            Self::Order => FOR_REFUNDS,
            Self::Charge | Self::AwaitedStripeCheckout | Self::Refund | Self::Listing => 0.0,
        }
    }

    /// The part of the total room that it leaves to others.
    const fn leaves_of_all(self) -> f64 {
        match self {
            // A listing decides charges as well, and its own room is small.
            Self::Charge | Self::Listing => 0.0,
            Self::AwaitedStripeCheckout | Self::StripeCheckout | Self::Refund | Self::Order => {
                FOR_CHARGES + self.leaves()
            }
        }
    }

    /// The number of its lane's places at Stripe that it leaves to others.
    pub(super) const fn leaves_places(self) -> usize {
        match self {
            Self::StripeCheckout => 2,
            Self::Order => 1,
            Self::Charge | Self::AwaitedStripeCheckout | Self::Refund | Self::Listing => 0,
        }
    }
}

impl Lane {
    pub(super) const ALL: [Self; 4] = [Self::Charges, Self::StripeCheckouts, Self::Orders, Self::Listings];

    /// How many may be at Stripe at once. All waiting attempts share one listing of fresh attempts and one of old
    /// ones.
    pub(super) const fn at_once(self) -> usize {
        match self {
            Self::Charges => 16,
            Self::StripeCheckouts => 8,
            Self::Orders => 4,
            Self::Listings => 2,
        }
    }

    /// Its share of the total room.
    const fn rate(self) -> Rate {
        match self {
            Self::Charges | Self::StripeCheckouts => Rate { per_second: 7.0, burst: 14.0 },
            Self::Orders => Rate { per_second: 2.0, burst: 4.0 },
            Self::Listings => Rate { per_second: 1.0, burst: 2.0 },
        }
    }
}

/// Room that is used up and refills with time.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    left: f64,
    at: Instant,
}

impl Bucket {
    const fn full(rate: Rate, now: Instant) -> Self {
        Self { rate, left: rate.burst, at: now }
    }

    fn refill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.left = passed.mul_add(self.rate.per_second, self.left).min(self.rate.burst);
        self.at = self.at.max(now);
    }

    /// Empties the bucket, and refills it only from this moment on.
    fn empty_until(&mut self, at: Instant) {
        self.left = self.left.min(0.0);
        self.at = self.at.max(at);
    }
}

/// The pace of one merchant's readings.
#[derive(Debug)]
pub(super) struct Pace {
    all: Bucket,
    lanes: [Bucket; Lane::ALL.len()],
    many: [Bucket; Many::KINDS],
    /// When the next reading that is put off has its turn.
    turns: [Instant; Reading::KINDS],
    /// Until when Stripe accepts no readings.
    closed_until: Instant,
    /// How long readings wait after the next 429.
    wait: Span,
}

impl Pace {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            all: Bucket::full(ALL, now),
            lanes: Lane::ALL.map(|lane| Bucket::full(lane.rate(), now)),
            many: [Many::Accounting, Many::FreshListing, Many::OldListing]
                .map(|many| Bucket::full(many.rate(), now)),
            turns: [now; Reading::KINDS],
            closed_until: now,
            wait: FIRST_WAIT,
        }
    }

    /// Takes room for a reading, or returns how long it is put off.
    pub(super) fn take(&mut self, reading: Reading, now: Instant) -> Result<(), Span> {
        let lane = reading.lane();
        self.all.refill(now);
        let own = &mut self.lanes[lane as usize];
        own.refill(now);
        let room = self.all.left >= 1.0 + reading.leaves_of_all() && own.left >= 1.0 + reading.leaves();
        if now < self.closed_until || !room {
            return Err(self.turn(reading, now));
        }
        self.all.left -= 1.0;
        self.lanes[lane as usize].left -= 1.0;
        Ok(())
    }

    /// Takes room for one of many consecutive readings, or returns how long it waits.
    pub(super) fn take_one_of_many(&mut self, many: Many, now: Instant) -> Result<(), Span> {
        self.all.refill(now);
        let own = &mut self.many[many as usize];
        own.refill(now);
        if now < self.closed_until {
            return Err(until(self.closed_until, now).min(LONGEST_TURN));
        }
        if own.left < 1.0 {
            return Err(seconds((1.0 - own.left) / own.rate.per_second));
        }
        if self.all.left < 1.0 + FOR_CHARGES {
            return Err(seconds(1.0 / ALL.per_second));
        }
        own.left -= 1.0;
        self.all.left -= 1.0;
        Ok(())
    }

    /// Counts a reading that is made in any case. The part that is reserved for charges remains.
    pub(super) fn count(&mut self, now: Instant) {
        self.all.refill(now);
        self.all.left = self.all.left.min((self.all.left - 1.0).max(FOR_CHARGES));
    }

    /// How long a reading without room is put off: each gets a turn after the others of its kind.
    pub(super) fn turn(&mut self, reading: Reading, now: Instant) -> Span {
        let step = seconds(1.0 / reading.lane().rate().per_second);
        let turn = &mut self.turns[reading as usize];
        let open = self.closed_until.max(now);
        // A reading that returns and finds no room then gets a new turn.
        let last = open + LONGEST_TURN.to_duration();
        *turn = (*turn + step.to_duration()).max(open + step.to_duration()).min(last);
        until(*turn, now)
    }

    pub(super) fn limited(&mut self, retry_after: Option<Span>, now: Instant) {
        let wait = retry_after.map_or(self.wait, |told| told.clamp(FIRST_WAIT, LONGEST_RETRY_AFTER));
        if now >= self.closed_until {
            self.wait = Span::millis(self.wait.as_millis() * 2).min(LONGEST_WAIT);
        }
        self.closed_until = self.closed_until.max(now + wait.to_duration());
        // Stripe would reject a burst of saved-up readings again at once.
        self.all.empty_until(self.closed_until);
        self.lanes.iter_mut().for_each(|lane| lane.empty_until(self.closed_until));
    }

    pub(super) const fn not_limited(&mut self) {
        self.wait = FIRST_WAIT;
    }
}

fn until(at: Instant, now: Instant) -> Span {
    let millis = at.saturating_duration_since(now).as_millis();
    Span::millis(i64::try_from(millis).unwrap_or(i64::MAX).saturating_add(1))
}

#[expect(clippy::cast_possible_truncation, reason = "at most a second")]
fn seconds(seconds: f64) -> Span {
    Span::millis((seconds * 1000.0).ceil() as i64)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn charges_have_the_most_places_at_stripe_and_listings_the_fewest() {
        assert_eq!(Lane::ALL.map(Lane::at_once), [16, 8, 4, 2]);
    }

    /// How many of a kind find room within a time, with a try every tenth of a second for each.
    fn granted(pace: &mut Pace, reading: Reading, (from, seconds): (Instant, u32)) -> u32 {
        let mut granted = 0;
        for tenth in 0..seconds * 10 {
            while pace.take(reading, from + Duration::from_millis(100) * tenth).is_ok() {
                granted += 1;
            }
        }
        granted
    }

    #[test]
    fn charge_reads_find_room_beside_any_number_of_other_reads() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        for reading in
            [Reading::StripeCheckout, Reading::AwaitedStripeCheckout, Reading::Order, Reading::Listing]
        {
            granted(&mut pace, reading, (start, 10));
        }
        assert!(pace.take(Reading::Charge, start + Duration::from_secs(10)).is_ok());
    }

    /// How many of a kind find room at one moment.
    fn at_once(pace: &mut Pace, reading: Reading, now: Instant) -> usize {
        (0..100).take_while(|_| pace.take(reading, now).is_ok()).count()
    }

    fn accounted(pace: &mut Pace, now: Instant) -> usize {
        (0..100).take_while(|_| pace.take_one_of_many(Many::Accounting, now).is_ok()).count()
    }

    #[test]
    fn each_read_kind_spares_all_reserves_and_an_hour_adds_no_more() {
        let start = Instant::now();
        for now in [start, start + Duration::from_hours(1)] {
            let kinds = [
                Reading::Charge,
                Reading::AwaitedStripeCheckout,
                Reading::StripeCheckout,
                Reading::Refund,
                Reading::Order,
            ];
            let room = kinds.map(|reading| at_once(&mut Pace::new(start), reading, now));
            assert_eq!(room, [14, 14, 10, 4, 3]);
            assert_eq!(at_once(&mut Pace::new(start), Reading::Listing, now), 2);
        }
        let mut pace = Pace::new(start);
        let kinds = [
            Reading::Order,
            Reading::Refund,
            Reading::StripeCheckout,
            Reading::AwaitedStripeCheckout,
            Reading::Charge,
        ];
        assert_eq!(kinds.map(|reading| at_once(&mut pace, reading, start)), [3, 1, 7, 4, 5]);
    }

    #[test]
    fn what_was_taken_comes_back_at_its_rate_and_once() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        at_once(&mut pace, Reading::Charge, start);
        let later = start + Duration::from_secs(1);
        assert_eq!(at_once(&mut pace, Reading::Charge, later), 7);
        assert_eq!(at_once(&mut pace, Reading::Charge, start), 0, "a moment that is past brings nothing");
        assert_eq!(at_once(&mut pace, Reading::Charge, later), 0, "nor does it bring a second one twice");
    }

    #[test]
    fn accounting_and_counted_reads_never_use_the_room_for_charges() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert_eq!(accounted(&mut pace, now), 15);
        assert_eq!(pace.take_one_of_many(Many::Accounting, now), Err(Span::millis(100)));
        assert_eq!(at_once(&mut pace, Reading::AwaitedStripeCheckout, now), 0);
        pace.count(now);
        assert_eq!(at_once(&mut pace, Reading::Charge, now), 5);
        pace.count(now);
        assert_eq!(at_once(&mut pace, Reading::Charge, now), 0, "a count gives nothing back");
        for (counted, left) in [(3, 12), (100, 0)] {
            let mut pace = Pace::new(now);
            (0..counted).for_each(|_| pace.count(now));
            assert_eq!((accounted(&mut pace, now), at_once(&mut pace, Reading::Charge, now)), (left, 5));
        }
    }

    #[test]
    fn a_listing_waits_for_its_own_room_and_for_the_end_of_a_pause() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        assert!([(); 3].iter().all(|()| pace.take_one_of_many(Many::FreshListing, now).is_ok()));
        assert_eq!(pace.take_one_of_many(Many::FreshListing, now), Err(Span::millis(334)));
        pace.limited(Some(Span::seconds(7)), now);
        assert_eq!(pace.take_one_of_many(Many::Accounting, now), Err(Span::millis(7001)));
        pace.limited(Some(Span::minutes(7)), now);
        assert_eq!(pace.take_one_of_many(Many::Accounting, now), Err(LONGEST_TURN));
        let gathered = [420, 421].map(|later| accounted(&mut pace, now + Duration::from_secs(later)));
        assert_eq!(gathered, [0, 5], "nothing has gathered meanwhile");
    }

    #[test]
    fn turns_come_at_the_rate_of_what_is_read() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        let turns = [(); 3].map(|()| pace.turn(Reading::Order, now).as_millis());
        assert_eq!(turns, [501, 1001, 1501]);
        assert_eq!(pace.turn(Reading::StripeCheckout, now).as_millis(), 144);
        assert_eq!(pace.turn(Reading::Order, now + Duration::from_hours(1)).as_millis(), 501);
    }

    #[test]
    fn a_429_during_a_pause_neither_shortens_it_nor_grows_the_next() {
        let now = Instant::now();
        let closed = |pace: &Pace| pace.closed_until.duration_since(now).as_secs();
        let mut pace = Pace::new(now);
        pace.limited(Some(Span::millis(1)), now);
        assert_eq!(closed(&pace), 1);
        (0..2).for_each(|_| pace.limited(None, now));
        assert_eq!(closed(&pace), 2, "three that were under way at once are not three in a row");
        pace.limited(Some(Span::seconds(10)), now);
        pace.limited(Some(Span::millis(1)), now);
        assert_eq!(closed(&pace), 10);
        pace.limited(Some(Span::hours(5)), now);
        assert_eq!(closed(&pace), 3600);
    }

    #[test]
    fn no_kind_takes_the_room_of_the_others() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut met = [0; 3];
        for tenth in 0..600 {
            let now = start + Duration::from_millis(100) * tenth;
            for (met, reading) in
                met.iter_mut().zip([Reading::StripeCheckout, Reading::Order, Reading::Listing])
            {
                while pace.take(reading, now).is_ok() {
                    *met += 1;
                }
            }
        }
        let [pages, orders, listings] = met;
        assert!((400..=440).contains(&pages) && orders >= 110 && listings >= 55, "{met:?}");
        assert!(pages + orders + listings <= 620, "{met:?}");
    }

    #[test]
    fn those_that_are_put_off_have_their_turns_one_after_the_other() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        granted(&mut pace, Reading::StripeCheckout, (now, 1));
        let now = now + Duration::from_secs(1);
        let turns: Vec<_> = (0..7).map(|_| pace.turn(Reading::StripeCheckout, now)).collect();
        assert!(turns.windows(2).all(|pair| pair[0] < pair[1]), "{turns:?}");
        let far = (0..2000).map(|_| pace.turn(Reading::StripeCheckout, now)).max();
        assert_eq!(far, Some(until(now + LONGEST_TURN.to_duration(), now)));
        let awaited = pace.turn(Reading::AwaitedStripeCheckout, now);
        assert!(
            awaited < Span::seconds(1),
            "one that somebody waits for is behind none of them: {awaited:?}"
        );
    }

    #[test]
    fn a_429_stops_every_read_for_its_pause_and_saves_up_no_room() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.limited(Some(Span::seconds(7)), now);
        for reading in
            [Reading::Charge, Reading::AwaitedStripeCheckout, Reading::StripeCheckout, Reading::Refund]
        {
            let after = pace.take(reading, now).unwrap_err();
            assert!(after > Span::seconds(7) && after < Span::seconds(9), "{after:?}");
        }
        let open = now + Duration::from_secs(7);
        assert!(pace.take(Reading::Charge, open - Duration::from_millis(1)).is_err());
        assert_eq!(granted(&mut pace, Reading::Charge, (open, 2)), 13, "nothing has gathered meanwhile");
    }

    #[test]
    fn listings_without_end_leave_room_for_every_other_reading() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        let mut met = [0; 3];
        for tenth in 0..600 {
            let now = start + Duration::from_millis(100) * tenth;
            for (met, many) in met.iter_mut().zip([Many::OldListing, Many::FreshListing]) {
                while pace.take_one_of_many(many, now).is_ok() {
                    *met += 1;
                }
            }
            while pace.take(Reading::StripeCheckout, now).is_ok() {
                met[2] += 1;
            }
        }
        let [old, fresh, pages] = met;
        assert!((170..=190).contains(&old) && (170..=190).contains(&fresh) && pages >= 200, "{met:?}");
        assert!(pace.take(Reading::Charge, start + Duration::from_mins(1)).is_ok());
    }

    #[test]
    fn a_reading_is_put_off_once_until_a_long_retry_after_is_over() {
        let now = Instant::now();
        let mut pace = Pace::new(now);
        pace.limited(Some(Span::minutes(45)), now);
        for _ in 0..2000 {
            let after = pace.take(Reading::StripeCheckout, now).unwrap_err();
            assert!(after > Span::minutes(45) && after < Span::minutes(47), "{after:?}");
        }
    }

    #[test]
    fn a_429_without_retry_after_lengthens_waits_until_a_success() {
        let mut now = Instant::now();
        let mut pace = Pace::new(now);
        let mut waits = Vec::new();
        for _ in 0..8 {
            pace.limited(None, now);
            waits.push(pace.closed_until.duration_since(now).as_secs());
            now = pace.closed_until;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 32, 32]);
        pace.not_limited();
        pace.limited(None, now);
        assert_eq!(pace.closed_until.duration_since(now).as_secs(), 1);
    }

    #[test]
    fn what_is_not_urgent_leaves_places_at_stripe_to_what_is() {
        for (reading, places) in [
            (Reading::Charge, 0),
            (Reading::AwaitedStripeCheckout, 0),
            (Reading::StripeCheckout, 2),
            (Reading::Refund, 0),
            (Reading::Order, 1),
            (Reading::Listing, 0),
        ] {
            assert_eq!(reading.leaves_places(), places, "{reading:?}");
            assert!(places < reading.lane().at_once(), "{reading:?} has a place of its own");
        }
    }

    #[test]
    fn an_unconditional_read_counts_against_the_room_of_that_moment() {
        let start = Instant::now();
        let mut pace = Pace::new(start);
        at_once(&mut pace, Reading::Charge, start);
        assert!(pace.all.left < ALL.burst - 1.0);
        pace.count(start + Duration::from_secs(10));
        assert!((pace.all.left - (ALL.burst - 1.0)).abs() < 0.001, "{}", pace.all.left);
    }
}
