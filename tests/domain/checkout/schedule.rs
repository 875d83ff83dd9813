//! The pauses between two tries, to the millisecond: half of each is drawn by chance, and the workbench draws the middle.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    Command, Decision, Effect, Inconclusive, Observation, OrderEffect, OrderObservation, Patch,
    PaymentIntentStatus, RefundAnswer, RefundRequest, Rejection, ShopRejection, State, StripeCheckoutStatus,
    StripeNotification,
};
use merchant_gateway::domain::ids::RefundNumber;
use merchant_gateway::domain::order::RefundStatus;
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;

use super::pace::{decided_unread, unread};
use super::pages::{awaiting, open_stripe_checkout, page};
use super::refunds::{answered, nothing_known, refund_snapshot, refused, sends, shows, undecided_refund};
use super::{dispute, succeeded};

/// The first pause of every kind of try, at the middle of its spread.
const FIRST: i64 = 375;

/// How long it waits now, in milliseconds.
fn pause(harness: &DriverHarness) -> i64 {
    assert!(harness.effects.is_empty(), "{:?}", harness.effects);
    due_at(harness.session()).expect("it waits").since(harness.now).as_millis()
}

/// The pauses between so many tries, each of which is answered in this way.
fn pauses(harness: &mut DriverHarness, answer: fn(&mut DriverHarness), count: usize) -> Vec<i64> {
    let mut pauses = Vec::new();
    while pauses.len() < count {
        if harness.effects.is_empty() {
            pauses.push(pause(harness));
            harness.now = due_at(harness.session()).unwrap();
            harness.wake();
        }
        answer(harness);
    }
    pauses
}

fn page_is_open(harness: &mut DriverHarness) {
    let open = Observation::StripeCheckout(page(harness, StripeCheckoutStatus::Open));
    harness.see(open);
}

fn comes_back(harness: &mut DriverHarness) {
    harness.ask(Command::CheckStripe(StripeNotification::payment()));
}

/// An order at which somebody has just said that there is something to see, with the look under way.
fn hinted_order() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    assert!(matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    harness
}

#[test]
fn the_pauses_between_refund_retries_double_up_to_a_minute() {
    let (mut harness, _) = undecided_refund();
    let found = pauses(&mut harness, |harness| answered(harness, nothing_known()), 9);
    assert_eq!(found, [375, 750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000, 45_000]);
}

#[test]
fn a_refused_refund_retry_is_sent_again_only_after_a_pause() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, nothing_known());
    harness.wait_and_wake();
    answered(&mut harness, refused(false));
    assert_eq!(pause(&harness), 2 * FIRST);
    harness.wait_and_wake();
    assert!(sends(&harness));
}

#[test]
fn a_refund_retry_that_the_key_cannot_send_doubles_its_pause() {
    for answer in [RefundAnswer::KeyRefused, RefundAnswer::Unverified, RefundAnswer::OtherAccount] {
        let (mut harness, _) = undecided_refund();
        answered(&mut harness, nothing_known());
        harness.wait_and_wake();
        answered(&mut harness, answer);
        assert_eq!(pause(&harness), 2 * FIRST);
    }
}

#[test]
fn a_payment_that_is_under_way_is_read_by_its_own_id_from_then_on() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    assert!(matches!(&harness.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", harness.effects);
    let processing = harness.intent(PaymentIntentStatus::Processing);
    harness.see(Observation::PaymentIntent(processing.clone()));
    harness.wait_and_wake();
    let [Effect::Read { intent, .. }] = &harness.effects[..] else { panic!("{:?}", harness.effects) };
    assert_eq!(*intent, Some(processing.id));
}

#[test]
fn a_refund_poll_made_too_soon_is_repeated_in_half_a_minute() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    let first = harness.now + Span::minutes(2);
    harness.now = first;
    shows(&mut harness, vec![]);
    assert_eq!(pause(&harness), 30_000);
    for _ in 0..3 {
        harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
        harness.pass(Span::millis(1));
        shows(&mut harness, vec![]);
        let (_, refund) = harness.session().activity.refund_attempt().expect("it is not decided");
        assert_eq!(refund.retry.next_try.since(harness.now).as_millis(), 30_000);
    }
}

