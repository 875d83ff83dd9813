//! A refund that is asked for here: what each answer and each silence means to it.

use merchant_gateway::domain::checkout::aftersales::{News, OrderSeen, RefundAnswer, RefundSeen, RefundWish};
use merchant_gateway::domain::checkout::attempt::{AnsweredWith, Unknown};
use merchant_gateway::domain::checkout::command::{Command, Rejection};
use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::due::due_at;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::ids::{OrderEventId, RefundNumber};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Dispute, DisputeStatus, RefundState, RefundStatus};
use merchant_gateway::domain::time::{Span, Timestamp};
use merchant_gateway::protocol::order_events::{self, OrderEventParts};

use crate::support::bench::Bench;
use crate::support::shop;

use super::succeeded;

/// A paid session whose refund of one dollar is wanted of Stripe.
pub(super) fn asking() -> (Bench, RequestId) {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let wish = RefundWish { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    let wanted = bench.ask(Command::Refund(wish));
    assert!(sends(&bench));
    (bench, wanted)
}

pub(super) fn sends(bench: &Bench) -> bool {
    matches!(bench.effects[..], [Effect::Order(OrderEffect::Refund(_))])
}

pub(super) fn looks(bench: &Bench) -> bool {
    matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })])
}

pub(super) fn answered(bench: &mut Bench, answer: RefundAnswer) {
    let number = bench.session().book.asking().map_or(RefundNumber(1), |(number, _)| number);
    bench.see_order(OrderSeen::Asked { number, answer });
}

pub(super) fn refused(stored: bool) -> RefundAnswer {
    RefundAnswer::Refused { why: "code none, parameter none".to_owned(), stored }
}

pub(super) fn nothing_known() -> RefundAnswer {
    RefundAnswer::Unknown(Unknown::default())
}

fn nothing_shown(bench: &mut Bench) {
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
}

pub(super) fn is_refused(bench: &Bench) -> bool {
    matches!(bench.session().book.refunds[0].state, RefundState::Refused { .. })
}

/// Looks until the refund is decided, and says how long that took.
fn looked_for(bench: &mut Bench) -> Span {
    let ended = bench.now;
    while !is_refused(bench) {
        assert!(looks(bench), "{:?}", bench.effects);
        nothing_shown(bench);
        if !is_refused(bench) {
            bench.wait_and_wake();
        }
    }
    bench.now.since(ended)
}

#[test]
fn a_refusal_that_stripe_has_stored_ends_a_refund_whose_first_send_nobody_heard_of() {
    let (mut bench, wanted) = asking();
    answered(&mut bench, nothing_known());
    bench.wait_and_wake();
    answered(&mut bench, refused(true));
    assert!(is_refused(&bench) && !bench.waits(wanted));
    assert!(looks(&bench), "money may have gone back by other hands");
    assert_eq!(bench.session().book.reserved(), 0, "what was refused may be asked for again");
}

#[test]
fn the_last_cent_of_an_order_can_go_back_and_no_cent_more() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let some = |reference: &str, amount| {
        Command::Refund(RefundWish {
            reference: reference.parse().unwrap(),
            amount: Some(amount),
            reason: None,
        })
    };
    let total = bench.session().quote().unwrap().total.minor;
    for (reference, amount) in [("first", total - 1), ("last", 1)] {
        for wrong in [0, -1, if reference == "first" { total + 1 } else { 2 }] {
            let refused = bench.ask(some("wrong", wrong));
            let refused = bench.answer(refused).unwrap_err();
            assert!(matches!(refused, Rejection::RefundTooLarge { .. }), "{wrong}: {refused:?}");
        }
        bench.ask(some(reference, amount));
        assert!(sends(&bench), "{reference}: {:?}", bench.effects);
        let amount = Money::new(amount, shop::usd());
        let id = format!("re_{reference}");
        let made = RefundSeen { amount, ..seen_refund(&id, RefundStatus::Succeeded, bench.now) };
        answered(&mut bench, RefundAnswer::Made(made));
    }
    assert_eq!(bench.session().book.refunded(), total);
    let more = bench.ask(some("more", 1));
    assert!(matches!(bench.answer(more), Err(Rejection::NothingToRefund)));
}

#[test]
fn a_look_at_a_refund_that_is_not_decided_goes_before_other_looks_at_orders() {
    let undecided = |bench: &Bench| match bench.effects[..] {
        [Effect::Order(OrderEffect::Read { undecided, .. })] => undecided,
        _ => panic!("{:?}", bench.effects),
    };
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Conflict);
    assert!(undecided(&bench));
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    bench.now = due_at(bench.session()).unwrap();
    bench.wake();
    assert!(!undecided(&bench));
}

