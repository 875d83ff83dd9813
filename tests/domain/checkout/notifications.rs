//! Notifications of payments: Stripe is read, and no payment is lost.

use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::Affected;
use merchant_gateway::domain::checkout::model::{
    CancelReason, Command, Decision, Effect, Event, FlagReason, Inconclusive, Observation, OperatorRejection,
    OrderEffect, OrderObservation, PaymentIntentSnapshot, PaymentIntentStatus, RefundAnswer, RefundRequest,
    RefundSnapshot, Rejection, ShopRejection, ShopperRejection, State, StripeNotification,
};
use merchant_gateway::domain::ids::{AttemptNumber, RefundNumber, SessionId};
use merchant_gateway::domain::order::RefundStatus;
use merchant_gateway::domain::time::Span;
use merchant_gateway::protocol::texts::wording::Wording;

use super::answers::stepped;
use super::{declined, frozen, succeeded};
use test_support::driver_harness::DriverHarness;

fn told_of(payment: &str) -> Command {
    Command::CheckStripe(StripeNotification {
        affected: Affected::Payment,
        payment: Some(payment.parse().unwrap()),
    })
}

/// The session is told of a payment, and Stripe shows it like this.
fn tell(harness: &mut DriverHarness, payment: &str, seen: Observation) {
    let asked = harness.ask(told_of(payment));
    harness.answer(asked).expect("a hint is taken");
    assert!(
        matches!(&harness.effects[..], [Effect::ReadPayment { payment: asked, .. }] if asked.as_str() == payment)
    );
    harness.see_payment(seen);
}

fn success(harness: &DriverHarness, payment: &str, attempt: u32) -> Observation {
    let intent = PaymentIntentSnapshot {
        id: payment.parse().unwrap(),
        attempt: Some(AttemptNumber(attempt)),
        ..harness.intent(PaymentIntentStatus::Succeeded)
    };
    Observation::PaymentIntent(intent)
}

#[test]
fn an_unmatched_payment_is_polled_and_flagged() {
    // Taken for dead.
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let late = success(&harness, "pi_1", 1);
    tell(&mut harness, "pi_1", late);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidByFailedAttempt);
    assert!(
        matches!(harness.session().state, State::Ready { .. })
            && harness.session().unmatched_payments.is_empty()
    );
    // It was paid once, as far as anybody can tell: another token and a page are refused before Stripe is asked.
    let charges = harness.attempts.len();
    let again = harness.pay("spt_again0001");
    let said = Wording::for_model().rejection(&harness.answer(again).unwrap_err());
    assert!(said.contains("Do not pay again"), "{said}");
    let page = harness.ask(Command::OpenStripeCheckout { revision: Some(harness.session().revision) });
    assert!(matches!(harness.answer(page), Err(Rejection::Shopper(ShopperRejection::NotPayable(_)))));
    assert_eq!((harness.attempts.len(), harness.effects.len()), (charges, 0));

    // Given up.
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    harness.ask(Command::Cancel);
    let late = success(&harness, "pi_1", 1);
    tell(&mut harness, "pi_1", late);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);

    // Paid by another.
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let second = success(&harness, "pi_2", 2);
    tell(&mut harness, "pi_2", second);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidTwice);
    assert!(matches!(harness.session().state, State::Completed { .. }));
}

#[test]
fn what_was_not_paid_or_is_known_changes_nothing() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let failed = Observation::PaymentIntent(harness.intent(PaymentIntentStatus::RequiresPaymentMethod));
    tell(&mut harness, "pi_1", failed);
    assert!(harness.flags.is_empty() && harness.session().unmatched_payments.is_empty());

    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.ask(told_of("pi_1"));
    assert!(harness.effects.is_empty(), "it is the order's");

    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let of_another =
        PaymentIntentSnapshot { session: None, ..harness.intent(PaymentIntentStatus::Succeeded) };
    tell(&mut harness, "pi_1", Observation::PaymentIntent(of_another));
    assert!(harness.flags.is_empty(), "it names another session");
}

#[test]
fn a_reading_that_fails_is_made_again_also_by_the_next_process() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    harness.ask(Command::Cancel);
    tell(&mut harness, "pi_1", Observation::ReadFailed);
    assert_eq!(harness.session().state, State::Canceled { reason: CancelReason::Shopper });
    assert_eq!(harness.session().unmatched_payments.len(), 1, "it is durable");
    harness.pass(Span::minutes(1));
    harness.crash();
    let late = success(&harness, "pi_1", 1);
    harness.see_payment(late);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidAfterEnd);
}

