//! A refund that is asked for here: what each answer and each silence means to it.

use merchant_gateway::domain::checkout::aftersales::{OrderSeen, RefundAnswer, RefundWish};
use merchant_gateway::domain::checkout::attempt::Unknown;
use merchant_gateway::domain::checkout::command::Command;
use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::effect::{Effect, OrderEffect};
use merchant_gateway::domain::ids::RefundNumber;
use merchant_gateway::domain::order::RefundState;
use merchant_gateway::domain::time::Span;

use crate::support::bench::Bench;

use super::succeeded;

/// A paid session whose refund of one dollar is wanted of Stripe.
fn asking() -> (Bench, RequestId) {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let wish = RefundWish { reference: "r".parse().unwrap(), amount: Some(100), reason: None };
    let wanted = bench.ask(Command::Refund(wish));
    assert!(sends(&bench));
    (bench, wanted)
}

fn sends(bench: &Bench) -> bool {
    matches!(bench.effects[..], [Effect::Order(OrderEffect::Refund(_))])
}

fn looks(bench: &Bench) -> bool {
    matches!(bench.effects[..], [Effect::Order(OrderEffect::Read { .. })])
}

fn answered(bench: &mut Bench, answer: RefundAnswer) {
    bench.see_order(OrderSeen::Asked { number: RefundNumber(1), answer });
}

fn refused(stored: bool) -> RefundAnswer {
    RefundAnswer::Refused { why: "code none, parameter none".to_owned(), stored }
}

fn nothing_known() -> RefundAnswer {
    RefundAnswer::Unknown(Unknown::default())
}

fn nothing_shown(bench: &mut Bench) {
    let asked = bench.now;
    bench.see_order(OrderSeen::Read { refunds: vec![], disputes: Some(vec![]), asked, complete: true });
}

fn is_refused(bench: &Bench) -> bool {
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