#[test]
fn a_refusal_of_a_repeat_is_asked_for_once_more_and_is_then_the_answer_to_all() {
    let (mut bench, wanted) = asking();
    answered(&mut bench, nothing_known());
    bench.wait_and_wake();
    answered(&mut bench, refused(false));
    assert!(!is_refused(&bench), "the first send may have made it");
    bench.wait_and_wake();
    assert!(sends(&bench));
    answered(&mut bench, refused(true));
    assert!(is_refused(&bench) && !bench.waits(wanted));
}

#[test]
fn a_refusal_that_stripe_does_not_store_is_known_within_minutes_of_the_last_send() {
    let (mut bench, wanted) = asking();
    answered(&mut bench, nothing_known());
    for _ in 0..2 {
        bench.wait_and_wake();
        answered(&mut bench, refused(false));
    }
    let took = looked_for(&mut bench);
    assert!(took >= Span::minutes(2) && took < Span::minutes(5), "{took:?}");
    assert!(!bench.waits(wanted));
    let wish = RefundWish { reference: "other".parse().unwrap(), amount: Some(100), reason: None };
    bench.ask(Command::Refund(wish));
    assert_eq!(bench.session().book.refunds.len(), 2, "and the next one may be asked for");
}

#[test]
fn a_stored_server_error_is_looked_into_within_minutes() {
    let (mut bench, _) = asking();
    let replayed = || RefundAnswer::Unknown(Unknown { replayed_error: true, ..Unknown::default() });
    answered(&mut bench, nothing_known());
    while !looks(&bench) {
        bench.wait_and_wake();
        answered(&mut bench, replayed());
    }
    let took = looked_for(&mut bench);
    assert!(took >= Span::minutes(2) && took < Span::minutes(5), "{took:?}");
}

#[test]
fn a_refund_that_the_key_cannot_ask_for_is_asked_for_later_and_not_at_once() {
    for answer in [RefundAnswer::KeyRefused, RefundAnswer::Unverified, RefundAnswer::OtherAccount] {
        let (mut bench, _) = asking();
        answered(&mut bench, answer);
        assert!(bench.effects.is_empty(), "{:?}", bench.effects);
        let (_, asked) = bench.session().book.asking().unwrap();
        assert!(asked.next_try > bench.now);
        bench.wait_and_wake();
        assert!(sends(&bench), "{:?}", bench.effects);
    }
}

#[test]
fn a_refund_that_stripe_answered_is_not_said_to_have_never_reached_it() {
    let (mut bench, _) = asking();
    let with = AnsweredWith { status: 500, request_id: Some("req_1".to_owned()) };
    let failed = || RefundAnswer::Unknown(Unknown { answered: Some(with.clone()), ..Unknown::default() });
    answered(&mut bench, failed());
    let (_, asked) = bench.session().book.asking().unwrap();
    assert_eq!(asked.last_answer.as_deref(), Some("status 500, request req_1"));
    while !looks(&bench) {
        bench.wait_and_wake();
        if sends(&bench) {
            answered(&mut bench, failed());
        }
    }
    looked_for(&mut bench);
    let RefundState::Refused { why } = &bench.session().book.refunds[0].state else {
        panic!("it is refused")
    };
    assert_eq!(
        why,
        "Stripe shows no such refund, so nothing went back; its request had: status 500, request req_1"
    );
}

#[test]
fn of_an_order_whose_money_is_all_on_its_way_back_nothing_is_left_to_refund() {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let all = |reference: &str| {
        let reference = reference.parse().unwrap();
        Command::Refund(RefundWish { reference, amount: None, reason: None })
    };
    bench.ask(all("first"));
    let total = bench.session().book.refunds[0].amount;
    let made = RefundSeen { amount: total, ..seen_refund("re_1", RefundStatus::Succeeded, bench.now) };
    answered(&mut bench, RefundAnswer::Made(made));
    let again = bench.ask(all("second"));
    let refused = bench.answer(again).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "all that was paid for this order has gone back already, or is on its way back; nothing of it is left to refund"
    );
}

pub(super) fn seen_refund(id: &str, status: RefundStatus, created: Timestamp) -> RefundSeen {
    RefundSeen {
        id: id.parse().unwrap(),
        status,
        amount: Money::new(100, shop::usd()),
        created,
        reason: None,
        session: None,
        request: None,
    }
}

pub(super) fn shows(bench: &mut Bench, refunds: Vec<RefundSeen>) {
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds, disputes: Some(vec![]), asked, complete: true });
}

/// The total that an event of this refund tells.
fn told_total(bench: &mut Bench, refund: &str) -> i64 {
    let reading = bench.ask(Command::Read);
    let placed = bench.answer(reading).unwrap().order.unwrap();
    let parts = OrderEventParts { id: OrderEventId::from_random(1), at: bench.now, wanted: true };
    let news = News::Refunded(refund.parse().unwrap());
    let event = order_events::news(&news, &placed, &bench.session().book, parts).unwrap();
    event.facts["refunded_total"].as_i64().unwrap()
}

