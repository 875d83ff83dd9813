//! A clock that is set back: nothing waits longer than its longest pause, and no pause is cut short.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{Effect, Inconclusive, Observation, RefundAnswer, State};
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;

use super::pace::{CASES, Case, MINUTE, MORE, decided_unread, unread};
use super::pages::open_stripe_checkout;
use super::refunds::{answered, sends, undecided_refund};

/// The longest pause between two looks at an open page, whoever waits for it.
const OPEN_PAGE: Span = Span::minutes(10);

/// Waits as long as its longest pause and no longer: before that it would be a pause that nobody makes.
fn waits_no_longer_than(longest: Span, harness: &mut DriverHarness, name: &str) {
    assert!(harness.effects.is_empty(), "{name}: {:?}", harness.effects);
    let due = due_at(harness.session()).expect("it waits");
    harness.now = due - longest;
    harness.wake();
    assert!(harness.effects.is_empty(), "{name}: its pause is kept");
    harness.now = due - longest - Span::millis(1);
    harness.wake();
    assert_eq!(harness.effects.len(), 1, "{name}: the clock was set back");
}

#[test]
fn a_task_due_beyond_its_longest_pause_runs_at_once() {
    // A settled order is looked at after days, whatever the clock says.
    for case in CASES.into_iter().chain(MORE).filter(|case| !case.name.starts_with("an order")) {
        let Case { name, make, answer, longest, .. } = case;
        let mut harness = make();
        while !harness.effects.is_empty() {
            answer(&mut harness);
        }
        let is_open_page = matches!(harness.session().state, State::AwaitingStripeCheckout { .. });
        waits_no_longer_than(if is_open_page { OPEN_PAGE } else { longest }, &mut harness, name);
    }
    let mut harness = DriverHarness::ready();
    open_stripe_checkout(&mut harness);
    unread(&mut harness);
    waits_no_longer_than(MINUTE, &mut harness, "a page that is being opened");
}

#[test]
fn a_refunds_pause_from_stripe_holds_unless_the_clock_goes_back() {
    let (mut harness, _) = undecided_refund();
    let told = harness.now;
    let retry_after = Some(Span::minutes(10));
    answered(
        &mut harness,
        RefundAnswer::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }),
    );
    assert_eq!(due_at(harness.session()), Some(told + Span::minutes(10)));
    harness.wake();
    assert!(harness.effects.is_empty(), "Stripe asked for it");
    harness.now = told - Span::millis(1);
    harness.wake();
    assert!(sends(&harness), "nobody knows when it was asked for");
}

#[test]
fn a_one_minute_pause_from_stripe_is_within_our_own_pauses() {
    let (mut harness, _) = undecided_refund();
    let told = harness.now;
    let retry_after = Some(MINUTE);
    answered(
        &mut harness,
        RefundAnswer::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }),
    );
    let (_, refund) = harness.session().activity.refund_attempt().unwrap();
    assert_eq!((refund.retry.next_try, refund.sends.waits_since), (told + MINUTE, None));
}

#[test]
fn the_last_poll_of_an_attempt_waits_its_day_despite_the_clock() {
    let mut harness = decided_unread();
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    harness.see(Observation::Absent {
        asked: harness.session().unconfirmed.as_ref().unwrap().repeat_until + Span::minutes(2),
    });
    let arrived_by = harness.session().last_polls[0].arrived_by.unwrap();
    assert_eq!(arrived_by, harness.now + Span::hours(24));
    harness.now = arrived_by - Span::hours(30);
    harness.wake();
    assert!(harness.effects.is_empty(), "nothing that it could see has arrived");
    // From then on it is read like any other, with pauses of six hours at most.
    harness.now = arrived_by;
    harness.wake();
    loop {
        assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{:?}", harness.effects);
        unread(&mut harness);
        let due = due_at(harness.session()).expect("it is read for days");
        if due.since(harness.now) > Span::hours(4) {
            break;
        }
        harness.now = due;
        harness.wake();
    }
    waits_no_longer_than(Span::hours(6), &mut harness, "a last look");
}