#[test]
fn an_order_poll_with_news_is_followed_by_one_within_a_minute() {
    let (mut harness, _) = undecided_refund();
    let pending = refund_snapshot("re_1", RefundStatus::Pending, harness.now);
    answered(&mut harness, RefundAnswer::Made(pending.clone()));
    assert_eq!(pause(&harness), 45_000);
    for _ in 0..3 {
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
        harness.pass(Span::millis(1));
        shows(&mut harness, vec![pending.clone()]);
    }
    assert_eq!(pause(&harness), 8 * 45_000, "while nothing is new the pauses double");
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    harness.pass(Span::millis(1));
    let by_hand = refund_snapshot("re_2", RefundStatus::Pending, harness.now);
    shows(&mut harness, vec![pending, by_hand]);
    assert_eq!(pause(&harness), 45_000);
}

#[test]
fn a_webhook_at_the_instant_of_a_poll_triggers_another_poll() {
    let mut harness = hinted_order();
    let asked = harness.now;
    harness.see_order(OrderObservation::Read {
        refunds: vec![],
        disputes: Some(vec![]),
        asked,
        complete: true,
    });
    assert_eq!(pause(&harness), 0, "it may have missed it");
    harness.wake();
    harness.pass(Span::millis(1));
    shows(&mut harness, vec![]);
    assert!(pause(&harness) > Span::hours(20).as_millis());
}

#[test]
fn a_look_that_is_put_off_at_once_waits_like_any_other() {
    let mut harness = hinted_order();
    harness.see_order(OrderObservation::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&harness), 20_000);

    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    harness.see_order(OrderObservation::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&harness), 20_000);
}

#[test]
fn a_postponed_webhook_poll_does_not_postpone_a_refund_poll() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    harness.now = harness.now + Span::minutes(2);
    shows(&mut harness, vec![]);
    let due = due_at(harness.session()).unwrap();
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    harness.see_order(OrderObservation::PutOff { after: Span::minutes(1) });
    assert_eq!(due_at(harness.session()), Some(due), "it was not due yet");
}

#[test]
fn a_waiting_shopper_causes_eight_quick_polls_then_regular_ones() {
    let mut harness = awaiting();
    comes_back(&mut harness);
    let found = pauses(&mut harness, page_is_open, 10);
    let quick = [375, 750, 1_500, 3_000, 6_000, 12_000, 24_000, 45_000];
    assert_eq!(found, [&quick[..], &[135_000, 135_000]].concat());
}

#[test]
fn a_shopper_who_keeps_returning_gets_a_poll_within_ten_seconds() {
    let mut harness = awaiting();
    harness.webhooks_arrive = true;
    for returns in 1..=5 {
        comes_back(&mut harness);
        let at_once = !harness.effects.is_empty();
        assert_eq!(at_once, returns <= 3, "return {returns}");
        if at_once {
            page_is_open(&mut harness);
            // Nobody waits any more by the time of the next return.
            pauses(&mut harness, page_is_open, 9);
        } else {
            assert_eq!(pause(&harness), 10_000);
        }
    }
}

#[test]
fn a_stripe_checkout_that_opens_after_retries_is_polled_soon() {
    let mut harness = DriverHarness::ready();
    open_stripe_checkout(&mut harness);
    for _ in 0..5 {
        unread(&mut harness);
        harness.wait_and_wake();
    }
    page_is_open(&mut harness);
    assert_eq!(pause(&harness), 1_500, "three quarters of two seconds, as if it had been opened at once");
}

#[test]
fn a_stripe_checkout_open_past_its_expiry_is_polled_with_pauses() {
    let mut harness = awaiting();
    let State::AwaitingStripeCheckout { payment, .. } = &harness.session().state else {
        panic!("it is open")
    };
    harness.now = payment.expires + Span::seconds(2);
    harness.wake();
    page_is_open(&mut harness);
    assert!(pause(&harness) >= FIRST);
}

#[test]
fn a_stripe_checkout_opening_lost_to_a_crash_is_retried_later() {
    let mut harness = DriverHarness::ready();
    open_stripe_checkout(&mut harness);
    harness.crash();
    assert_eq!(pause(&harness), FIRST);
    harness.wait_and_wake();
    assert!(matches!(harness.effects[..], [Effect::CreateStripeCheckout(_)]));
}

