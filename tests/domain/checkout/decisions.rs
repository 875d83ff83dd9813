//! What an operator decides about a frozen session, and what its timeline tells.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{
    CancelCause, CancelReason, Command, Decision, Effect, FlagReason, Inconclusive, Observation,
    OperatorRejection, PaymentIntentSnapshot, PaymentIntentStatus, Rejection, State, StripeAnswer,
};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::texts::operator;

use merchant_gateway::protocol::apps::messages::of_session;

use test_support::driver_harness::{DriverHarness, NextCommit};
use test_support::shop;

use super::{Named, charged_by, declined, fails_until_frozen, frozen, nothing_known, succeeded};

#[test]
fn an_operator_completes_a_frozen_session_only_after_a_read() {
    let mut harness = frozen();
    let deciding = harness.ask(charged_by("pi_1"));
    assert!(harness.waits(deciding), "nothing is believed before it is read");
    harness.verify(succeeded(&harness));
    let order = harness.answer(deciding).unwrap();
    assert!(matches!(order.session.state, State::Completed { .. }));
    let again = harness.ask(charged_by("pi_1"));
    assert!(matches!(harness.answer(again).unwrap().session.state, State::Completed { .. }));
    let shopper = harness.pay("spt_first0001");
    assert!(harness.answer(shopper).unwrap().order.is_some());
}

#[test]
fn a_payment_of_another_amount_that_an_operator_takes_is_flagged() {
    let mut harness = frozen();
    let deciding = harness.ask(charged_by("pi_1"));
    let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
    intent.amount = Money::new(1, shop::usd());
    harness.verify(Observation::PaymentIntent(intent));
    assert!(matches!(harness.answer(deciding).unwrap().session.state, State::Completed { .. }));
    assert_eq!(harness.flags[0].reason, FlagReason::PaymentDisagrees);
}

#[test]
fn a_payment_that_does_not_bear_it_out_decides_nothing() {
    let spoil: [Named<fn(&mut PaymentIntentSnapshot)>; 4] = [
        ("not succeeded", |intent| intent.status = PaymentIntentStatus::Processing),
        ("another's", |intent| intent.session = None),
        ("another one", |intent| intent.id = "pi_2".parse().unwrap()),
        ("live", |intent| intent.livemode = true),
    ];
    let mut harness = frozen();
    for (name, spoil) in spoil {
        let deciding = harness.ask(charged_by("pi_1"));
        let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
        spoil(&mut intent);
        harness.verify(Observation::PaymentIntent(intent));
        assert!(
            matches!(harness.answer(deciding), Err(Rejection::Operator(OperatorRejection::Unverified(_)))),
            "{name}"
        );
    }
    let deciding = harness.ask(charged_by("pi_1"));
    harness.verify(Observation::ReadFailed);
    assert!(matches!(harness.answer(deciding), Err(Rejection::Operator(OperatorRejection::Unverified(_)))));
    assert!(matches!(harness.session().state, State::Frozen { .. }));
}

#[test]
fn an_operator_ends_a_frozen_session_unless_stripe_contradicts() {
    for status in
        [PaymentIntentStatus::Succeeded, PaymentIntentStatus::Processing, PaymentIntentStatus::RequiresAction]
    {
        let mut harness = frozen();
        let deciding = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
        harness.verify(Observation::PaymentIntent(harness.intent(status)));
        let refused = harness.answer(deciding).unwrap_err();
        let told = operator::rejection(&refused);
        assert!(told.contains("pi_1"), "{told}");
    }
    let mut harness = frozen();
    let deciding = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    harness.verify(Observation::Absent { asked: Timestamp::from_seconds(1_900_000_000) });
    let ended = harness.answer(deciding).unwrap().session;
    assert_eq!(ended.state, State::Canceled { reason: CancelReason::Operator });
    assert_eq!((ended.unconfirmed, harness.effects.len()), (None, 0), "it was read to the end");
    let again = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    assert!(harness.answer(again).is_ok(), "the same decision twice is one");
    let other = harness.ask(charged_by("pi_1"));
    assert_eq!(
        harness.answer(other).unwrap_err(),
        Rejection::Operator(OperatorRejection::NotFrozen("canceled"))
    );

    // A success that appears afterwards changes nothing and is flagged.
    let late = Box::new(succeeded(&harness).into());
    let attempt = harness.attempts[0].number;
    harness.feed(merchant_gateway::domain::checkout::driver::Input::AttemptObserved {
        attempt,
        seen: late,
        answer: StripeAnswer::default(),
    });
    assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);
    let mut harness = DriverHarness::ready();
    let deciding = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    assert_eq!(
        harness.answer(deciding).unwrap_err(),
        Rejection::Operator(OperatorRejection::NotFrozen("ready"))
    );
}

fn not_charged(override_unread: bool) -> Command {
    Command::Decide(Decision::NotCharged { override_unread })
}

#[test]
fn an_operators_word_does_not_replace_a_reading() {
    for seen in [Observation::ReadFailed, Observation::KeyRefused, nothing_known()] {
        let mut harness = frozen();
        let deciding = harness.ask(not_charged(false));
        harness.verify(seen.clone());
        let refused = operator::rejection(&harness.answer(deciding).unwrap_err());
        assert!(refused.contains("could not be read") && refused.contains("override_unread"), "{refused}");
        assert!(matches!(harness.session().state, State::Frozen { .. }), "{seen:?}");
    }
}

