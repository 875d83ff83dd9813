//! How often Stripe is asked about one session, while every answer leaves it as undecided as before.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    Command, Decision, Effect, Inconclusive, Observation, OrderEffect, OrderObservation, Patch,
    PaymentIntentSnapshot, PaymentIntentStatus, RefundAnswer, StripeCheckoutSnapshot, StripeCheckoutStatus,
    StripeNotification,
};
use merchant_gateway::domain::ids::RefundNumber;
use merchant_gateway::domain::order::{Dispute, RefundStatus};
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;

use super::pages::{awaiting, open_stripe_checkout, page};
use super::refunds::{answered, refund_snapshot, undecided_refund};
use super::{declined, dispute, frozen, nothing_known, succeeded};

/// A session that waits for Stripe.
pub(super) struct Case {
    pub(super) name: &'static str,
    pub(super) make: fn() -> DriverHarness,
    /// Ends the oldest effect, in a way that decides nothing.
    pub(super) answer: fn(&mut DriverHarness),
    /// The most requests in the first hour, and in each hour after the second.
    most: (usize, usize),
    /// The longest time without a request while it is undecided.
    pub(super) longest: Span,
}

const DAY: Span = Span::hours(24);

/// How long each is watched.
const WATCHED: Span = Span::hours(20);

pub(super) fn unread(harness: &mut DriverHarness) {
    match harness.effects[0] {
        Effect::Order(OrderEffect::Read { .. }) => harness.see_order(OrderObservation::ReadFailed),
        Effect::Order(OrderEffect::Refund(number)) => {
            let answer = RefundAnswer::Inconclusive(Inconclusive::default());
            harness.see_order(OrderObservation::RefundAnswered { number, answer });
        }
        Effect::ReadPayment { .. } => harness.see_payment(Observation::ReadFailed),
        Effect::Charge(_) | Effect::CreateStripeCheckout(_) => harness.see(nothing_known()),
        Effect::Read { .. }
        | Effect::Cancel { .. }
        | Effect::ReadStripeCheckout { .. }
        | Effect::ExpireStripeCheckout { .. } => {
            harness.see(Observation::ReadFailed);
        }
    }
}

fn processing(harness: &mut DriverHarness) {
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
}

fn page_is_open(harness: &mut DriverHarness) {
    let open = Observation::StripeCheckout(page(harness, StripeCheckoutStatus::Open));
    harness.see(open);
}

fn page_is_unpaid(harness: &mut DriverHarness) {
    let intent = Some(("pi_1".parse().unwrap(), Some(PaymentIntentStatus::Processing)));
    let unpaid = StripeCheckoutSnapshot { intent, ..page(harness, StripeCheckoutStatus::Unpaid) };
    harness.see(Observation::StripeCheckout(unpaid));
}

fn reading() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    harness
}

fn canceling() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    harness
}

fn paid() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness
}

fn hinted_at(mut harness: DriverHarness, affected: Affected, payment: Option<&str>) -> DriverHarness {
    let payment = payment.map(|payment| payment.parse().unwrap());
    harness.ask(Command::CheckStripe(StripeNotification { affected, payment }));
    harness
}

fn order_shows(harness: &mut DriverHarness, disputes: Option<Vec<Dispute>>) {
    let asked = harness.now;
    harness.see_order(OrderObservation::Read { refunds: vec![], disputes, asked, complete: true });
}

fn disputed(harness: &mut DriverHarness) {
    order_shows(harness, Some(vec![dispute("needs_response")]));
}

fn looking_for_a_refund() -> DriverHarness {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    harness
}

/// A look that came to its end and could not read all there was.
fn incomplete(harness: &mut DriverHarness) {
    let asked = harness.now;
    harness.see_order(OrderObservation::Read { refunds: vec![], disputes: None, asked, complete: false });
}

pub(super) fn decided_unread() -> DriverHarness {
    let mut harness = frozen();
    harness.ask(Command::Decide(Decision::NotCharged { override_unread: true }));
    harness.verify(Observation::ReadFailed);
    harness
}

pub(super) const MINUTE: Span = Span::minutes(1);

