//! The checkout machine and its driver, without any I/O.

mod absence;
mod agreement;
mod answers;
mod boundaries;
mod callers;
mod clock;
mod decisions;
mod goods;
mod interrupted;
mod notifications;
mod pace;
mod pages;
mod paying;
mod refund_limits;
mod refunds;
mod refused_fields;
mod request_bodies;
mod requests;
mod schedule;
mod sent;
mod timelines;
mod tokens;
mod unknown;

use merchant_gateway::domain::checkout::model::{
    Command, Decision, DeclineReason, FreezeReason, Inconclusive, NoticeCode, Observation, Patch,
    PaymentIntentStatus, Rejection, ShopperRejection, State,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::order::{Dispute, DisputeStatus};
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::time::{Span, Timestamp};

use test_support::driver_harness::DriverHarness;
use test_support::shop;

/// A case of a test, with its name.
type Named<T> = (&'static str, T);

/// Makes a payment that must be refused, and gives the refusal.
type Refusal = fn(&mut DriverHarness) -> Rejection;

fn declined() -> Observation {
    Observation::Declined { intent: None, requires_3ds: false, reason: DeclineReason::Unknown }
}

fn nothing_known() -> Observation {
    Observation::Inconclusive(Inconclusive::default())
}

/// Reads in vain, again and again, until an operator is asked.
fn fails_until_frozen(harness: &mut DriverHarness, seen: &Observation) {
    for _ in 0..5000 {
        harness.see(seen.clone());
        if matches!(harness.session().state, State::Frozen { reason: FreezeReason::Unreadable, .. }) {
            return;
        }
        harness.wait_and_wake();
    }
    panic!("nobody was asked until {}", harness.now);
}

fn succeeded(harness: &DriverHarness) -> Observation {
    Observation::PaymentIntent(harness.intent(PaymentIntentStatus::Succeeded))
}

#[test]
fn a_session_is_priced_as_soon_as_its_address_is_known() {
    let mut harness = DriverHarness::default();
    let created = harness.ask(shop::create(Patch { cart: Some(shop::cart("mug", 2)), ..Patch::default() }));
    let answer = harness.answer(created).unwrap();
    assert_eq!(answer.session.state, State::Open { problem: Some(PricingProblem::AddressNeeded) });

    let edited = harness.update(Patch { address: Some(shop::address("CA")), ..Patch::default() });
    let session = harness.answer(edited).unwrap().session;
    let quote = session.quote().unwrap();
    assert_eq!((quote.subtotal.minor, quote.tax.minor, quote.fulfillment.minor), (3600, 261, 500));
    assert_eq!(quote.total.minor, 4361);
    assert_eq!(session.revision, Revision(2));
}

#[test]
fn a_tax_that_is_not_known_is_never_zero() {
    let mut harness = DriverHarness::ready();
    let edited = harness.update(Patch { address: Some(shop::address("TX")), ..Patch::default() });
    let session = harness.answer(edited).unwrap().session;
    assert_eq!(session.state, State::Open { problem: Some(PricingProblem::TaxUnknown) });
}

#[test]
fn an_expired_quote_is_renewed_by_an_empty_update() {
    let mut harness = DriverHarness::ready();
    harness.pass(Span::minutes(16));
    let looking = harness.ask(Command::Read);
    assert_eq!(harness.answer(looking).unwrap().notice.unwrap().code(), NoticeCode::Expired);
    harness.update(Patch::default());
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());
}

#[test]
fn a_session_ends_with_its_time_and_stays_ended() {
    let mut harness = DriverHarness::ready();
    harness.pass(Span::hours(2));
    let edit = harness.update(Patch::default());
    assert_eq!(harness.answer(edit).unwrap_err(), Rejection::Shopper(ShopperRejection::Ended("expired")));
    let paying = harness.pay("spt_first0001");
    assert_eq!(harness.answer(paying).unwrap_err(), Rejection::Shopper(ShopperRejection::Ended("expired")));

    let mut harness = DriverHarness::ready();
    harness.pass(Span::hours(2));
    harness.wake();
    assert_eq!(harness.session().state, State::Expired);
}

#[test]
fn a_canceled_session_is_reported_in_full_for_a_day() {
    let mut harness = DriverHarness::ready();
    harness.pass(Span::minutes(1));
    let canceling = harness.ask(Command::Cancel);
    let answer = harness.answer(canceling).unwrap();
    let canceled = harness.now;
    assert!(answer.session.expires > canceled + Span::minutes(30), "its time was not over");
    assert_eq!(answer.session.ended, Some(canceled));
    assert!(!answer.is_closed(canceled + Span::hours(24) - Span::seconds(1)));
    assert!(answer.is_closed(canceled + Span::hours(24)));

    let mut harness = DriverHarness::ready();
    harness.pass(Span::hours(30));
    harness.wake();
    let reading = harness.ask(Command::Read);
    let answer = harness.answer(reading).unwrap();
    assert_eq!(answer.session.state, State::Expired);
    assert!(answer.is_closed(answer.session.expires + Span::hours(24)), "whenever somebody noticed");
}

#[test]
fn made_up_items_and_unknown_options_are_told_apart() {
    let mut harness = DriverHarness::default();
    let created =
        harness.ask(shop::create(Patch { cart: Some(shop::cart("teapot", 1)), ..Patch::default() }));
    assert!(
        matches!(harness.answer(created).unwrap_err(), Rejection::Shopper(ShopperRejection::UnknownItem(item)) if item.as_str() == "teapot")
    );

    let mut harness = DriverHarness::ready();
    let edit = harness.update(Patch { option_id: Some("rocket".parse().unwrap()), ..Patch::default() });
    let session = harness.answer(edit).unwrap().session;
    assert!(matches!(session.state, State::Open { problem: Some(PricingProblem::OptionNotOffered(_)) }));
}

/// A session whose reading failed for a day.
fn frozen() -> DriverHarness {
    let (mut harness, _) = DriverHarness::charging();
    harness.see(Observation::Inconclusive(Inconclusive { cannot_repeat: true, ..Inconclusive::default() }));
    fails_until_frozen(&mut harness, &Observation::ReadFailed);
    harness
}

fn charged_by(intent: &str) -> Command {
    Command::Decide(Decision::Charged { payment_intent: intent.parse().unwrap() })
}

/// A dispute of one dollar, as Stripe shows it.
fn dispute(status: &str) -> Dispute {
    Dispute {
        id: "du_1".parse().unwrap(),
        amount: Money::new(100, shop::usd()),
        reason: "fraudulent".to_owned(),
        status: DisputeStatus::new(status.to_owned()),
        created: Timestamp::from_seconds(1_800_000_000),
    }
}