#[test]
fn no_two_requests_to_close_a_page_are_one_for_stripe() {
    let mut harness = awaiting();
    harness.update(Patch::default());
    let mut tries = Vec::new();
    for _ in 0..4 {
        let [Effect::ExpireStripeCheckout { tries: before, .. }] = harness.effects[..] else {
            panic!("{:?}", harness.effects)
        };
        tries.push(before);
        unread(&mut harness);
        harness.wait_and_wake();
    }
    assert_eq!(tries, [0, 1, 2, 3]);
}

#[test]
fn a_webhook_has_a_page_that_is_being_closed_looked_at_now() {
    let mut harness = awaiting();
    harness.update(Patch::default());
    for _ in 0..6 {
        unread(&mut harness);
        harness.wait_and_wake();
    }
    unread(&mut harness);
    assert!(pause(&harness) > 10_000);
    harness.ask(Command::CheckStripe(StripeNotification::payment()));
    assert!(matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]), "{:?}", harness.effects);
}

#[test]
fn an_unreadable_stripe_checkout_gets_a_day_of_closing_attempts() {
    let mut harness = awaiting();
    let began = harness.now;
    while harness.now < began + Span::hours(23) {
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
        unread(&mut harness);
    }
    let State::AwaitingStripeCheckout { payment, .. } = &harness.session().state else {
        panic!("nobody is asked yet")
    };
    assert!(payment.attempt.retry.failed_reads.count > 20);
    harness.update(Patch::default());
    let closing = harness.now;
    while matches!(harness.session().state, State::ClosingStripeCheckout { .. }) {
        unread(&mut harness);
        harness.now = due_at(harness.session()).unwrap_or(harness.now);
        harness.wake();
    }
    assert!(matches!(harness.session().state, State::Frozen { .. }));
    let hours = harness.now.since(closing).as_millis() / Span::hours(1).as_millis();
    assert_eq!(hours, 24);
}

#[test]
fn the_first_poll_after_an_unpaid_decision_waits_a_first_pause() {
    let harness = decided_unread();
    assert_eq!(pause(&harness), FIRST);
}

#[test]
fn a_crash_does_not_delay_the_cancellation_of_a_payment() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    assert!(matches!(harness.effects[..], [Effect::Cancel { .. }]));
    harness.crash();
    assert!(matches!(harness.effects[..], [Effect::Cancel { .. }]), "{:?}", harness.effects);
}

/// An order with a dispute that is open, looked at four times since anything was new.
fn disputed() -> DriverHarness {
    let mut harness = hinted_order();
    for _ in 0..4 {
        harness.pass(Span::millis(1));
        dispute_is_shown(&mut harness);
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
    }
    harness.pass(Span::millis(1));
    dispute_is_shown(&mut harness);
    assert_eq!(pause(&harness), 16 * 45_000);
    harness
}

fn dispute_is_shown(harness: &mut DriverHarness) {
    let (asked, disputes) = (harness.now, Some(vec![dispute("needs_response")]));
    harness.see_order(OrderObservation::Read { refunds: vec![], disputes, asked, complete: true });
}

#[test]
fn a_webhook_restarts_the_pauses_between_order_polls() {
    let mut harness = disputed();
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    harness.pass(Span::millis(1));
    dispute_is_shown(&mut harness);
    assert_eq!(pause(&harness), 45_000);
}

#[test]
fn a_new_refund_restarts_the_pauses_between_order_polls() {
    let mut harness = disputed();
    let request = RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    harness.ask(Command::Refund(request));
    let made = refund_snapshot("re_1", RefundStatus::Pending, harness.now);
    answered(&mut harness, RefundAnswer::Made(made));
    assert_eq!(pause(&harness), 45_000);
}

#[test]
fn an_unreadable_order_is_polled_forty_times_then_on_set_days() {
    let mut harness = hinted_order();
    let mut looks = 0;
    loop {
        harness.see_order(OrderObservation::ReadFailed);
        looks += 1;
        let due = due_at(harness.session()).unwrap();
        if due.since(harness.now) > Span::hours(6) {
            break;
        }
        harness.now = due;
        harness.wake();
    }
    assert_eq!(looks, 41, "the last of them finds that forty have failed");
    let days = due_at(harness.session()).unwrap().since(harness.session().created).as_millis();
    assert_eq!(days % Span::hours(24).as_millis(), 0);
}

