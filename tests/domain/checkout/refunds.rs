//! A refund that is asked for here: what each answer and each silence means to it.

use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::model::{
    AnsweredWith, Command, Effect, Inconclusive, OperatorRejection, OrderChange, OrderEffect,
    OrderObservation, RefundAnswer, RefundRequest, RefundSnapshot, Rejection,
};
use merchant_gateway::domain::ids::{OrderEventId, RefundNumber};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{
    Dispute, DisputeStatus, LastAnswer, RefundRefusal, RefundState, RefundStatus,
};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::order_events::{self, OrderEventParts};
use merchant_gateway::protocol::texts::operator::{self, refund_refusal};

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::succeeded;

/// A paid session whose refund of one dollar is wanted of Stripe.
pub(super) fn undecided_refund() -> (DriverHarness, RequestId) {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let request = RefundRequest { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    let wanted = harness.ask(Command::Refund(request));
    assert!(sends(&harness));
    (harness, wanted)
}

pub(super) fn sends(harness: &DriverHarness) -> bool {
    matches!(harness.effects[..], [Effect::Order(OrderEffect::Refund(_))])
}

pub(super) fn looks(harness: &DriverHarness) -> bool {
    matches!(harness.effects[..], [Effect::Order(OrderEffect::Read { .. })])
}

pub(super) fn answered(harness: &mut DriverHarness, answer: RefundAnswer) {
    let number = harness.session().activity.refund_attempt().map_or(RefundNumber(1), |(number, _)| number);
    harness.see_order(OrderObservation::RefundAnswered { number, answer });
}

pub(super) fn refused(stored: bool) -> RefundAnswer {
    RefundAnswer::Refused { why: "code none, parameter none".to_owned(), stored }
}

pub(super) fn nothing_known() -> RefundAnswer {
    RefundAnswer::Inconclusive(Inconclusive::default())
}

fn nothing_shown(harness: &mut DriverHarness) {
    let asked = harness.now;
    harness.see_order(OrderObservation::Read {
        refunds: vec![],
        disputes: Some(vec![]),
        asked,
        complete: true,
    });
}

pub(super) fn is_refused(harness: &DriverHarness) -> bool {
    matches!(harness.session().activity.refunds[0].state, RefundState::Refused { .. })
}

/// Looks until the refund is decided, and says how long that took.
fn looked_for(harness: &mut DriverHarness) -> Span {
    let ended = harness.now;
    while !is_refused(harness) {
        assert!(looks(harness), "{:?}", harness.effects);
        nothing_shown(harness);
        if !is_refused(harness) {
            harness.wait_and_wake();
        }
    }
    harness.now.since(ended)
}

#[test]
fn a_stored_refusal_ends_a_refund_whose_first_send_was_lost() {
    let (mut harness, wanted) = undecided_refund();
    answered(&mut harness, nothing_known());
    harness.wait_and_wake();
    answered(&mut harness, refused(true));
    assert!(is_refused(&harness) && !harness.waits(wanted));
    assert!(looks(&harness), "money may have gone back by other hands");
    assert_eq!(harness.session().activity.reserved(), 0, "what was refused may be asked for again");
}

#[test]
fn the_last_cent_of_an_order_can_go_back_and_no_cent_more() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let some = |reference: &str, amount| {
        Command::Refund(RefundRequest {
            reference: reference.parse().unwrap(),
            amount: Some(amount),
            reason: None,
        })
    };
    let total = harness.session().quote().unwrap().total.minor;
    for (reference, amount) in [("first", total - 1), ("last", 1)] {
        for wrong in [0, -1, if reference == "first" { total + 1 } else { 2 }] {
            let refused = harness.ask(some("wrong", wrong));
            let refused = harness.answer(refused).unwrap_err();
            assert!(
                matches!(refused, Rejection::Operator(OperatorRejection::RefundTooLarge { .. })),
                "{wrong}: {refused:?}"
            );
        }
        harness.ask(some(reference, amount));
        assert!(sends(&harness), "{reference}: {:?}", harness.effects);
        let amount = Money::new(amount, shop::usd());
        let id = format!("re_{reference}");
        let made = RefundSnapshot { amount, ..refund_snapshot(&id, RefundStatus::Succeeded, harness.now) };
        answered(&mut harness, RefundAnswer::Made(made));
    }
    assert_eq!(harness.session().activity.refunded(), total);
    let more = harness.ask(some("more", 1));
    assert!(matches!(harness.answer(more), Err(Rejection::Operator(OperatorRejection::NothingToRefund))));
}

#[test]
fn a_poll_for_an_undecided_refund_precedes_other_order_polls() {
    let undecided = |harness: &DriverHarness| match harness.effects[..] {
        [Effect::Order(OrderEffect::Read { undecided, .. })] => undecided,
        _ => panic!("{:?}", harness.effects),
    };
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, RefundAnswer::Conflict);
    assert!(undecided(&harness));
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    harness.now = due_at(harness.session()).unwrap();
    harness.wake();
    assert!(!undecided(&harness));
}