#[test]
fn a_decision_without_a_read_is_read_later_and_flags_a_success() {
    let mut harness = frozen();
    let deciding = harness.ask(not_charged(true));
    harness.verify(Observation::ReadFailed);
    let ended = harness.answer(deciding).unwrap().session;
    assert_eq!(ended.state, State::Canceled { reason: CancelReason::Operator });
    for _ in 0..12 {
        let due = due_at(harness.session()).expect("it stays due until it was read");
        harness.now = harness.now.max(due);
        harness.crash();
        assert!(matches!(harness.effects[..], [Effect::Read { intent: None, .. }]), "{:?}", harness.effects);
        harness.see(Observation::ReadFailed);
    }
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    harness.see(succeeded(&harness));
    assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);
    assert_eq!(due_at(harness.session()), None, "and then it is known");
    for asked in [harness.ask(Command::Read), harness.pay("spt_first0001")] {
        let answer = harness.answer(asked).unwrap();
        let said =
            of_session(&answer.session, answer.notice.as_ref(), shop::rendering(&harness.view, harness.now));
        assert!(!said.is_empty() && said[0].content.contains("Do not pay again"), "{said:?}");
        assert!(said.iter().all(|said| !said.content.contains("othing was charged")), "{said:?}");
        assert_eq!(answer.session.notice, None, "whoever reads the session itself is not told so either");
    }
}

#[test]
fn what_an_unread_decision_left_payable_is_canceled_at_stripe() {
    let mut harness = frozen();
    harness.ask(not_charged(true));
    harness.verify(Observation::ReadFailed);
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresPaymentMethod)));
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    let [Effect::Cancel { cause, tries, .. }] = &harness.effects[..] else { panic!("{:?}", harness.effects) };
    assert_ne!(
        cause.distinction(*tries),
        CancelCause::Ending.distinction(*tries),
        "it repeats no other cancel"
    );
    harness.see(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Canceled)));
    assert_eq!((due_at(harness.session()), harness.flags.len()), (None, 0));
}

#[test]
fn a_poll_just_after_the_last_send_ends_a_session_and_repeats() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::IdempotencyConflict);
    let deciding = harness.ask(not_charged(false));
    harness.verify(Observation::Absent { asked: harness.now });
    assert!(matches!(harness.answer(deciding).unwrap().session.state, State::Canceled { .. }));
    let ended = harness.now;
    while harness.session().unconfirmed.is_some() {
        harness.now = due_at(harness.session()).unwrap();
        harness.wake();
        harness.see_nothing();
    }
    assert!(
        harness.now >= ended + Span::minutes(2) && harness.now < ended + Span::minutes(5),
        "{}",
        harness.now
    );
}

#[test]
fn an_attempt_decided_uncharged_is_polled_again_a_day_later() {
    for at_once in [true, false] {
        let (mut harness, _) = DriverHarness::charging();
        harness.see(Observation::IdempotencyConflict);
        if !at_once {
            harness.pass(Span::minutes(30));
        }
        let deciding = harness.ask(not_charged(false));
        harness.verify(Observation::Absent { asked: harness.now });
        assert!(matches!(harness.answer(deciding).unwrap().session.state, State::Canceled { .. }));
        let ended = harness.now;
        while harness.now < ended + Span::hours(24) {
            harness.now = due_at(harness.session()).expect("its request may still arrive");
            harness.wake();
            if harness.now < ended + Span::hours(1) {
                harness.see_nothing();
            }
        }
        harness.see(succeeded(&harness));
        assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);
        assert_eq!(due_at(harness.session()), None);
    }
}

#[test]
fn a_timeline_lists_states_attempts_answers_decisions_in_order() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(nothing_known());
    harness.wait_and_wake();
    harness.see(declined());
    harness.pay("spt_second002");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    fails_until_frozen(&mut harness, &Observation::ReadFailed);
    harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    harness.verify(Observation::Absent { asked: harness.now });
    let told: Vec<String> =
        harness.timeline.iter().map(|entry| serde_json::to_string(&entry.event).unwrap()).collect();
    let tries = told.iter().filter(|entry| entry.contains("not read")).count();
    assert!((5..25).contains(&tries), "a day of failed readings is told in a few lines: {tries}");
    let others: Vec<&String> = told.iter().filter(|entry| !entry.contains("not read")).collect();
    insta::assert_json_snapshot!(others);
}

#[test]
fn a_decision_that_loses_its_commit_reads_the_payment_again() {
    let mut harness = frozen();
    let deciding = harness.ask(not_charged(false));
    harness.next_commit = NextCommit::Conflicts;
    harness.verify(Observation::Absent { asked: Timestamp::from_seconds(1_900_000_000) });
    assert!(harness.waits(deciding) && harness.verifications.len() == 1, "what was seen is old");
    harness.verify(succeeded(&harness));
    assert!(matches!(harness.answer(deciding), Err(Rejection::Operator(OperatorRejection::Unverified(_)))));
    assert!(matches!(harness.session().state, State::Frozen { .. }));
}

#[test]
fn a_canceled_payment_confirms_that_nothing_was_charged() {
    let mut harness = frozen();
    let deciding = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    harness.verify(Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Canceled)));
    let decided = harness.answer(deciding).unwrap();
    assert!(!matches!(decided.session.state, State::Frozen { .. }), "{}", decided.session.state.into_str());
}