#[test]
fn a_total_that_is_told_counts_what_stripe_shows_and_no_more() {
    let (mut bench, _) = asking();
    answered(&mut bench, RefundAnswer::Unknown(Unknown { should_retry: Some(false), ..Unknown::default() }));
    // Somebody else has refunded a part, and ours is not there.
    let by_hand = seen_refund("re_hand", RefundStatus::Succeeded, bench.now);
    shows(&mut bench, vec![by_hand]);
    assert!(bench.session().book.asking().is_some());
    assert_eq!(told_total(&mut bench, "re_hand"), 100, "what is only asked for does not count");
    assert_eq!(bench.session().book.reserved(), 200, "and is not asked for twice");
    for (status, total) in [
        (RefundStatus::Pending, 100),
        (RefundStatus::Succeeded, 100),
        (RefundStatus::Failed, 0),
        (RefundStatus::Canceled, 0),
    ] {
        let (mut bench, _) = asking();
        answered(
            &mut bench,
            RefundAnswer::Made(seen_refund("re_1", RefundStatus::Pending, Timestamp::from_seconds(0))),
        );
        bench.ask(Command::Hear(merchant_gateway::domain::checkout::hint::Hint {
            concern: merchant_gateway::domain::stripe_event::Concern::Order,
            payment: None,
        }));
        let seen = seen_refund("re_1", status, bench.now);
        shows(&mut bench, vec![seen]);
        assert_eq!(told_total(&mut bench, "re_1"), total, "{status:?}");
    }
}

#[test]
fn a_refund_that_comes_back_after_it_was_told_is_told_once_more() {
    let (mut bench, _) = asking();
    let now = bench.now;
    answered(&mut bench, RefundAnswer::Made(seen_refund("re_1", RefundStatus::Succeeded, now)));
    let told = || vec![News::Refunded("re_1".parse().unwrap())];
    assert_eq!(std::mem::take(&mut bench.news), told());
    for (status, news) in
        [(RefundStatus::Succeeded, vec![]), (RefundStatus::Failed, told()), (RefundStatus::Failed, vec![])]
    {
        bench.now = due_at(bench.session()).expect("an order is looked at now and then");
        bench.wake();
        bench.pass(Span::millis(1));
        let seen = seen_refund("re_1", status, bench.now);
        shows(&mut bench, vec![seen]);
        assert_eq!(std::mem::take(&mut bench.news), news, "{status:?}");
    }
}

#[test]
fn an_answer_that_stripe_had_stored_does_not_undo_what_a_look_has_shown() {
    let (mut bench, _) = asking();
    answered(&mut bench, nothing_known());
    bench.wait_and_wake();
    let stored = seen_refund("re_1", RefundStatus::Succeeded, bench.now);
    answered(&mut bench, RefundAnswer::Made(stored.clone()));
    assert!(looks(&bench), "where it stands now is looked at");
    let failed = RefundSeen { status: RefundStatus::Failed, ..stored.clone() };
    shows(&mut bench, vec![failed]);
    assert_eq!((bench.session().book.refunded(), bench.session().book.reserved()), (0, 0));
    // The same answer once more, from a send that was slow.
    bench.effects.push(Effect::Order(OrderEffect::Refund(RefundNumber(1))));
    answered(&mut bench, RefundAnswer::Made(stored));
    assert_eq!(bench.session().book.refunded(), 0, "it failed, and stays so");
}

#[test]
fn the_looks_at_what_never_ends_come_to_an_end() {
    let disputed = |bench: &Bench| Dispute {
        id: "du_1".parse().unwrap(),
        amount: Money::new(100, shop::usd()),
        reason: "fraudulent".to_owned(),
        status: DisputeStatus::new("needs_response".to_owned()),
        created: bench.now,
    };
    for readable in [true, false] {
        let (mut bench, _) = Bench::charging();
        bench.see(succeeded(&bench));
        let dispute = disputed(&bench);
        let began = bench.now;
        let mut looks = 0;
        while let Some(due) = due_at(bench.session()) {
            bench.now = bench.now.max(due);
            bench.wake();
            looks += 1;
            assert!(looks < 1000, "{readable}: still looking at {}", bench.now);
            bench.pass(Span::seconds(1));
            let (asked, found) = (bench.now, Some(vec![dispute.clone()]));
            let seen = OrderSeen::Read { refunds: vec![], disputes: found, asked, complete: true };
            bench.see_order(if readable { seen } else { OrderSeen::Unread });
        }
        let days = bench.now.since(began).as_millis() / Span::hours(24).as_millis();
        assert!((100..=121).contains(&days), "{readable}: {days} days");
    }
}
