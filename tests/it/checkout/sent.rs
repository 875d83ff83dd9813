//! Goods that are sent, and where an order stands.

use merchant_gateway::domain::checkout::aftersales::{RefundAnswer, RefundSeen, RefundWish};
use merchant_gateway::domain::checkout::command::{Command, Rejection};
use merchant_gateway::domain::ids::ItemId;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Fulfilled, Fulfillment, OrderState, RefundStatus};

use super::refunds::{answered, seen_refund};
use super::succeeded;
use crate::support::bench::Bench;
use crate::support::shop;

/// An order of two mugs.
fn paid() -> (Bench, ItemId) {
    let (mut bench, _) = Bench::charging();
    bench.see(succeeded(&bench));
    let mug = bench.session().quote().unwrap().lines[0].item.clone();
    (bench, mug)
}

/// Says that these were sent; without any, all that was left.
fn sent(bench: &mut Bench, reference: &str, items: &[(&ItemId, u32)]) -> Option<Rejection> {
    let items = items.iter().map(|&(item, quantity)| Fulfilled { item: item.clone(), quantity }).collect();
    let told = bench.ask(Command::Fulfill(Fulfillment {
        reference: reference.parse().unwrap(),
        items,
        rest: false,
        carrier: None,
        tracking_number: None,
        tracking_url: None,
        created: bench.now,
    }));
    bench.answer(told).err()
}

/// So much goes back.
fn goes_back(bench: &mut Bench, reference: &str, minor: i64) {
    let reference = reference.parse().unwrap();
    bench.ask(Command::Refund(RefundWish { reference, amount: Some(minor), reason: None }));
    let id = format!("re_{}", bench.session().book.refunds.len());
    let amount = Money::new(minor, shop::usd());
    let made = RefundSeen { amount, ..seen_refund(&id, RefundStatus::Succeeded, bench.now) };
    answered(bench, RefundAnswer::Made(made));
}

fn stands(bench: &Bench) -> OrderState {
    OrderState::of(&bench.session().book, bench.session().quote().unwrap())
}

#[test]
fn no_more_is_sent_than_was_bought_and_is_left() {
    let (mut bench, mug) = paid();
    assert_eq!(stands(&bench), OrderState::Paid);
    for (items, left) in [(&[(&mug, 0)][..], 2), (&[(&mug, 3)], 2), (&[(&mug, 1), (&mug, 2)], 2)] {
        let refused = sent(&mut bench, "wrong", items);
        assert!(
            matches!(&refused, Some(Rejection::NotThatMany { left: of, .. }) if *of == left),
            "{refused:?}"
        );
    }
    let other: ItemId = "other".parse().unwrap();
    assert_eq!(sent(&mut bench, "wrong", &[(&other, 1)]), Some(Rejection::NotOrdered(other.clone())));
    assert_eq!(sent(&mut bench, "first", &[(&mug, 1)]), None);
    assert_eq!(stands(&bench), OrderState::PartlySent);
    let refused = sent(&mut bench, "wrong", &[(&mug, 2)]);
    assert!(matches!(refused, Some(Rejection::NotThatMany { left: 1, .. })), "{refused:?}");
    assert_eq!(sent(&mut bench, "rest", &[]), None);
    assert_eq!(bench.session().book.sent(&mug), 2);
    assert_eq!(stands(&bench), OrderState::Sent);
    assert_eq!(sent(&mut bench, "more", &[]), Some(Rejection::NothingToSend));
}

#[test]
fn an_order_counts_as_gone_back_with_its_last_cent_and_then_nothing_of_it_is_sent() {
    let (mut bench, mug) = paid();
    let total = bench.session().quote().unwrap().total.minor;
    goes_back(&mut bench, "most", total - 1);
    assert_eq!(stands(&bench), OrderState::Paid);
    assert_eq!(sent(&mut bench, "one", &[(&mug, 1)]), None);
    goes_back(&mut bench, "last", 1);
    assert_eq!(stands(&bench), OrderState::Refunded);
    assert_eq!(sent(&mut bench, "rest", &[]), Some(Rejection::GoneBack));
}

#[test]
fn an_item_that_is_named_twice_with_a_quantity_of_nothing_is_refused() {
    let (mut bench, mug) = paid();
    for items in [&[(&mug, 1), (&mug, 0)][..], &[(&mug, 0), (&mug, 1)], &[(&mug, 0), (&mug, 0)]] {
        let refused = sent(&mut bench, "wrong", items);
        assert!(matches!(refused, Some(Rejection::NotThatMany { .. })), "{items:?}: {refused:?}");
    }
    assert_eq!(sent(&mut bench, "both", &[(&mug, 1), (&mug, 1)]), None);
    assert_eq!(bench.session().book.sent(&mug), 2);
}
