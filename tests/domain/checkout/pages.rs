//! Paying on a page at Stripe, as the machine and its driver see it.

use merchant_gateway::domain::address::Buyer;
use merchant_gateway::domain::checkout::driver::RequestId;
use merchant_gateway::domain::checkout::model::{
    Command, Effect, HostRejection, Inconclusive, MAX_STRIPE_CHECKOUTS, Notice, NoticeCode, Observation,
    Patch, PaymentIntentStatus, Rejection, ShopperRejection, State, StripeCheckoutSnapshot,
    StripeCheckoutStatus, StripeNotification, TokenFacts,
};
use merchant_gateway::domain::ids::Revision;
use merchant_gateway::domain::merchant::MerchantStatus;
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::origin::{AgentName, AgentRules};
use merchant_gateway::domain::time::Span;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

pub(super) fn open_stripe_checkout(harness: &mut DriverHarness) -> RequestId {
    let revision = Some(harness.session().revision);
    harness.ask(Command::OpenStripeCheckout { revision })
}

/// The page of the last attempt, as Stripe would show it.
pub(super) fn page(harness: &DriverHarness, status: StripeCheckoutStatus) -> StripeCheckoutSnapshot {
    let charge = &harness.attempts.last().expect("an attempt").expected;
    let used = matches!(status, StripeCheckoutStatus::Paid | StripeCheckoutStatus::Unpaid);
    StripeCheckoutSnapshot {
        id: "cs_1".parse().unwrap(),
        url: (status == StripeCheckoutStatus::Open).then(|| "https://checkout.example/cs_1".to_owned()),
        status,
        intent: used.then(|| ("pi_1".parse().unwrap(), None)),
        amount: charge.total,
        livemode: false,
        buyer: Buyer::default(),
        session: Some(charge.session.clone()),
        revision: Some(charge.revision),
        attempt: Some(charge.attempt),
    }
}

fn paid_later(harness: &DriverHarness, intent: PaymentIntentStatus) -> Observation {
    let unpaid = page(harness, StripeCheckoutStatus::Unpaid);
    Observation::StripeCheckout(StripeCheckoutSnapshot {
        intent: Some(("pi_1".parse().unwrap(), Some(intent))),
        ..unpaid
    })
}

/// A session that waits for payment on its page.
pub fn awaiting() -> DriverHarness {
    let mut harness = DriverHarness::ready();
    let asked = open_stripe_checkout(&mut harness);
    harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open)));
    assert!(matches!(harness.answer(asked).unwrap().session.state, State::AwaitingStripeCheckout { .. }));
    harness
}

/// The page is looked at, and shows this.
fn looks(harness: &mut DriverHarness, seen: Observation) {
    harness.pass(Span::minutes(1));
    harness.wake();
    assert!(matches!(
        harness.effects[..],
        [Effect::ReadStripeCheckout { .. } | Effect::ExpireStripeCheckout { .. }]
    ));
    harness.see(seen);
}

#[test]
fn a_page_that_is_paid_is_an_order_of_whom_it_was_told_of() {
    let mut harness = awaiting();
    let told = Buyer {
        email: Some("ada@example.com".to_owned()),
        name: Some("A. L.".to_owned()),
        ..Buyer::default()
    };
    let paid = StripeCheckoutSnapshot { buyer: told, ..page(&harness, StripeCheckoutStatus::Paid) };
    looks(&mut harness, Observation::StripeCheckout(paid));
    let read = harness.ask(Command::Read);
    let order = harness.answer(read).unwrap().order.expect("an order").order;
    assert_eq!(order.payment_intent.as_str(), "pi_1");
    assert_eq!(order.buyer.email.as_deref(), Some("ada@example.com"), "it was told there alone");
}

#[test]
fn buyer_details_from_stripe_checkout_override_the_sessions() {
    let mut harness = DriverHarness::ready();
    let buyer = Buyer {
        email: Some("here@example.com".to_owned()),
        phone_number: Some("+1 555 0100".to_owned()),
        ..Buyer::default()
    };
    harness.update(Patch { buyer: Some(buyer), ..Patch::default() });
    open_stripe_checkout(&mut harness);
    harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open)));
    let there = Buyer { email: Some("there@example.com".to_owned()), ..Buyer::default() };
    let paid = StripeCheckoutSnapshot { buyer: there, ..page(&harness, StripeCheckoutStatus::Paid) };
    looks(&mut harness, Observation::StripeCheckout(paid));
    let buyer = &harness.session().inputs.buyer;
    assert_eq!(buyer.email.as_deref(), Some("there@example.com"));
    assert_eq!(buyer.phone_number.as_deref(), Some("+1 555 0100"), "what was not said there stays");
}

