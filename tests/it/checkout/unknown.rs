//! An outcome that nobody knows: repeated, read, canceled, waited for, and at last an operator's.

use merchant_gateway::domain::checkout::aftersales::OrderSeen;
use merchant_gateway::domain::checkout::attempt::{FlagReason, IntentStatus, Seen, Unknown};
use merchant_gateway::domain::checkout::command::{Patch, Rejection};
use merchant_gateway::domain::checkout::due::{Priority, due_at, priority};
use merchant_gateway::domain::checkout::effect::Effect;
use merchant_gateway::domain::checkout::session::{FreezeReason, NoticeCode, Phase, State};
use merchant_gateway::domain::time::{Span, Timestamp};

use crate::support::bench::Bench;

use super::{fails_until_frozen, nothing_known, succeeded};

#[test]
fn an_unknown_outcome_is_repeated_and_never_called_failed() {
    let (mut bench, paying) = Bench::charging();
    let mut pauses = Vec::new();
    for _ in 0..4 {
        bench.see(nothing_known());
        assert!(bench.waits(paying));
        let before = bench.now;
        bench.wait_and_wake();
        pauses.push(bench.now.since(before).as_millis());
        assert_eq!(bench.effects, [Effect::Charge(bench.charging_state().attempt)]);
    }
    assert_eq!(pauses, [375, 750, 1500, 3000], "the pause doubles");
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
    assert_eq!(bench.attempts.len(), 1);
}

#[test]
fn retry_after_is_obeyed() {
    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::seconds(7));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    assert_eq!(bench.wake.unwrap().since(bench.now), Span::seconds(7));
}

#[test]
fn a_long_retry_after_is_obeyed_as_long_as_the_request_may_be_sent() {
    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::minutes(3));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    let told = bench.now;
    while bench.effects.is_empty() {
        bench.wait_and_wake();
    }
    assert_eq!(bench.now.since(told), Span::minutes(3));
    assert!(matches!(bench.effects[..], [Effect::Charge(_)]));

    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::seconds(i64::MAX));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    bench.now = bench.charging_state().repeat_until;
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "no pause outlasts the last moment to send");

    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::minutes(10));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    bench.now = bench.now - Span::hours(3);
    bench.wake();
    assert!(
        matches!(bench.effects[..], [Effect::Charge(_)]),
        "a clock that was set back puts nothing to sleep"
    );
}

#[test]
fn repeating_stops_early_where_it_can_tell_nothing_new() {
    let stops = [
        Unknown { should_retry: Some(false), ..Unknown::default() },
        Unknown { cannot_repeat: true, ..Unknown::default() },
        Unknown { replayed_error: true, ..Unknown::default() },
    ];
    for unknown in stops {
        let (mut bench, _) = Bench::charging();
        bench.see(Seen::Unknown(unknown));
        assert!(matches!(bench.effects[..], [Effect::Read { intent: None, .. }]));
    }
}

#[test]
fn silence_is_absence_only_after_two_late_and_distant_readings() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.pass(Span::minutes(20));
    bench.wake();
    // Repeating has ended with the quote, so Stripe is read; but the last send is not two minutes ago.
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
    bench.see_nothing();
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: None }));

    // A reading that was begun too early says no more when it is written late.
    let early = bench.now;
    bench.pass(Span::minutes(2));
    bench.wake();
    bench.see(Seen::Absent { asked: early });
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: None }));

    bench.wait_and_wake();
    bench.see_nothing();
    let first = bench.now;
    assert!(matches!(bench.charging_state().phase, Phase::Reading { absent_since: Some(_) }));
    bench.wait_and_wake();
    assert!(bench.now.since(first) >= Span::seconds(30));
    bench.see_nothing();
    assert_eq!(bench.session().state, State::Open { problem: None });
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);

    let too_soon = bench.pay("spt_second002");
    assert!(
        matches!(bench.answer(too_soon), Err(Rejection::NotPayable(_))),
        "a new revision must be shown first"
    );
}