#[test]
fn a_late_answer_to_a_refund_send_does_not_hasten_its_polls() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    harness.pass(Span::millis(1));
    shows(&mut harness, vec![]);
    harness.effects.push(Effect::Order(OrderEffect::Refund(RefundNumber(1))));
    answered(
        &mut harness,
        RefundAnswer::Inconclusive(Inconclusive { should_retry: Some(false), ..Inconclusive::default() }),
    );
    assert!(pause(&harness) >= FIRST);
}

#[test]
fn a_webhook_during_an_attempt_poll_repeats_it_after_a_pause() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    for _ in 0..5 {
        unread(&mut harness);
        harness.wait_and_wake();
    }
    harness.ask(Command::CheckStripe(StripeNotification::payment()));
    unread(&mut harness);
    assert_eq!(pause(&harness), FIRST);
}

#[test]
fn a_payment_whose_sending_ends_is_read_as_often_as_at_first() {
    let (mut harness, _) = DriverHarness::charging();
    for _ in 0..5 {
        harness.see(nothing_sure());
        harness.wait_and_wake();
    }
    harness.see(Observation::Inconclusive(Inconclusive {
        should_retry: Some(false),
        ..Inconclusive::default()
    }));
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{:?}", harness.effects);
    unread(&mut harness);
    assert_eq!(pause(&harness), FIRST);
}

fn nothing_sure() -> Observation {
    Observation::Inconclusive(Inconclusive::default())
}

#[test]
fn a_reported_payment_is_polled_170_times_before_it_is_flagged() {
    let mut harness = DriverHarness::ready();
    harness.ask(Command::CheckStripe(StripeNotification {
        affected: Affected::Payment,
        payment: Some("pi_x".parse().unwrap()),
    }));
    harness.see_payment(Observation::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&harness), 20_000, "a look that is not made counts for nothing");
    let mut readings = 0;
    while harness.flags.is_empty() {
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
        if matches!(harness.effects[..], [Effect::ReadPayment { .. }]) {
            harness.see_payment(Observation::ReadFailed);
            readings += 1;
        }
    }
    assert_eq!(readings, 170);
}

#[test]
fn a_returning_shopper_restarts_the_pauses_between_polls() {
    let mut harness = awaiting();
    pauses(&mut harness, page_is_open, 9);
    comes_back(&mut harness);
    assert_eq!(pauses(&mut harness, page_is_open, 4), [FIRST, 2 * FIRST, 4 * FIRST, 8 * FIRST]);
}

#[test]
fn polls_after_an_operators_unpaid_decision_double_their_pauses() {
    let mut harness = decided_unread();
    let found = pauses(&mut harness, unread, 4);
    assert_eq!(found, [FIRST, FIRST, 2 * FIRST, 4 * FIRST]);
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    harness.see(Observation::PutOff { after: Span::seconds(20) });
    assert_eq!(pause(&harness), 20_000);
}

#[test]
fn an_attempt_gets_a_last_poll_up_to_a_day_past_its_send_limit() {
    for (early, looks) in [(Span::millis(1), 1), (Span::millis(0), 0)] {
        let (mut harness, _) = DriverHarness::charging();
        let last = harness.charging_state().attempt.repeat_until;
        harness.see(Observation::IdempotencyConflict);
        assert!(harness.now < last, "its sending has ended before that");
        harness.now = last + Span::hours(24) - early;
        harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
        let asked = harness.now;
        harness.verify(Observation::Absent { asked });
        assert_eq!(harness.session().last_polls.len(), looks, "{early:?}");
    }
}

#[test]
fn an_expired_session_is_unavailable_after_three_failed_commits() {
    let mut harness = DriverHarness::ready();
    harness.now = harness.session().expires;
    harness.commits = 0;
    harness.commits_fail = true;
    let reading = harness.ask(Command::Read);
    assert_eq!(harness.answer(reading).unwrap_err(), Rejection::Shop(ShopRejection::Unavailable));
    assert_eq!(harness.commits, 3);
}