#[test]
fn a_payment_that_is_decided_later_is_waited_for() {
    let mut harness = awaiting();
    let processing = paid_later(&harness, PaymentIntentStatus::Processing);
    looks(&mut harness, processing);
    assert!(matches!(harness.session().state, State::AwaitingStripeCheckout { .. }));
    // Nobody else pays meanwhile: neither is the page closed, nor the token asked about.
    let effects = harness.effects.len();
    let asked = harness.pay("spt_second001");
    let told = harness.answer(asked).unwrap();
    assert!(matches!(told.notice, Some(Notice::PaymentUnderWay)), "{told:?}");
    assert_eq!(harness.effects.len(), effects);
    assert!(matches!(harness.session().state, State::AwaitingStripeCheckout { .. }));
    let succeeded = paid_later(&harness, PaymentIntentStatus::Succeeded);
    looks(&mut harness, succeeded);
    assert!(matches!(harness.session().state, State::Completed { .. }));

    let mut harness = awaiting();
    let failed = paid_later(&harness, PaymentIntentStatus::RequiresPaymentMethod);
    looks(&mut harness, failed);
    assert!(matches!(harness.session().state, State::Ready { .. }), "payable again");
    assert_eq!(harness.session().notice.as_ref().unwrap().code(), NoticeCode::PaymentDeclined);
}

#[test]
fn what_is_shown_is_honoured_as_long_as_the_page_can_be_paid() {
    let mut harness = awaiting();
    harness.pass(Span::minutes(20));
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    assert!(
        matches!(harness.effects.pop(), Some(Effect::ExpireStripeCheckout { .. })),
        "the page goes first"
    );
    harness.effects.push(Effect::ExpireStripeCheckout {
        attempt: harness.attempts[0].number,
        checkout: "cs_1".parse().unwrap(),
        tries: 0,
    });
    harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired)));
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(
        harness.effects,
        [Effect::Charge(harness.attempts[1].number)],
        "older than a quote lives by itself"
    );
    assert!(harness.waits(paying));
}

#[test]
fn a_page_is_closed_only_for_what_can_be_done_afterwards() {
    let refused = |harness: &mut DriverHarness, asked: RequestId, why: &str| {
        let refusal = harness.answer(asked).expect_err(why);
        assert!(matches!(harness.session().state, State::AwaitingStripeCheckout { .. }), "{why}: {refusal}");
        assert!(harness.effects.is_empty(), "{why}");
    };
    let mut harness = awaiting();
    let stale = Command::Update { revision: Some(Revision(7)), patch: Patch::default() };
    let asked = harness.ask(stale);
    refused(&mut harness, asked, "a stale edit");
    let unknown = Patch { cart: Some(shop::cart("teapot", 1)), ..Patch::default() };
    let asked = harness.update(unknown);
    refused(&mut harness, asked, "an item that is not sold");

    let asked = harness.pay("spt_short0001");
    let short = TokenFacts { remaining: Some(Money::new(1, shop::usd())), ..harness.good_facts() };
    harness.tell_token(Ok(short));
    assert_eq!(harness.answer(asked).unwrap().notice.unwrap().code(), NoticeCode::PaymentDeclined);
    assert!(harness.effects.is_empty(), "a token that cannot pay closes nothing");

    let named = TokenFacts { agent_profile: Some("profile_1".to_owned()), ..harness.good_facts() };
    harness.view.checkout.agents.refuse = vec![AgentName::Profile("profile_1".to_owned())];
    let asked = harness.pay("spt_agent0001");
    harness.tell_token(Ok(named));
    refused(&mut harness, asked, "an agent that the shop refuses");
    harness.view.checkout.agents = AgentRules::default();

    harness.view.status = MerchantStatus::Suspended;
    let asked = harness.pay("spt_first0001");
    refused(&mut harness, asked, "a shop that is suspended");
    harness.view.status = MerchantStatus::Active;
    harness.view.checkout.method = merchant_gateway::domain::merchant::CheckoutMethod::StripeCheckout;
    let asked = harness.pay("spt_first0001");
    refused(&mut harness, asked, "a shop that takes no tokens");
}

#[test]
fn only_who_was_shown_this_revision_waits_for_its_page() {
    let mut harness = DriverHarness::ready();
    let first = open_stripe_checkout(&mut harness);
    let other = harness.ask(Command::OpenStripeCheckout { revision: Some(Revision(7)) });
    assert!(matches!(harness.answer(other), Err(Rejection::Host(HostRejection::StaleRevision { .. }))));
    let same = open_stripe_checkout(&mut harness);
    assert!(harness.waits(first) && harness.waits(same));
    harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open)));
    assert!(harness.answer(first).is_ok() && harness.answer(same).is_ok());
}

