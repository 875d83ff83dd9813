//! An outcome that nobody knows: repeated, read, canceled, waited for, and at last an operator's.

use merchant_gateway::domain::checkout::due::{due_at, priority};
use merchant_gateway::domain::checkout::model::{
    Charging, Effect, FlagReason, FreezeReason, Inconclusive, Notice, NoticeCode, Observation,
    OrderObservation, Patch, PaymentIntentStatus, Phase, Priority, Rejection, ShopperRejection, State,
};
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;

use super::{fails_until_frozen, nothing_known, succeeded};

/// Whether an attempt is only read, and whether a reading has found nothing yet.
fn reads(charging: &Charging, found_nothing: bool) -> bool {
    charging.phase == Phase::Reading && charging.attempt.retry.absent_since.is_some() == found_nothing
}

#[test]
fn an_unknown_outcome_is_repeated_and_never_called_failed() {
    let (mut harness, paying) = DriverHarness::charging();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        harness.see(nothing_known());
        assert!(harness.waits(paying));
        let before = harness.now;
        harness.wait_and_wake();
        pauses.push(harness.now.since(before).as_millis());
        assert_eq!(harness.effects, [Effect::Charge(harness.charging_state().attempt.number)]);
    }
    assert_eq!(pauses, [375, 750, 1500, 3000], "the pause doubles");
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
    assert_eq!(harness.attempts.len(), 1);
}

#[test]
fn retry_after_is_obeyed() {
    let (mut harness, _) = DriverHarness::charging();
    let retry_after = Some(Span::seconds(7));
    harness.see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
    assert_eq!(harness.wake.unwrap().since(harness.now), Span::seconds(7));
}

#[test]
fn a_long_retry_after_is_obeyed_while_the_request_may_be_sent() {
    let (mut harness, _) = DriverHarness::charging();
    let retry_after = Some(Span::minutes(3));
    harness.see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
    let told = harness.now;
    while harness.effects.is_empty() {
        harness.wait_and_wake();
    }
    assert_eq!(harness.now.since(told), Span::minutes(3));
    assert!(matches!(harness.effects[..], [Effect::Charge(_)]));

    let (mut harness, _) = DriverHarness::charging();
    let retry_after = Some(Span::seconds(i64::MAX));
    harness.see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
    harness.now = harness.charging_state().attempt.repeat_until;
    harness.wake();
    assert!(
        matches!(harness.effects[..], [Effect::Read { .. }]),
        "no pause outlasts the last moment to send"
    );

    let (mut harness, _) = DriverHarness::charging();
    let retry_after = Some(Span::minutes(10));
    harness.see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
    harness.now = harness.now - Span::hours(3);
    harness.wake();
    assert!(
        matches!(harness.effects[..], [Effect::Charge(_)]),
        "a clock that was set back puts nothing to sleep"
    );
}

#[test]
fn repeating_stops_early_where_it_can_tell_nothing_new() {
    let stops = [
        Inconclusive { should_retry: Some(false), ..Inconclusive::default() },
        Inconclusive { cannot_repeat: true, ..Inconclusive::default() },
        Inconclusive { replayed_error: true, ..Inconclusive::default() },
    ];
    for unknown in stops {
        let (mut harness, _) = DriverHarness::charging();
        harness.see(Observation::Inconclusive(unknown));
        assert!(matches!(harness.effects[..], [Effect::Read { intent: None, .. }]));
    }
}

#[test]
fn silence_is_absence_only_after_two_late_and_distant_readings() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.pass(Span::minutes(20));
    harness.wake();
    // Repeating has ended with the quote, so Stripe is read; but the last send is not two minutes ago.
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]));
    harness.see_nothing();
    assert!(reads(harness.charging_state(), false));

    // A reading that was begun too early says no more when it is written late.
    let early = harness.now;
    harness.pass(Span::minutes(2));
    harness.wake();
    harness.see(Observation::Absent { asked: early });
    assert!(reads(harness.charging_state(), false));

    harness.wait_and_wake();
    harness.see_nothing();
    let first = harness.now;
    assert!(reads(harness.charging_state(), true));
    harness.wait_and_wake();
    assert!(harness.now.since(first) >= Span::seconds(30));
    harness.see_nothing();
    assert_eq!(harness.session().state, State::Open { problem: None });
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);

    let too_soon = harness.pay("spt_second002");
    assert!(
        matches!(harness.answer(too_soon), Err(Rejection::Shopper(ShopperRejection::NotPayable(_)))),
        "a new revision must be shown first"
    );
}