/// An attempt whose silence was taken for absence, and when.
fn never_happened() -> (Bench, Timestamp) {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { replayed_error: true, ..Unknown::default() }));
    bench.pass(Span::minutes(3));
    bench.see_nothing();
    bench.wait_and_wake();
    bench.see_nothing();
    assert_eq!(bench.session().state, State::Open { problem: None });
    let called = bench.now;
    (bench, called)
}

/// Lets the schedule wake the session until it asks for a reading.
fn until_it_reads(bench: &mut Bench) {
    while bench.effects.is_empty() {
        let due = due_at(bench.session()).expect("it is still to be read");
        bench.now = bench.now.max(due);
        bench.crash();
    }
    assert!(matches!(bench.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", bench.effects);
}

#[test]
fn an_attempt_that_silence_called_unpaid_is_looked_for_once_more_when_nothing_of_it_can_arrive_any_more() {
    let (mut bench, called) = never_happened();
    assert_ne!(priority(bench.session()), Priority::Cart, "only its actor reads");
    until_it_reads(&mut bench);
    assert_eq!(bench.session().state, State::Expired);
    assert!(bench.now >= called + Span::hours(24) && bench.now < called + Span::hours(25), "{}", bench.now);
    // One that was begun earlier says nothing, and is made again.
    bench.see(Seen::Absent { asked: called + Span::hours(23) });
    until_it_reads(&mut bench);
    bench.see_nothing();
    assert_eq!((due_at(bench.session()), bench.flags.len()), (None, 0));
}

#[test]
fn a_payment_that_the_last_look_finds_is_flagged() {
    let (mut bench, _) = never_happened();
    until_it_reads(&mut bench);
    bench.see(succeeded(&bench));
    assert_eq!(bench.flags[0].reason, FlagReason::PaidAfterEnd);
    assert_eq!(due_at(bench.session()), None);

    // Nor does a second attempt hide it.
    let (mut bench, _) = never_happened();
    let late = succeeded(&bench);
    bench.update(Patch::default());
    bench.pay("spt_second002");
    bench.tell_token(Ok(bench.good_facts()));
    bench.see(succeeded(&bench));
    while !matches!(bench.effects[..], [Effect::Read { .. }]) {
        bench.effects.clear();
        bench.now = bench.now.max(due_at(bench.session()).expect("it is still to be read"));
        bench.crash();
        if matches!(bench.effects[..], [Effect::Order(_)]) {
            bench.see_order(OrderSeen::Unread);
        }
    }
    bench.see(late);
    assert_eq!(bench.flags[0].reason, FlagReason::PaidTwice);
}

#[test]
fn a_last_look_that_cannot_be_made_is_given_up_after_some_days() {
    let (mut bench, called) = never_happened();
    let mut looks = 0;
    while due_at(bench.session()).is_some() {
        until_it_reads(&mut bench);
        bench.see(Seen::Unread);
        looks += 1;
        assert!(looks < 100, "it ends");
    }
    let took = bench.now.since(called);
    assert!(took > Span::hours(3 * 24) && took < Span::hours(7 * 24), "{took:?}");
    let told = bench.timeline.iter().filter(|entry| format!("{entry:?}").contains("not read")).count();
    assert!(told < 10, "it is told in a few lines: {told}");
}

#[test]
fn a_payment_found_by_reading_becomes_the_order() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn what_cannot_be_read_for_a_day_is_frozen_for_an_operator() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    let began = bench.now;
    fails_until_frozen(&mut bench, &Seen::Unread);
    assert!(bench.now.since(began) >= Span::hours(24));
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. }));
    let other = bench.pay("spt_second002");
    assert!(matches!(bench.answer(other).unwrap().session.state, State::Frozen { .. }));
    let edit = bench.update(Patch::default());
    assert_eq!(bench.answer(edit).unwrap().notice.unwrap().code, NoticeCode::Conflict);
}