pub(super) const CASES: [Case; 19] = [
    Case {
        name: "a charge that is not heard of",
        make: || DriverHarness::charging().0,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge to which Stripe wants no pause",
        make: || DriverHarness::charging().0,
        answer: |harness| {
            if matches!(harness.effects[0], Effect::Charge(_)) {
                let retry_after = Some(Span::millis(0));
                harness
                    .see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
            } else {
                unread(harness);
            }
        },
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge whose key is refused",
        make: || DriverHarness::charging().0,
        answer: |harness| harness.see(Observation::KeyRefused),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that is under way",
        make: || DriverHarness::charging().0,
        answer: processing,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge that cannot be read",
        make: reading,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge whose absence is never proved",
        make: reading,
        answer: |harness| harness.see(Observation::Absent { asked: Timestamp::from_seconds(1_800_000_000) }),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a charge that answers a reading like a send",
        make: reading,
        answer: |harness| harness.see(declined()),
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that cannot be canceled",
        make: canceling,
        answer: |harness| {
            harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
        },
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a cancel that is not heard of",
        make: canceling,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "an open page that nobody comes back from",
        make: awaiting,
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(3),
    },
    Case {
        name: "an open page where webhooks arrive",
        make: || {
            let mut harness = awaiting();
            harness.webhooks_arrive = true;
            harness
        },
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(10),
    },
    Case {
        name: "a page that somebody has come back from",
        make: || hinted_at(awaiting(), Affected::Payment, None),
        answer: page_is_open,
        most: (80, 90),
        longest: Span::minutes(3),
    },
    Case {
        name: "a page whose payment is under way",
        make: awaiting,
        answer: page_is_unpaid,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a page that cannot be read",
        make: awaiting,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a page that cannot be closed",
        make: || {
            let mut harness = awaiting();
            harness.update(Patch::default());
            harness
        },
        answer: page_is_open,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "an order that cannot be looked at",
        make: || hinted_at(paid(), Affected::Order, None),
        answer: unread,
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "an order whose disputes cannot be read",
        make: || hinted_at(paid(), Affected::Order, None),
        answer: |harness| order_shows(harness, None),
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "an order that is disputed",
        make: || hinted_at(paid(), Affected::Order, None),
        answer: disputed,
        most: (10, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that a session cannot account for",
        make: || hinted_at(paid(), Affected::Payment, Some("pi_2")),
        answer: |harness| {
            if matches!(harness.effects[0], Effect::ReadPayment { .. }) {
                let seen = harness.intent(PaymentIntentStatus::Processing);
                harness.see_payment(Observation::PaymentIntent(PaymentIntentSnapshot {
                    id: "pi_2".parse().unwrap(),
                    ..seen
                }));
            } else {
                order_shows(harness, Some(vec![]));
            }
        },
        most: (20, 1),
        longest: Span::hours(6),
    },
];

/// Those that are sent, looked for, or called unpaid, by way of several kinds of requests.
pub(super) const MORE: [Case; 5] = [
    Case {
        name: "a refund that is not heard of",
        make: || undecided_refund().0,
        answer: unread,
        most: (100, 90),
        longest: MINUTE,
    },
    Case {
        name: "a refund whose absence is never proved",
        make: looking_for_a_refund,
        answer: incomplete,
        most: (110, 90),
        longest: MINUTE,
    },
    Case {
        name: "a payment that was called unpaid and cannot be read",
        make: decided_unread,
        answer: unread,
        most: (20, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that was called unpaid and cannot be canceled",
        make: decided_unread,
        answer: |harness| {
            harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
        },
        most: (20, 1),
        longest: Span::hours(6),
    },
    Case {
        name: "a payment that a session cannot account for and that cannot be read",
        make: || hinted_at(paid(), Affected::Payment, Some("pi_2")),
        answer: unread,
        most: (20, 1),
        longest: Span::hours(6),
    },
];

/// The moments at which Stripe is asked within so long, by the schedule alone. A request takes a tenth of a second.
fn requests(harness: &mut DriverHarness, answer: fn(&mut DriverHarness), span: Span) -> Vec<Timestamp> {
    let (began, end) = (harness.now, harness.now + span);
    let mut asked = Vec::new();
    for _ in 0..10_000 {
        while !harness.effects.is_empty() {
            asked.push(harness.now);
            assert!(asked.len() < 5000, "{} requests in {:?}", asked.len(), harness.now.since(began));
            harness.pass(Span::millis(100));
            answer(harness);
        }
        match due_at(harness.session()).filter(|due| *due <= end) {
            Some(due) => {
                harness.now = harness.now.max(due);
                harness.wake();
            }
            None => return asked,
        }
    }
    panic!("it is due again and again, and nothing is asked, at {:?}", harness.now.since(began));
}

#[test]
fn stripe_requests_keep_within_bounds_while_nothing_is_decided() {
    for Case { name, make, answer, most, longest } in CASES.into_iter().chain(MORE) {
        let mut harness = make();
        let began = harness.now;
        let asked = requests(&mut harness, answer, WATCHED);
        let mut hours = vec![0_usize; 21];
        for at in &asked {
            hours[usize::try_from(at.since(began).as_millis() / Span::hours(1).as_millis()).unwrap()] += 1;
        }
        assert!(hours[0] <= most.0, "{name}: {hours:?}");
        assert!(hours[2..].iter().all(|asked| *asked <= most.1), "{name}: {hours:?}");
        let ends = asked[1..].iter().copied().chain([began + WATCHED]);
        let pauses = asked.iter().zip(ends).map(|(before, after)| after.since(*before));
        let longest_pause = pauses.max().unwrap();
        assert!(longest_pause.as_millis() <= longest.as_millis() + 200, "{name}: {longest_pause:?}");
    }
}

#[test]
fn an_opening_is_repeated_for_a_minute_and_not_without_pause() {
    let mut harness = DriverHarness::ready();
    open_stripe_checkout(&mut harness);
    let asked = requests(&mut harness, unread, Span::minutes(10));
    assert!((5..=12).contains(&asked.len()), "{asked:?}");
    assert!(asked.last().unwrap().since(asked[0]) < MINUTE);
}

/// The days, from a beginning, at which an order is looked at that nothing happens to.
fn days(harness: &mut DriverHarness, began: Timestamp) -> Vec<i64> {
    let asked = requests(harness, |harness| order_shows(harness, Some(vec![])), Span::hours(24 * 365));
    let whole_days = asked.iter().map(|at| {
        assert_eq!(at.since(began).as_millis() % DAY.as_millis(), 0, "{at}");
        at.since(began).as_millis() / DAY.as_millis()
    });
    whole_days.collect()
}

#[test]
fn a_settled_order_is_looked_at_on_seven_days_in_four_months() {
    let mut harness = paid();
    let began = harness.session().created;
    assert_eq!(days(&mut harness, began), [1, 7, 14, 30, 60, 90, 120]);
    assert_eq!(due_at(harness.session()), None);
}

#[test]
fn an_order_is_polled_on_five_more_days_after_a_refund() {
    let mut harness = paid();
    let began = harness.session().created;
    harness.now = began + Span::hours(24 * 10);
    harness.wake();
    order_shows(&mut harness, Some(vec![]));
    let request = merchant_gateway::domain::checkout::model::RefundRequest {
        reference: "r".parse().unwrap(),
        amount: Some(100),
        reason: None,
    };
    harness.ask(Command::Refund(request));
    let made = refund_snapshot("re_1", RefundStatus::Succeeded, harness.now);
    harness.see_order(OrderObservation::RefundAnswered {
        number: RefundNumber(1),
        answer: RefundAnswer::Made(made),
    });
    assert_eq!(
        days_with_refund(&mut harness, began),
        [11, 13, 14, 17, 24, 30, 40, 60, 90, 120],
        "1, 3, 7, 14 and 30 days after day 10"
    );
}

fn days_with_refund(harness: &mut DriverHarness, began: Timestamp) -> Vec<i64> {
    let shows = |harness: &mut DriverHarness| {
        let asked = harness.now;
        let refunds = vec![refund_snapshot("re_1", RefundStatus::Succeeded, asked)];
        harness.see_order(OrderObservation::Read { refunds, disputes: Some(vec![]), asked, complete: true });
    };
    let asked = requests(harness, shows, Span::hours(24 * 365));
    asked.iter().map(|at| at.since(began).as_millis() / DAY.as_millis()).collect()
}

#[test]
fn two_looks_at_a_settled_order_are_a_day_apart_also_after_a_hint() {
    for hours in [1, 30, 24 * 20] {
        let mut harness = paid();
        harness.now = harness.now + Span::hours(hours);
        let mut harness = hinted_at(harness, Affected::Order, None);
        harness.pass(Span::millis(1));
        order_shows(&mut harness, Some(vec![]));
        let asked =
            requests(&mut harness, |harness| order_shows(harness, Some(vec![])), Span::hours(24 * 365));
        assert!(!asked.is_empty() && asked.len() <= 7, "{asked:?}");
        for pair in asked.windows(2) {
            assert!(pair[1].since(pair[0]) >= DAY, "{pair:?}");
        }
    }
}

#[test]
fn what_is_put_off_for_want_of_room_is_not_put_off_for_long() {
    let far = || Span::hours(9);
    let cases: [(fn() -> DriverHarness, Span); 5] = [
        (reading, MINUTE),
        (canceling, MINUTE),
        (
            || {
                let mut harness = awaiting();
                harness.pass(MINUTE);
                harness.wake();
                harness
            },
            Span::minutes(10),
        ),
        (looking_for_a_refund, MINUTE),
        (|| hinted_at(paid(), Affected::Order, None), MINUTE),
    ];
    for (make, longest) in cases {
        let mut harness = make();
        harness.pass(Span::millis(1));
        if matches!(harness.effects[0], Effect::Order(_)) {
            harness.see_order(OrderObservation::PutOff { after: far() });
        } else {
            harness.see(Observation::PutOff { after: far() });
        }
        let due = due_at(harness.session()).unwrap();
        assert_eq!(due.since(harness.now), longest, "{:?}", harness.session().state.into_str());
        assert!(harness.effects.is_empty());
    }
}