/// An attempt whose silence was taken for absence, and when.
fn never_happened() -> (DriverHarness, Timestamp) {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { replayed_error: true, ..Inconclusive::default() }));
    harness.pass(Span::minutes(3));
    harness.see_nothing();
    harness.wait_and_wake();
    harness.see_nothing();
    assert_eq!(harness.session().state, State::Open { problem: None });
    let called = harness.now;
    (harness, called)
}

/// Lets the schedule wake the session until it asks for a reading.
fn until_it_reads(harness: &mut DriverHarness) {
    while harness.effects.is_empty() {
        let due = due_at(harness.session()).expect("it is still to be read");
        harness.now = harness.now.max(due);
        harness.crash();
    }
    assert!(matches!(harness.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", harness.effects);
}

#[test]
fn an_attempt_that_was_never_found_is_polled_again_after_a_day() {
    let (mut harness, called) = never_happened();
    assert_ne!(priority(harness.session()), Priority::Cart, "only its actor reads");
    until_it_reads(&mut harness);
    assert_eq!(harness.session().state, State::Expired);
    assert!(
        harness.now >= called + Span::hours(24) && harness.now < called + Span::hours(25),
        "{}",
        harness.now
    );
    // One that was begun earlier says nothing, and is made again.
    harness.see(Observation::Absent { asked: called + Span::hours(23) });
    until_it_reads(&mut harness);
    harness.see_nothing();
    assert_eq!((due_at(harness.session()), harness.flags.len()), (None, 0));
}

#[test]
fn a_payment_that_the_last_look_finds_is_flagged() {
    let (mut harness, _) = never_happened();
    until_it_reads(&mut harness);
    harness.see(succeeded(&harness));
    assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);
    assert_eq!(due_at(harness.session()), None);

    // Nor does a second attempt hide it.
    let (mut harness, _) = never_happened();
    let late = succeeded(&harness);
    harness.update(Patch::default());
    harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    while !matches!(harness.effects[..], [Effect::Read { .. }]) {
        harness.effects.clear();
        harness.now = harness.now.max(due_at(harness.session()).expect("it is still to be read"));
        harness.crash();
        if matches!(harness.effects[..], [Effect::Order(_)]) {
            harness.see_order(OrderObservation::ReadFailed);
        }
    }
    harness.see(late);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidTwice);
}

#[test]
fn a_last_look_that_cannot_be_made_is_given_up_after_some_days() {
    let (mut harness, called) = never_happened();
    let mut looks = 0;
    while due_at(harness.session()).is_some() {
        until_it_reads(&mut harness);
        harness.see(Observation::ReadFailed);
        looks += 1;
        assert!(looks < 100, "it ends");
    }
    let took = harness.now.since(called);
    assert!(took > Span::hours(3 * 24) && took < Span::hours(7 * 24), "{took:?}");
    let told = harness.timeline.iter().filter(|entry| format!("{entry:?}").contains("not read")).count();
    assert!(told < 10, "it is told in a few lines: {told}");
}

#[test]
fn a_payment_found_by_reading_becomes_the_order() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn what_cannot_be_read_for_a_day_is_frozen_for_an_operator() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    let began = harness.now;
    fails_until_frozen(&mut harness, &Observation::ReadFailed);
    assert!(harness.now.since(began) >= Span::hours(24));
    assert!(matches!(harness.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. }));
    let other = harness.pay("spt_second002");
    assert!(matches!(harness.answer(other).unwrap().session.state, State::Frozen { .. }));
    let edit = harness.update(Patch::default());
    assert_eq!(harness.answer(edit).unwrap().notice.unwrap().code(), NoticeCode::Conflict);
}