#[test]
fn a_bank_that_wants_a_confirmation_has_its_payment_canceled_first() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]));
    assert!(bench.waits(paying), "nothing is said before the cancel is confirmed");
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::Requires3ds);

    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench.crash();
    assert!(
        matches!(&bench.effects[..], [Effect::Cancel { intent, .. }] if intent.as_str() == "pi_1"),
        "the next process cancels the same payment, and at once: {:?}",
        bench.effects
    );

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some(), "it was paid before it could be canceled");
}

#[test]
fn a_refused_token_that_may_be_our_own_success_is_read_first() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::TokenRefused { maybe_consumed: true, detail: String::new() });
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::TokenRefused { maybe_consumed: false, detail: String::new() });
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
}

#[test]
fn an_idempotency_conflict_freezes_and_a_refused_key_waits() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::IdempotencyConflict);
    assert!(matches!(bench.session().state, State::Frozen { reason: FreezeReason::IdempotencyConflict, .. }));

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::KeyRefused);
    bench.wait_and_wake();
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some());
}

#[test]
fn one_failed_reading_of_a_payment_that_is_under_way_freezes_nothing() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
    for _ in 0..30 {
        bench.pass(Span::hours(1));
        bench.wake();
        bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
    }
    bench.pass(Span::hours(30));
    bench.wake();
    bench.see(Seen::Unread);
    assert!(
        matches!(bench.session().state, State::Charging(_)),
        "an outage of our own is no silence of Stripe's"
    );
}

#[test]
fn no_retry_after_outlasts_the_last_moment_to_send() {
    let (mut bench, _) = Bench::charging();
    let retry_after = Some(Span::hours(72));
    bench.see(Seen::Unknown(Unknown { retry_after, ..Unknown::default() }));
    assert_eq!(bench.wake.unwrap().since(bench.now), Span::minutes(1));
    bench.pass(Span::minutes(20));
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Read { .. }]));
}

#[test]
fn a_key_that_is_refused_for_a_day_of_reading_asks_for_an_operator() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    let began = bench.now;
    fails_until_frozen(&mut bench, &Seen::KeyRefused);
    assert!(bench.now.since(began) >= Span::hours(24));
}

#[test]
fn a_refusal_means_dead_only_when_no_earlier_send_may_have_paid() {
    let refusals = [
        ("the token", Seen::TokenRefused { maybe_consumed: false, detail: String::new() }),
        ("the request", Seen::RequestRefused { detail: String::new() }),
    ];
    for (name, refusal) in refusals {
        let (mut bench, paying) = Bench::charging();
        bench.see(refusal.clone());
        assert!(matches!(bench.session().state, State::Ready { .. }), "{name}");
        assert!(!bench.waits(paying), "{name}");

        let (mut bench, paying) = Bench::charging();
        bench.see(nothing_known());
        bench.wait_and_wake();
        bench.see(refusal.clone());
        bench.wait_and_wake();
        assert!(
            matches!(bench.effects[..], [Effect::Charge(_)]),
            "{name}: perhaps it is stored for all sends"
        );
        bench.see(refusal.clone());
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{name}: the first send may have paid");
        bench.see(succeeded(&bench));
        assert!(bench.answer(paying).unwrap().order.is_some(), "{name}");

        let (mut bench, _) = Bench::charging();
        bench.crash();
        bench.wait_and_wake();
        bench.see(refusal.clone());
        bench.wait_and_wake();
        bench.see(refusal);
        assert!(matches!(bench.effects[..], [Effect::Read { .. }]), "{name}: the lost send may have paid");
    }
}

#[test]
fn a_refusal_that_stripe_has_stored_ends_an_attempt_whatever_was_sent_before() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.wait_and_wake();
    bench.see(Seen::RequestRefused { detail: String::new() });
    assert!(bench.waits(paying), "the first send may have paid");
    bench.wait_and_wake();
    bench.see(Seen::RefusedForGood { detail: String::new() });
    assert!(matches!(bench.session().state, State::Ready { .. }));
    assert_eq!(bench.answer(paying).unwrap().notice.unwrap().code, NoticeCode::PaymentDeclined);
}