#[test]
fn while_a_request_is_sent_its_own_answer_explains_the_payment() {
    let (mut harness, paying) = DriverHarness::charging();
    let told = harness.ask(told_of("pi_1"));
    assert!(harness.answer(told).is_ok());
    assert_eq!(harness.effects.len(), 1, "only the request that was on its way");
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
    assert!(
        harness.effects.is_empty()
            && harness.flags.is_empty()
            && harness.session().unmatched_payments.is_empty()
    );
}

#[test]
fn a_hint_has_an_undecided_attempt_read_at_once() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    harness.see(Observation::ReadFailed);
    assert!(harness.effects.is_empty(), "the next reading is not due yet");
    harness.ask(Command::CheckStripe(StripeNotification::payment()));
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]));
}

#[test]
fn a_postponed_attempt_poll_does_not_postpone_a_newer_webhook() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    for _ in 0..10 {
        harness.see(Observation::ReadFailed);
        harness.pass(Span::minutes(1));
        harness.wake();
        assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{:?}", harness.effects);
    }
    harness.ask(Command::CheckStripe(StripeNotification::payment()));
    harness.see(Observation::PutOff { after: Span::minutes(1) });
    harness.pass(Span::seconds(2));
    harness.wake();
    assert!(matches!(harness.effects[..], [Effect::Read { .. }]), "{:?}", harness.effects);
}

#[test]
fn a_frozen_session_learns_which_payment_is_its_own() {
    let mut harness = frozen();
    let own = success(&harness, "pi_1", 1);
    tell(&mut harness, "pi_1", own);
    assert!(matches!(&harness.session().state, State::Frozen { attempt, .. } if attempt.intent.is_some()));
    // Now that it is known there is more to be read than silence.
    let deciding = harness.ask(Command::Decide(Decision::NotCharged { override_unread: false }));
    harness.verify(Observation::ReadFailed);
    assert!(matches!(harness.answer(deciding), Err(Rejection::Operator(OperatorRejection::Unverified(_)))));
    let deciding =
        harness.ask(Command::Decide(Decision::Charged { payment_intent: "pi_1".parse().unwrap() }));
    harness.verify(succeeded(&harness));
    assert!(harness.answer(deciding).unwrap().order.is_some());
}

#[test]
fn a_session_is_told_of_only_so_many_payments_at_once() {
    let (mut harness, _) = DriverHarness::charging();
    for number in 1..=8 {
        let told = harness.ask(told_of(&format!("pi_{number}")));
        harness.answer(told).unwrap();
    }
    let told = harness.ask(told_of("pi_9"));
    assert_eq!(
        harness.answer(told).unwrap_err(),
        Rejection::Shop(ShopRejection::Busy),
        "whoever tells it comes again"
    );
}

#[test]
fn what_is_told_of_while_an_order_is_looked_at_is_looked_at_again() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let notification =
        || Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None });
    harness.ask(notification());
    let asked = harness.now;
    harness.pass(Span::seconds(2));
    harness.ask(notification());
    assert_eq!(harness.effects.len(), 1, "one look at a time");
    harness.see_order(OrderObservation::Read {
        refunds: vec![],
        disputes: Some(vec![]),
        asked,
        complete: true,
    });
    assert!(
        matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })]),
        "the first may have missed it"
    );
    let asked = harness.now + Span::seconds(1);
    harness.pass(Span::seconds(2));
    harness.see_order(OrderObservation::Read {
        refunds: vec![],
        disputes: Some(vec![]),
        asked,
        complete: true,
    });
    assert!(harness.effects.is_empty() && harness.driver.is_idle(), "and now it is known");
}

#[test]
fn a_webhook_during_a_refund_request_triggers_a_poll_afterwards() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let request = RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    harness.ask(Command::Refund(request));
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    // Stripe's answer names none of our words; it is the answer to this request all the same.
    let seen = RefundSnapshot {
        id: "re_1".parse().unwrap(),
        status: RefundStatus::Succeeded,
        amount: merchant_gateway::domain::money::Money::new(100, test_support::shop::usd()),
        created: harness.now,
        reason: None,
        session: None,
        origin: None,
    };
    harness.see_order(OrderObservation::RefundAnswered {
        number: RefundNumber(1),
        answer: RefundAnswer::Made(seen),
    });
    assert!(
        harness.session().activity.refund_attempt().is_none()
            && harness.session().activity.refunds.len() == 1
    );
    assert!(matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
}