#[test]
fn a_payment_that_requires_3ds_is_canceled_before_its_answer() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    assert!(matches!(harness.effects[..], [Effect::Cancel { .. }]));
    assert!(harness.waits(paying), "nothing is said before the cancel is confirmed");
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Canceled)));
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::Requires3ds);

    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    harness.crash();
    assert!(
        matches!(&harness.effects[..], [Effect::Cancel { intent, .. }] if intent.as_str() == "pi_1"),
        "the next process cancels the same payment, and at once: {:?}",
        harness.effects
    );

    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some(), "it was paid before it could be canceled");
}

#[test]
fn a_refused_token_that_may_be_our_own_success_is_read_first() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::TokenRefused { maybe_consumed: true, detail: String::new() });
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());

    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::TokenRefused { maybe_consumed: false, detail: String::new() });
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
}

#[test]
fn an_idempotency_conflict_freezes_and_a_refused_key_waits() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::IdempotencyConflict);
    assert!(matches!(
        harness.session().state,
        State::Frozen { reason: FreezeReason::IdempotencyConflict, .. }
    ));

    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::KeyRefused);
    harness.wait_and_wake();
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn one_failed_poll_of_a_processing_payment_freezes_nothing() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
    for _ in 0..30 {
        harness.pass(Span::hours(1));
        harness.wake();
        harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
    }
    harness.pass(Span::hours(30));
    harness.wake();
    harness.see(Observation::ReadFailed);
    assert!(
        matches!(harness.session().state, State::Charging(_)),
        "an outage of our own is no silence of Stripe's"
    );
}

#[test]
fn no_retry_after_outlasts_the_last_moment_to_send() {
    let (mut harness, _) = DriverHarness::charging();
    let retry_after = Some(Span::hours(72));
    harness.see(Observation::Inconclusive(Inconclusive { retry_after, ..Inconclusive::default() }));
    assert_eq!(harness.wake.unwrap().since(harness.now), Span::minutes(1));
    harness.pass(Span::minutes(20));
    harness.wake();
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]));
}

#[test]
fn a_key_refused_for_a_day_of_polls_freezes_the_session() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    let began = harness.now;
    fails_until_frozen(&mut harness, &Observation::KeyRefused);
    assert!(harness.now.since(began) >= Span::hours(24));
}

#[test]
fn a_refusal_means_dead_only_when_no_earlier_send_may_have_paid() {
    let refusals = [
        ("the token", Observation::TokenRefused { maybe_consumed: false, detail: String::new() }),
        ("the request", Observation::RequestRefused { detail: String::new() }),
    ];
    for (name, refusal) in refusals {
        let (mut harness, paying) = DriverHarness::charging();
        harness.see(refusal.clone());
        assert!(matches!(harness.session().state, State::Ready { .. }), "{name}");
        assert!(!harness.waits(paying), "{name}");

        let (mut harness, paying) = DriverHarness::charging();
        harness.see(nothing_known());
        harness.wait_and_wake();
        harness.see(refusal.clone());
        harness.wait_and_wake();
        assert!(
            matches!(harness.effects[..], [Effect::Charge(_)]),
            "{name}: perhaps it is stored for all sends"
        );
        harness.see(refusal.clone());
        assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{name}: the first send may have paid");
        harness.see(succeeded(&harness));
        assert!(harness.answer(paying).unwrap().order.is_some(), "{name}");

        let (mut harness, _) = DriverHarness::charging();
        harness.crash();
        harness.wait_and_wake();
        harness.see(refusal.clone());
        harness.wait_and_wake();
        harness.see(refusal);
        assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{name}: the lost send may have paid");
    }
}