#[test]
fn a_refused_refund_retry_is_sent_once_more_before_it_is_final() {
    let (mut harness, wanted) = undecided_refund();
    answered(&mut harness, nothing_known());
    harness.wait_and_wake();
    answered(&mut harness, refused(false));
    assert!(!is_refused(&harness), "the first send may have made it");
    harness.wait_and_wake();
    assert!(sends(&harness));
    answered(&mut harness, refused(true));
    assert!(is_refused(&harness) && !harness.waits(wanted));
}

#[test]
fn an_unstored_refusal_of_a_refund_is_confirmed_within_minutes() {
    let (mut harness, wanted) = undecided_refund();
    answered(&mut harness, nothing_known());
    for _ in 0..2 {
        harness.wait_and_wake();
        answered(&mut harness, refused(false));
    }
    let took = looked_for(&mut harness);
    assert!(took >= Span::minutes(2) && took < Span::minutes(5), "{took:?}");
    assert!(!harness.waits(wanted));
    let request = RefundRequest { reference: "other".parse().unwrap(), amount: Some(100), reason: None };
    harness.ask(Command::Refund(request));
    assert_eq!(harness.session().activity.refunds.len(), 2, "and the next one may be asked for");
}

#[test]
fn a_stored_server_error_is_looked_into_within_minutes() {
    let (mut harness, _) = undecided_refund();
    let replayed =
        || RefundAnswer::Inconclusive(Inconclusive { replayed_error: true, ..Inconclusive::default() });
    answered(&mut harness, nothing_known());
    while !looks(&harness) {
        harness.wait_and_wake();
        answered(&mut harness, replayed());
    }
    let took = looked_for(&mut harness);
    assert!(took >= Span::minutes(2) && took < Span::minutes(5), "{took:?}");
}

#[test]
fn a_refund_that_the_key_cannot_request_is_retried_later() {
    for answer in [RefundAnswer::KeyRefused, RefundAnswer::Unverified, RefundAnswer::OtherAccount] {
        let (mut harness, _) = undecided_refund();
        answered(&mut harness, answer);
        assert!(harness.effects.is_empty(), "{:?}", harness.effects);
        let (_, asked) = harness.session().activity.refund_attempt().unwrap();
        assert!(asked.retry.next_try > harness.now);
        harness.wait_and_wake();
        assert!(sends(&harness), "{:?}", harness.effects);
    }
}

#[test]
fn a_refund_that_stripe_does_not_show_reports_the_last_answer() {
    let (mut harness, _) = undecided_refund();
    let last = LastAnswer::Status { status: 500, request_id: Some("req_1".to_owned()) };
    let with = AnsweredWith { status: 500, request_id: Some("req_1".to_owned()) };
    let failed = || {
        RefundAnswer::Inconclusive(Inconclusive { answered: Some(with.clone()), ..Inconclusive::default() })
    };
    answered(&mut harness, failed());
    let (_, asked) = harness.session().activity.refund_attempt().unwrap();
    assert_eq!(asked.last_answer, Some(last.clone()));
    while !looks(&harness) {
        harness.wait_and_wake();
        if sends(&harness) {
            answered(&mut harness, failed());
        }
    }
    looked_for(&mut harness);
    let RefundState::Refused { reason } = &harness.session().activity.refunds[0].state else {
        panic!("it is refused")
    };
    assert_eq!(*reason, RefundRefusal::NotShown { last_answer: Some(last) });
    assert_eq!(
        refund_refusal(reason),
        "Stripe shows no such refund, so nothing went back; its request had: status 500, request req_1"
    );
}

#[test]
fn a_fully_refunded_order_has_nothing_left_to_refund() {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let all = |reference: &str| {
        let reference = reference.parse().unwrap();
        Command::Refund(RefundRequest { reference, amount: None, reason: None })
    };
    harness.ask(all("first"));
    let total = harness.session().activity.refunds[0].amount;
    let made =
        RefundSnapshot { amount: total, ..refund_snapshot("re_1", RefundStatus::Succeeded, harness.now) };
    answered(&mut harness, RefundAnswer::Made(made));
    let again = harness.ask(all("second"));
    let refused = harness.answer(again).unwrap_err();
    assert_eq!(
        operator::rejection(&refused),
        "all that was paid for this order has gone back already, or is on its way back; nothing of it is left to refund"
    );
}

pub(super) fn refund_snapshot(id: &str, status: RefundStatus, created: Timestamp) -> RefundSnapshot {
    RefundSnapshot {
        id: id.parse().unwrap(),
        status,
        amount: Money::new(100, shop::usd()),
        created,
        reason: None,
        session: None,
        origin: None,
    }
}

pub(super) fn shows(harness: &mut DriverHarness, refunds: Vec<RefundSnapshot>) {
    let asked = harness.now;
    harness.see_order(OrderObservation::Read { refunds, disputes: Some(vec![]), asked, complete: true });
}

