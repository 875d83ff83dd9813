//! The exact moments at which rules change, and the fields that only a restart would miss.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{
    AttemptObservation, Context, Event, Inconclusive, Moment, Observation, OrderObservation,
    PaymentIntentStatus, Phase, RefundAnswer, Session, State, StripeCheckoutStatus, Unconfirmed,
    UnmatchedPayment,
};
use merchant_gateway::domain::checkout::step::step;
use merchant_gateway::domain::ids::AttemptNumber;
use merchant_gateway::domain::retry::Retry;
use merchant_gateway::domain::sends::Sends;
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;

use super::pace::MINUTE;
use super::pages::{awaiting, page};
use super::refunds::{answered, looks, nothing_known, undecided_refund};

const LONG_AGO: Retry = Retry::at(Timestamp::from_seconds(0));

/// The session with a payment that is to be matched, and an attempt that is to be confirmed, both long due.
fn with_readings(session: &Session) -> Session {
    let payment = UnmatchedPayment { payment: "pi_9".parse().unwrap(), retry: LONG_AGO };
    let unconfirmed = Unconfirmed {
        attempt: AttemptNumber(1),
        intent: None,
        repeat_until: LONG_AGO.next_try,
        sends: Sends::default(),
        retry: LONG_AGO,
        arrived_by: None,
    };
    Session { unmatched_payments: vec![payment], last_polls: vec![unconfirmed], ..session.clone() }
}

#[test]
fn other_payments_wait_while_an_attempt_is_in_progress() {
    let (charging, _) = DriverHarness::charging();
    let session = charging.session();
    assert_eq!(due_at(&with_readings(session)), due_at(session));
    let ready = DriverHarness::ready();
    assert_eq!(due_at(&with_readings(ready.session())), Some(LONG_AGO.next_try));
}

#[test]
fn a_one_minute_pause_from_stripe_is_no_wait_of_a_charge() {
    for (pause, waits) in [(MINUTE, false), (Span::millis(60_001), true)] {
        let (mut harness, _) = DriverHarness::charging();
        harness.see(Observation::Inconclusive(Inconclusive {
            retry_after: Some(pause),
            ..Inconclusive::default()
        }));
        assert_eq!(harness.charging_state().attempt.sends.waits_since.is_some(), waits, "{pause:?}");
    }
}

#[test]
fn a_charge_that_is_read_now_is_due_now_after_a_restart() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive::default()));
    harness.wait_and_wake();
    harness.pass(Span::seconds(1));
    let should_retry = Some(false);
    harness.see(Observation::Inconclusive(Inconclusive { should_retry, ..Inconclusive::default() }));
    assert_eq!(harness.charging_state().phase, Phase::Reading);
    assert_eq!(due_at(harness.session()), Some(harness.now));
}

#[test]
fn a_refund_that_is_searched_for_now_is_due_now_after_a_restart() {
    for answer in [RefundAnswer::Conflict, nothing_known()] {
        let (mut harness, _) = undecided_refund();
        answered(&mut harness, nothing_known());
        let refund = harness.session().activity.refund_attempt().unwrap().1.clone();
        if matches!(answer, RefundAnswer::Inconclusive(_)) {
            // The last moment for sending has come.
            harness.now = refund.repeat_until - Span::millis(1);
            harness.wake();
            harness.now = refund.repeat_until;
        } else {
            harness.wait_and_wake();
        }
        answered(&mut harness, answer);
        let refund = harness.session().activity.refund_attempt().unwrap().1.clone();
        assert!(refund.searching && looks(&harness), "{:?}", harness.effects);
        assert_eq!(refund.retry.next_try, harness.now);
    }
}

#[test]
fn a_session_ends_at_its_last_moment_if_its_payment_never_happened() {
    let (mut harness, _) = DriverHarness::charging();
    let should_retry = Some(false);
    harness.see(Observation::Inconclusive(Inconclusive { should_retry, ..Inconclusive::default() }));
    let first = harness.now + Span::hours(25);
    let mut session = harness.session().clone();
    let State::Charging(charging) = &mut session.state else { panic!("{}", session.state.into_str()) };
    charging.attempt.retry.absent_since = Some(first);
    let number = charging.attempt.number;
    let now = first + Span::hours(1);
    for (left, name) in [(Span::millis(0), "expired"), (Span::millis(1), "open")] {
        session.expires = now + left;
        let absent = AttemptObservation::from(Observation::Absent { asked: now });
        let event = Event::AttemptObserved { attempt: number, seen: absent };
        let moment = Moment { now, jitter: 0.5, random: 77, webhooks_arrive: false };
        let after = step(&session, event, &Context { view: &harness.view, moment }).unwrap();
        assert_eq!(after.next.state.into_str(), name);
    }
}

#[test]
fn an_intent_read_while_it_is_canceled_ends_the_count_of_failures() {
    let (mut harness, _) = DriverHarness::charging();
    let unfinished = |harness: &DriverHarness| {
        Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction))
    };
    harness.see(unfinished(&harness));
    assert!(matches!(harness.charging_state().phase, Phase::Canceling { .. }));
    harness.see(Observation::ReadFailed);
    assert_eq!(harness.charging_state().attempt.retry.failed_reads.count, 1);
    harness.wait_and_wake();
    harness.see(unfinished(&harness));
    assert_eq!(harness.charging_state().attempt.retry.failed_reads.count, 0);
}

#[test]
fn an_open_stripe_checkout_is_polled_at_its_end_at_the_latest() {
    let mut harness = awaiting();
    let State::AwaitingStripeCheckout { payment, .. } = &harness.session().state else { panic!("no page") };
    let expires = payment.expires;
    loop {
        harness.now = due_at(harness.session()).unwrap();
        if harness.now > expires {
            break;
        }
        harness.wake();
        harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open)));
    }
    assert!(harness.now.since(expires) <= MINUTE, "{:?}", harness.now.since(expires));
}

#[test]
fn a_failed_reading_of_a_paid_order_delays_no_refund_that_is_sent() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, nothing_known());
    let before = harness.session().activity.refund_attempt().unwrap().1.clone();
    let moment = Moment { now: harness.now, jitter: 0.5, random: 77, webhooks_arrive: false };
    let context = Context { view: &harness.view, moment };
    let unread = Event::OrderObserved(OrderObservation::ReadFailed);
    let after = step(harness.session(), unread, &context).unwrap().next;
    assert_eq!(after.activity.refund_attempt().unwrap().1.retry, before.retry);
}