#[test]
fn a_payment_that_is_under_way_is_looked_at_until_it_has_ended() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(declined());
    let processing = Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Processing));
    tell(&mut harness, "pi_1", processing);
    assert_eq!(harness.session().unmatched_payments.len(), 1);
    harness.pass(Span::minutes(1));
    harness.wake();
    let late = success(&harness, "pi_1", 1);
    harness.see_payment(late);
    assert_eq!(harness.flags[0].reason, FlagReason::PaidByFailedAttempt);
}

#[test]
fn who_tells_of_a_page_that_is_being_closed_is_answered_at_once() {
    let mut harness = super::pages::awaiting();
    let canceling = harness.ask(Command::Cancel);
    let told = harness.ask(Command::CheckStripe(StripeNotification::payment()));
    assert!(harness.waits(canceling) && harness.answer(told).is_ok());
}

#[test]
fn an_order_webhook_survives_a_crash_and_a_failed_poll() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    assert!(matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    // The process dies with the look on its way, and the next one's fails.
    harness.crash();
    assert!(matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })]));
    harness.see_order(OrderObservation::ReadFailed);
    let next = harness.session().activity.next_poll_at.unwrap();
    assert!(next <= harness.now + Span::minutes(1), "soon, not in days");
}

#[test]
fn a_webhook_leaves_its_order_unaccounted_for_until_a_good_poll() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    assert!(harness.session().is_accounted_for());
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    assert!(!harness.session().is_accounted_for(), "money may have gone back");
    // The key opens another account for now.
    harness.see_order(OrderObservation::ReadFailed);
    assert!(!harness.session().is_accounted_for());
    harness.pass(Span::minutes(2));
    harness.wake();
    let asked = harness.now;
    harness.pass(Span::seconds(1));
    harness.see_order(OrderObservation::Read {
        refunds: vec![],
        disputes: Some(vec![]),
        asked,
        complete: true,
    });
    assert!(harness.session().is_accounted_for());
}

#[test]
fn an_order_that_nobody_can_look_at_is_not_waited_for_without_end() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.ask(Command::CheckStripe(StripeNotification { affected: Affected::Order, payment: None }));
    let began = harness.now;
    for _ in 0..60 {
        harness.see_order(OrderObservation::ReadFailed);
        if harness.session().is_accounted_for() {
            break;
        }
        harness.now = harness.session().activity.next_poll_at.unwrap();
        harness.wake();
    }
    assert!(harness.session().is_accounted_for());
    assert!(harness.now > began + Span::hours(24 * 3), "as long as Stripe sends an event");
}

#[test]
fn a_payment_that_stays_unreadable_is_flagged_after_a_month() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.ask(told_of("pi_2"));
    let began = harness.now;
    while !harness.session().unmatched_payments.is_empty() {
        let looks_at_order = matches!(harness.effects[..], [Effect::Order(_)]);
        if looks_at_order {
            harness.pass(Span::seconds(1));
            let asked = harness.now;
            harness.see_order(OrderObservation::Read {
                refunds: vec![],
                disputes: Some(vec![]),
                asked,
                complete: true,
            });
        } else {
            harness.see_payment(Observation::ReadFailed);
        }
        if harness.effects.is_empty() && !harness.session().unmatched_payments.is_empty() {
            harness.now = harness.now.max(due_at(harness.session()).unwrap());
            harness.wake();
        }
    }
    let days = harness.now.since(began).as_millis() / (24 * 3_600_000);
    assert!((20..=40).contains(&days), "{days} days");
    assert_eq!(harness.flags[0].reason, FlagReason::NotShown);
}

#[test]
fn a_frozen_attempt_takes_no_payment_of_another_session() {
    let harness = frozen();
    let ours = harness.intent(PaymentIntentStatus::Succeeded);
    let payment = ours.id.clone();
    let observed = |seen: PaymentIntentSnapshot| {
        let event =
            Event::PaymentObserved { payment: payment.clone(), seen: Observation::PaymentIntent(seen) };
        let next = stepped(&harness, event).unwrap().next;
        next.state.attempt().and_then(|attempt| attempt.intent.clone())
    };
    assert_eq!(observed(ours.clone()), Some(payment.clone()));
    assert_eq!(observed(PaymentIntentSnapshot { session: Some(SessionId::from_random(99)), ..ours }), None);
}