#[test]
fn silence_counts_from_the_last_send_and_not_from_the_last_moment_to_send() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.wait_and_wake();
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    let ended = bench.now;
    let mut readings = Vec::new();
    while bench.waits(paying) {
        readings.push(bench.now);
        bench.see_nothing();
        if bench.waits(paying) {
            bench.wait_and_wake();
        }
    }
    let counted: Vec<_> = readings.iter().filter(|at| at.since(ended) >= Span::minutes(2)).collect();
    assert_eq!(counted.len(), 2, "two readings count, both of them late");
    assert!(counted[1].since(*counted[0]) >= Span::seconds(30));
    assert!(bench.now < ended + Span::minutes(5), "{} after {ended}", bench.now);
    assert_eq!(bench.session().state, State::Open { problem: None });
}

#[test]
fn a_payment_under_way_is_read_less_and_less_often() {
    let (mut bench, _) = Bench::charging();
    let mut pauses = Vec::new();
    for _ in 0..9 {
        bench.see(Seen::Intent(bench.intent(IntentStatus::Processing)));
        let before = bench.now;
        bench.wait_and_wake();
        pauses.push(bench.now.since(before).as_millis());
    }
    assert_eq!(pauses, [375, 750, 1500, 3000, 6000, 12_000, 24_000, 45_000, 45_000]);
}

#[test]
fn every_try_to_cancel_has_a_number_of_its_own() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresAction)));
    let statuses = [IntentStatus::Processing, IntentStatus::RequiresAction, IntentStatus::Processing];
    let mut numbers = Vec::new();
    for status in statuses {
        let Effect::Cancel { tries, .. } = &bench.effects[0] else { panic!("{:?}", bench.effects) };
        numbers.push(*tries);
        bench.see(Seen::Intent(bench.intent(status)));
        bench.wait_and_wake();
    }
    assert_eq!(numbers, [0, 1, 2], "Stripe replays what it stored under a number");
}

#[test]
fn a_time_in_which_nobody_was_there_to_read_freezes_nothing() {
    let (mut bench, _) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { cannot_repeat: true, ..Unknown::default() }));
    for _ in 0..25 {
        bench.see(Seen::Unread);
        bench.wait_and_wake();
    }
    // The process is down for more than a day, and finds the network down when it comes back.
    bench.pass(Span::hours(30));
    bench.crash();
    for _ in 0..25 {
        bench.see(Seen::Unread);
        bench.wait_and_wake();
    }
    assert!(matches!(bench.session().state, State::Charging(_)));
    fails_until_frozen(&mut bench, &Seen::Unread);
}

#[test]
fn a_payment_that_reading_shows_unpaid_is_canceled_before_another_may_be_made() {
    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod)));
    assert!(matches!(bench.effects[..], [Effect::Cancel { .. }]), "the send may still be at work on it");
    assert!(bench.waits(paying));
    bench.see(Seen::Intent(bench.intent(IntentStatus::Canceled)));
    let notice = bench.answer(paying).unwrap().notice.unwrap();
    assert_eq!(
        (notice.code, notice.text.as_str()),
        (NoticeCode::PaymentDeclined, "The payment was declined.")
    );

    let (mut bench, paying) = Bench::charging();
    bench.see(Seen::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    bench.see(Seen::Intent(bench.intent(IntentStatus::RequiresPaymentMethod)));
    bench.see(succeeded(&bench));
    assert!(bench.answer(paying).unwrap().order.is_some(), "it was");
}

#[test]
fn a_clock_that_is_set_back_puts_no_payment_to_sleep() {
    let (mut bench, paying) = Bench::charging();
    bench.see(nothing_known());
    bench.now = bench.now - Span::hours(3);
    bench.wake();
    assert!(matches!(bench.effects[..], [Effect::Charge(_)]), "a pause is never hours long");
    bench.store_is_down = true;
    bench.see(succeeded(&bench));
    bench.store_is_down = false;
    bench.now = bench.now - Span::hours(3);
    bench.wake();
    assert!(bench.answer(paying).unwrap().order.is_some());
}