#[test]
fn a_stored_refusal_ends_an_attempt_even_after_earlier_sends() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.wait_and_wake();
    harness.see(Observation::RequestRefused { detail: String::new() });
    assert!(harness.waits(paying), "the first send may have paid");
    harness.wait_and_wake();
    harness.see(Observation::RefusedForGood { detail: String::new() });
    assert!(matches!(harness.session().state, State::Ready { .. }));
    assert_eq!(harness.answer(paying).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
}

#[test]
fn silence_counts_from_the_last_send_not_from_the_send_deadline() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.wait_and_wake();
    harness.see(Observation::Inconclusive(Inconclusive {
        should_retry: Some(false),
        ..Inconclusive::default()
    }));
    let ended = harness.now;
    let mut readings = Vec::new();
    while harness.waits(paying) {
        readings.push(harness.now);
        harness.see_nothing();
        if harness.waits(paying) {
            harness.wait_and_wake();
        }
    }
    let counted: Vec<_> = readings.iter().filter(|at| at.since(ended) >= Span::minutes(2)).collect();
    assert_eq!(counted.len(), 2, "two readings count, both of them late");
    assert!(counted[1].since(*counted[0]) >= Span::seconds(30));
    assert!(harness.now < ended + Span::minutes(5), "{} after {ended}", harness.now);
    assert_eq!(harness.session().state, State::Open { problem: None });
}

#[test]
fn a_payment_under_way_is_read_less_and_less_often() {
    let (mut harness, _) = DriverHarness::charging();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing)));
        let before = harness.now;
        harness.wait_and_wake();
        pauses.push(harness.now.since(before).as_millis());
    }
    assert_eq!(pauses, [375, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
}

#[test]
fn every_try_to_cancel_has_a_number_of_its_own() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresAction)));
    let statuses = [
        PaymentIntentStatus::Processing,
        PaymentIntentStatus::RequiresAction,
        PaymentIntentStatus::Processing,
    ];
    let mut numbers = Vec::new();
    for status in statuses {
        let Effect::Cancel { tries, .. } = &harness.effects[0] else { panic!("{:?}", harness.effects) };
        numbers.push(*tries);
        harness.see(Observation::PaymentIntent(harness.intent(status)));
        harness.wait_and_wake();
    }
    assert_eq!(numbers, [0, 1, 2], "Stripe replays what it stored under a number");
}

#[test]
fn a_time_in_which_nobody_was_there_to_read_freezes_nothing() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    for _ in 0..25 {
        harness.see(Observation::ReadFailed);
        harness.wait_and_wake();
    }
    // The process is down for more than a day, and finds the network down when it comes back.
    harness.pass(Span::hours(30));
    harness.crash();
    for _ in 0..25 {
        harness.see(Observation::ReadFailed);
        harness.wait_and_wake();
    }
    assert!(matches!(harness.session().state, State::Charging(_)));
    fails_until_frozen(&mut harness, &Observation::ReadFailed);
}

#[test]
fn a_payment_polled_as_unpaid_is_canceled_before_another_starts() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive {
        should_retry: Some(false),
        ..Inconclusive::default()
    }));
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresPaymentMethod)));
    assert!(matches!(harness.effects[..], [Effect::Cancel { .. }]), "the send may still be at work on it");
    assert!(harness.waits(paying));
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Canceled)));
    assert_eq!(harness.answer(paying).unwrap().notice, Some(Notice::DECLINED));

    let (mut harness, paying) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive {
        should_retry: Some(false),
        ..Inconclusive::default()
    }));
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresPaymentMethod)));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some(), "it was");
}

#[test]
fn a_clock_that_is_set_back_puts_no_payment_to_sleep() {
    let (mut harness, paying) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.now = harness.now - Span::hours(3);
    harness.wake();
    assert!(matches!(harness.effects[..], [Effect::Charge(_)]), "a pause is never hours long");
    harness.store_is_down = true;
    harness.see(succeeded(&harness));
    harness.store_is_down = false;
    harness.now = harness.now - Span::hours(3);
    harness.wake();
    assert!(harness.answer(paying).unwrap().order.is_some());
}