/// The total that an event of this refund tells.
fn told_total(harness: &mut DriverHarness, refund: &str) -> i64 {
    let reading = harness.ask(Command::Read);
    let placed = harness.answer(reading).unwrap().order.unwrap();
    let parts = OrderEventParts { id: OrderEventId::from_random(1), at: harness.now, wanted: true };
    let change = OrderChange::Refunded(refund.parse().unwrap());
    let event = order_events::of_change(&change, &placed, &harness.session().activity, parts).unwrap();
    event.facts["refunded_total"].as_i64().unwrap()
}

#[test]
fn a_total_that_is_told_counts_what_stripe_shows_and_no_more() {
    let (mut harness, _) = undecided_refund();
    answered(
        &mut harness,
        RefundAnswer::Inconclusive(Inconclusive { should_retry: Some(false), ..Inconclusive::default() }),
    );
    // Somebody else has refunded a part, and ours is not there.
    let by_hand = refund_snapshot("re_hand", RefundStatus::Succeeded, harness.now);
    shows(&mut harness, vec![by_hand]);
    assert!(harness.session().activity.refund_attempt().is_some());
    assert_eq!(told_total(&mut harness, "re_hand"), 100, "what is only asked for does not count");
    assert_eq!(harness.session().activity.reserved(), 200, "and is not asked for twice");
    for (status, total) in [
        (RefundStatus::Pending, 100),
        (RefundStatus::Succeeded, 100),
        (RefundStatus::Failed, 0),
        (RefundStatus::Canceled, 0),
    ] {
        let (mut harness, _) = undecided_refund();
        answered(
            &mut harness,
            RefundAnswer::Made(refund_snapshot("re_1", RefundStatus::Pending, Timestamp::from_seconds(0))),
        );
        harness.ask(Command::CheckStripe(merchant_gateway::domain::checkout::model::StripeNotification {
            affected: merchant_gateway::domain::checkout::model::Affected::Order,
            payment: None,
        }));
        let seen = refund_snapshot("re_1", status, harness.now);
        shows(&mut harness, vec![seen]);
        assert_eq!(told_total(&mut harness, "re_1"), total, "{status:?}");
    }
}

#[test]
fn a_refund_that_comes_back_after_it_was_told_is_told_once_more() {
    let (mut harness, _) = undecided_refund();
    let now = harness.now;
    answered(&mut harness, RefundAnswer::Made(refund_snapshot("re_1", RefundStatus::Succeeded, now)));
    let told = || vec![OrderChange::Refunded("re_1".parse().unwrap())];
    assert_eq!(std::mem::take(&mut harness.order_changes), told());
    for (status, order_changes) in
        [(RefundStatus::Succeeded, vec![]), (RefundStatus::Failed, told()), (RefundStatus::Failed, vec![])]
    {
        harness.now = due_at(harness.session()).expect("an order is looked at now and then");
        harness.wake();
        harness.pass(Span::millis(1));
        let seen = refund_snapshot("re_1", status, harness.now);
        shows(&mut harness, vec![seen]);
        assert_eq!(std::mem::take(&mut harness.order_changes), order_changes, "{status:?}");
    }
}

#[test]
fn a_stored_refund_answer_does_not_override_a_poll() {
    let (mut harness, _) = undecided_refund();
    answered(&mut harness, nothing_known());
    harness.wait_and_wake();
    let stored = refund_snapshot("re_1", RefundStatus::Succeeded, harness.now);
    answered(&mut harness, RefundAnswer::Made(stored.clone()));
    assert!(looks(&harness), "where it stands now is looked at");
    let failed = RefundSnapshot { status: RefundStatus::Failed, ..stored.clone() };
    shows(&mut harness, vec![failed]);
    assert_eq!((harness.session().activity.refunded(), harness.session().activity.reserved()), (0, 0));
    // The same answer once more, from a send that was slow.
    harness.effects.push(Effect::Order(OrderEffect::Refund(RefundNumber(1))));
    answered(&mut harness, RefundAnswer::Made(stored));
    assert_eq!(harness.session().activity.refunded(), 0, "it failed, and stays so");
}

#[test]
fn the_looks_at_what_never_ends_come_to_an_end() {
    let disputed = |harness: &DriverHarness| Dispute {
        id: "du_1".parse().unwrap(),
        amount: Money::new(100, shop::usd()),
        reason: "fraudulent".to_owned(),
        status: DisputeStatus::new("needs_response".to_owned()),
        created: harness.now,
    };
    for readable in [true, false] {
        let (mut harness, _) = DriverHarness::charging();
        harness.see(succeeded(&harness));
        let dispute = disputed(&harness);
        let began = harness.now;
        let mut looks = 0;
        while let Some(due) = due_at(harness.session()) {
            harness.now = harness.now.max(due);
            harness.wake();
            looks += 1;
            assert!(looks < 1000, "{readable}: still looking at {}", harness.now);
            harness.pass(Span::seconds(1));
            let (asked, found) = (harness.now, Some(vec![dispute.clone()]));
            let seen = OrderObservation::Read { refunds: vec![], disputes: found, asked, complete: true };
            harness.see_order(if readable { seen } else { OrderObservation::ReadFailed });
        }
        let days = harness.now.since(began).as_millis() / Span::hours(24).as_millis();
        assert!((100..=121).contains(&days), "{readable}: {days} days");
    }
}