#[test]
fn an_opening_for_which_stripe_was_not_asked_counts_as_no_page() {
    let mut harness = DriverHarness::ready();
    let not_sent = || Observation::Inconclusive(Inconclusive { not_sent: true, ..Inconclusive::default() });
    for number in 1..=MAX_STRIPE_CHECKOUTS + 1 {
        open_stripe_checkout(&mut harness);
        harness.see(not_sent());
        assert!(matches!(harness.session().state, State::Ready { .. }), "{number}");
    }
    let told = serde_json::to_string(&harness.timeline).unwrap();
    assert!(told.contains(r#""end":"not_created""#) && !told.contains("declined"), "{told}");
    assert!(!harness.session().has_opened_enough() && !harness.session().is_spent());
    // One that was sent before, and not heard of, may have been opened.
    let before = harness.session().stripe_checkouts_not_asked;
    open_stripe_checkout(&mut harness);
    harness.see(Observation::Inconclusive(Inconclusive::default()));
    harness.pass(Span::seconds(2));
    harness.wake();
    assert!(matches!(harness.effects[..], [Effect::CreateStripeCheckout(_)]));
    harness.see(not_sent());
    assert_eq!(harness.session().stripe_checkouts_not_asked, before);
}

#[test]
fn an_unread_stripe_checkout_does_not_delay_a_newer_webhook() {
    for unread in [Observation::PutOff { after: Span::minutes(1) }, Observation::ReadFailed] {
        let mut harness = awaiting();
        harness.pass(Span::minutes(5));
        harness.wake();
        assert!(matches!(harness.effects[..], [Effect::ReadStripeCheckout { .. }]));
        harness.ask(Command::CheckStripe(StripeNotification::payment()));
        harness.see(unread);
        harness.pass(Span::seconds(2));
        harness.wake();
        assert!(matches!(harness.effects[..], [Effect::ReadStripeCheckout { .. }]), "{:?}", harness.effects);
        harness.see(Observation::PutOff { after: Span::minutes(1) });
        harness.pass(Span::seconds(2));
        harness.wake();
        assert!(harness.effects.is_empty(), "that one was asked for by the hint");
    }
}

#[test]
fn frequent_notifications_trigger_few_stripe_checkout_polls() {
    let mut harness = awaiting();
    harness.pass(Span::minutes(5));
    let mut looks = 0;
    for _ in 0..120 {
        harness.ask(Command::CheckStripe(StripeNotification::payment()));
        harness.wake();
        if matches!(harness.effects[..], [Effect::ReadStripeCheckout { .. }]) {
            looks += 1;
            let open = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open));
            harness.see(open);
        }
        harness.pass(Span::seconds(1));
    }
    assert!((10..=30).contains(&looks), "{looks}");
    let paid = "pi_1".parse().unwrap();
    harness.ask(Command::CheckStripe(StripeNotification {
        payment: Some(paid),
        ..StripeNotification::payment()
    }));
    harness.wake();
    assert!(
        matches!(harness.effects[..], [Effect::ReadStripeCheckout { .. }]),
        "Stripe is believed to have something to say"
    );
}

#[test]
fn a_session_opens_a_limited_number_of_stripe_checkouts() {
    let mut harness = DriverHarness::ready();
    for number in 1..=MAX_STRIPE_CHECKOUTS {
        open_stripe_checkout(&mut harness);
        harness.see(Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Open)));
        assert!(matches!(harness.session().state, State::AwaitingStripeCheckout { .. }), "{number}");
        let expired = Observation::StripeCheckout(page(&harness, StripeCheckoutStatus::Expired));
        looks(&mut harness, expired);
        harness.update(Patch::default());
        assert!(
            matches!(harness.session().state, State::Ready { .. }),
            "{number}: {:?}",
            harness.session().state
        );
    }
    let refused = open_stripe_checkout(&mut harness);
    assert!(matches!(harness.answer(refused), Err(Rejection::Shopper(ShopperRejection::NotOffered(_)))));
    assert_eq!(harness.attempts.len(), usize::try_from(MAX_STRIPE_CHECKOUTS).unwrap());
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    assert!(harness.waits(paying), "the payment sheet still takes it");
}

#[test]
fn a_crash_does_not_delay_the_closing_of_a_stripe_checkout() {
    let mut harness = awaiting();
    harness.ask(Command::Cancel);
    assert!(matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]), "{:?}", harness.effects);
    harness.crash();
    assert!(matches!(harness.effects[..], [Effect::ExpireStripeCheckout { .. }]), "{:?}", harness.effects);
}
