//! Goods that are sent, and where an order stands.

use merchant_gateway::domain::checkout::model::{
    Command, OperatorRejection, RefundAnswer, RefundRequest, RefundSnapshot, Rejection,
};
use merchant_gateway::domain::ids::ItemId;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Fulfilled, Fulfillment, OrderState, RefundStatus};

use super::refunds::{answered, refund_snapshot};
use super::succeeded;
use test_support::driver_harness::DriverHarness;
use test_support::shop;

/// An order of two mugs.
fn paid() -> (DriverHarness, ItemId) {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(succeeded(&harness));
    let mug = harness.session().quote().unwrap().lines[0].item.clone();
    (harness, mug)
}

/// Says that these were sent; without any, all that was left.
fn sent(harness: &mut DriverHarness, reference: &str, items: &[(&ItemId, u32)]) -> Option<Rejection> {
    let items = items.iter().map(|&(item, quantity)| Fulfilled { item: item.clone(), quantity }).collect();
    let told = harness.ask(Command::Fulfill(Fulfillment {
        reference: reference.parse().unwrap(),
        items,
        rest: false,
        carrier: None,
        tracking_number: None,
        tracking_url: None,
        created: harness.now,
    }));
    harness.answer(told).err()
}

/// So much goes back.
fn goes_back(harness: &mut DriverHarness, reference: &str, minor: i64) {
    let reference = reference.parse().unwrap();
    harness.ask(Command::Refund(RefundRequest { reference, amount: Some(minor), reason: None }));
    let id = format!("re_{}", harness.session().activity.refunds.len());
    let amount = Money::new(minor, shop::usd());
    let made = RefundSnapshot { amount, ..refund_snapshot(&id, RefundStatus::Succeeded, harness.now) };
    answered(harness, RefundAnswer::Made(made));
}

fn stands(harness: &DriverHarness) -> OrderState {
    OrderState::of(&harness.session().activity, harness.session().quote().unwrap())
}

#[test]
fn no_more_is_sent_than_was_bought_and_is_left() {
    let (mut harness, mug) = paid();
    assert_eq!(stands(&harness), OrderState::Paid);
    for (items, left) in [(&[(&mug, 0)][..], 2), (&[(&mug, 3)], 2), (&[(&mug, 1), (&mug, 2)], 2)] {
        let refused = sent(&mut harness, "wrong", items);
        assert!(
            matches!(&refused, Some(Rejection::Operator(OperatorRejection::NotThatMany { left: of, .. })) if *of == left),
            "{refused:?}"
        );
    }
    let other: ItemId = "other".parse().unwrap();
    assert_eq!(
        sent(&mut harness, "wrong", &[(&other, 1)]),
        Some(Rejection::Operator(OperatorRejection::NotOrdered(other.clone())))
    );
    assert_eq!(sent(&mut harness, "first", &[(&mug, 1)]), None);
    assert_eq!(stands(&harness), OrderState::PartlySent);
    let refused = sent(&mut harness, "wrong", &[(&mug, 2)]);
    assert!(
        matches!(refused, Some(Rejection::Operator(OperatorRejection::NotThatMany { left: 1, .. }))),
        "{refused:?}"
    );
    assert_eq!(sent(&mut harness, "rest", &[]), None);
    assert_eq!(harness.session().activity.sent(&mug), 2);
    assert_eq!(stands(&harness), OrderState::Sent);
    assert_eq!(sent(&mut harness, "more", &[]), Some(Rejection::Operator(OperatorRejection::NothingToSend)));
}

#[test]
fn an_order_ships_nothing_more_once_its_last_cent_is_refunded() {
    let (mut harness, mug) = paid();
    let total = harness.session().quote().unwrap().total.minor;
    goes_back(&mut harness, "most", total - 1);
    assert_eq!(stands(&harness), OrderState::Paid);
    assert_eq!(sent(&mut harness, "one", &[(&mug, 1)]), None);
    goes_back(&mut harness, "last", 1);
    assert_eq!(stands(&harness), OrderState::Refunded);
    assert_eq!(sent(&mut harness, "rest", &[]), Some(Rejection::Operator(OperatorRejection::GoneBack)));
}

#[test]
fn an_item_listed_twice_with_a_zero_quantity_is_refused() {
    let (mut harness, mug) = paid();
    for items in [&[(&mug, 1), (&mug, 0)][..], &[(&mug, 0), (&mug, 1)], &[(&mug, 0), (&mug, 0)]] {
        let refused = sent(&mut harness, "wrong", items);
        assert!(
            matches!(refused, Some(Rejection::Operator(OperatorRejection::NotThatMany { .. }))),
            "{items:?}: {refused:?}"
        );
    }
    assert_eq!(sent(&mut harness, "both", &[(&mug, 1), (&mug, 1)]), None);
    assert_eq!(harness.session().activity.sent(&mug), 2);
}
