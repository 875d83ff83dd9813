//! How much may be refunded, how long a refund is sent, and what its caller gets.

use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::model::{
    Command, Event, Observation, OperatorRejection, PaymentIntentStatus, RefundAnswer, RefundRequest,
    RefundSnapshot, Rejection, ShopRejection, ShopperRejection,
};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::RefundStatus;
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::{DriverHarness, NextCommit};
use test_support::shop;

use super::answers::{paid, stepped};
use super::refunds::{answered, refund_snapshot, undecided_refund};
use super::{charged_by, frozen};

pub fn wants_back(harness: &mut DriverHarness, reference: &str, amount: Option<i64>) -> RequestId {
    let reference = reference.parse().unwrap();
    harness.ask(Command::Refund(RefundRequest { reference, amount, reason: None }))
}

#[test]
fn a_refund_may_be_sent_for_an_hour_from_when_it_was_asked_for() {
    let harness = paid();
    let request = RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    let begun = stepped(&harness, Event::RefundRequested(request)).unwrap();
    let intent = begun.refund.expect("it is written before it is sent");
    assert_eq!((intent.started, intent.repeat_until), (harness.now, harness.now + Span::hours(1)));
    let (number, asked) = begun.next.activity.refund_attempt().expect("it is asked for");
    assert_eq!((intent.origin.number, intent.repeat_until), (number, asked.repeat_until));
}

#[test]
fn a_refund_counts_by_the_amount_that_stripe_has_made_it_of() {
    let (mut harness, _) = undecided_refund();
    let amount = Money::new(99, shop::usd());
    let made = RefundSnapshot { amount, ..refund_snapshot("re_1", RefundStatus::Succeeded, harness.now) };
    answered(&mut harness, RefundAnswer::Made(made));
    assert_eq!(harness.session().activity.refunds[0].amount, amount);
    assert_eq!((harness.session().activity.refunded(), harness.session().activity.reserved()), (99, 99));
}

#[test]
fn no_more_goes_back_than_an_operator_has_found_to_be_paid() {
    let mut harness = frozen();
    harness.ask(charged_by("pi_1"));
    let mut intent = harness.intent(PaymentIntentStatus::Succeeded);
    intent.amount = Money::new(1_000, shop::usd());
    harness.verify(Observation::PaymentIntent(intent));
    let too_much = wants_back(&mut harness, "more", Some(1_001));
    let left = Money::new(1_000, shop::usd());
    assert_eq!(
        harness.answer(too_much).unwrap_err(),
        Rejection::Operator(OperatorRejection::RefundTooLarge { left })
    );
    wants_back(&mut harness, "all", None);
    assert_eq!(harness.session().activity.refunds[0].amount, left);
}

#[test]
fn a_made_refund_is_reported_at_once_while_another_is_under_way() {
    let (mut harness, _) = undecided_refund();
    let made = refund_snapshot("re_1", RefundStatus::Succeeded, harness.now);
    answered(&mut harness, RefundAnswer::Made(made));
    let second = wants_back(&mut harness, "second", Some(200));
    let repeated = wants_back(&mut harness, "r", Some(100));
    assert!(harness.answer(repeated).unwrap().order.is_some());
    assert!(harness.waits(second));
    let repeated = wants_back(&mut harness, "second", Some(200));
    assert!(harness.waits(repeated), "this one is not made yet");
}

#[test]
fn a_refund_in_doubt_is_undecided_and_an_unwritten_one_fails() {
    for (next, expected) in [
        (NextCommit::FailsButIsDone, Rejection::Shopper(ShopperRejection::Undecided)),
        (NextCommit::Fails, Rejection::Shop(ShopRejection::Unavailable)),
    ] {
        let mut harness = paid();
        harness.next_commit = next;
        let wanted = wants_back(&mut harness, "r", Some(100));
        assert_eq!(harness.answer(wanted).unwrap_err(), expected);
        assert!(harness.effects.is_empty(), "nothing is sent before it is known to be written");
    }
}
