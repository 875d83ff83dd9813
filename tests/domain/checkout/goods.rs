//! What may be sold to whom for how much, and what a shopper has said and is told of it.

use merchant_gateway::domain::address::{Address, Buyer};
use merchant_gateway::domain::catalog::Catalog;
use merchant_gateway::domain::checkout::model::{
    Command, NoticeCode, Patch, Rejection, ShopperRejection, State,
};
use merchant_gateway::domain::money::Money;
use merchant_gateway::domain::origin::TokenDoor;
use merchant_gateway::domain::pricing::PricingProblem;
use merchant_gateway::domain::time::Span;
use merchant_gateway::protocol::apps::messages::of_session;

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::{pages, succeeded};

#[test]
fn a_total_is_taken_up_to_the_shops_limit_and_not_a_cent_above_it() {
    for (limit, is_ready) in [(None, true), (Some(4362), true), (Some(4361), true), (Some(4360), false)] {
        let mut harness = DriverHarness::default();
        harness.view.checkout.max_total = limit.map(|limit| Money::new(limit, shop::usd()));
        let created = harness.ask(shop::create(shop::two_mugs()));
        let state = harness.answer(created).unwrap().session.state;
        if is_ready {
            let State::Ready { quote } = state else { panic!("{limit:?}: {state:?}") };
            assert_eq!(quote.total.minor, 4361, "{limit:?}");
        } else {
            let State::Open { problem: Some(PricingProblem::AboveLimit { limit: stated, .. }) } = state
            else {
                panic!("{limit:?}: {state:?}")
            };
            assert_eq!(Some(stated.minor), limit);
        }
    }
    // An edit is held to it as well.
    let mut harness = DriverHarness::ready();
    harness.view.checkout.max_total = Some(Money::new(4361, shop::usd()));
    let edited = harness.update(Patch { option_id: Some("express".parse().unwrap()), ..Patch::default() });
    let state = harness.answer(edited).unwrap().session.state;
    assert!(matches!(state, State::Open { problem: Some(PricingProblem::AboveLimit { .. }) }), "{state:?}");
}

#[test]
fn the_shop_accepts_only_addresses_in_countries_that_it_serves() {
    let to = |country: &str| Address { country: country.parse().unwrap(), ..shop::address("CA") };
    for (sold_to, country, is_ready) in [
        (vec!["US"], "US", true),
        (vec!["US"], "CA", false),
        (vec!["CA", "US"], "US", true),
        (vec!["CA"], "US", false),
        (vec![], "US", false),
    ] {
        let mut harness = DriverHarness::default();
        harness.view.checkout.countries = sold_to.iter().map(|country| country.parse().unwrap()).collect();
        let patch = Patch { address: Some(to(country)), ..shop::two_mugs() };
        let created = harness.ask(shop::create(patch));
        let state = harness.answer(created).unwrap().session.state;
        let refused = PricingProblem::CountryNotServed(country.parse().unwrap());
        let expected = State::Open { problem: Some(refused) };
        assert_eq!(matches!(state, State::Ready { .. }), is_ready, "{sold_to:?} to {country}: {state:?}");
        assert_eq!(state == expected, !is_ready, "{sold_to:?} to {country}: {state:?}");
    }
    let mut harness = DriverHarness::ready();
    let edited = harness.update(Patch { address: Some(to("CA")), ..Patch::default() });
    assert!(matches!(
        harness.answer(edited).unwrap().session.state,
        State::Open { problem: Some(PricingProblem::CountryNotServed(_)) }
    ));
}

/// A session with a name, an e-mail address and a chosen way of shipping.
fn with_wishes() -> DriverHarness {
    let mut harness = DriverHarness::default();
    harness.view.checkout.receipt_email = true;
    let buyer = Buyer {
        name: Some("Ada Lovelace".to_owned()),
        email: Some("ada@example.com".to_owned()),
        phone_number: Some("+1 555 0100".to_owned()),
    };
    let option_id = Some("express".parse().unwrap());
    harness.ask(shop::create(Patch { buyer: Some(buyer), option_id, ..shop::two_mugs() }));
    harness
}

fn option(harness: &DriverHarness) -> String {
    harness.session().quote().unwrap().option_id.as_ref().unwrap().to_string()
}

#[test]
fn an_edit_keeps_what_it_does_not_name() {
    let kept = |harness: &DriverHarness| {
        let buyer = harness.session().inputs.buyer.clone();
        (buyer.name.unwrap(), buyer.email.unwrap(), buyer.phone_number.unwrap())
    };
    let said = || ("Ada Lovelace".to_owned(), "ada@example.com".to_owned(), "+1 555 0100".to_owned());
    let mut harness = with_wishes();
    assert_eq!((kept(&harness), option(&harness)), (said(), "express".to_owned()));

    for patch in [Patch::default(), Patch { cart: Some(shop::cart("mug", 1)), ..Patch::default() }] {
        let edited = harness.update(patch);
        harness.answer(edited).unwrap();
        assert_eq!((kept(&harness), option(&harness)), (said(), "express".to_owned()));
        assert_eq!(harness.session().inputs.address, Some(shop::address("CA")));
    }
    assert_eq!(harness.session().inputs.cart, shop::cart("mug", 1));

    let email = Buyer { email: Some("new@example.com".to_owned()), ..Buyer::default() };
    harness.update(Patch { buyer: Some(email), ..Patch::default() });
    let (name, email, phone) = kept(&harness);
    assert_eq!((name.as_str(), email.as_str()), ("Ada Lovelace", "new@example.com"));
    assert_eq!((phone, option(&harness)), (said().2, "express".to_owned()));

    // An option belongs to the address that it was chosen for.
    harness.update(Patch { address: Some(shop::address("OR")), ..Patch::default() });
    assert_eq!(option(&harness), "standard");
    assert_eq!(kept(&harness).0, "Ada Lovelace");
}

#[test]
fn the_order_keeps_earlier_buyer_fields_that_the_payer_omits() {
    let mut harness = with_wishes();
    let payer = Buyer { email: Some("payer@example.com".to_owned()), ..Buyer::default() };
    let revision = Some(harness.session().revision);
    let token = "spt_first0001".parse().unwrap();
    let payment = merchant_gateway::domain::checkout::model::Payment {
        door: TokenDoor::PaymentSheet,
        user_agent: None,
        challenge: None,
        revision,
        token,
        buyer: payer,
    };
    let paying = harness.ask(Command::Complete(payment));
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    let order = harness.answer(paying).unwrap().order.unwrap().order;
    assert_eq!(order.buyer.name.as_deref(), Some("Ada Lovelace"));
    assert_eq!(order.buyer.email.as_deref(), Some("payer@example.com"));
    assert_eq!(order.quote.option_id, Some("express".parse().unwrap()));
}

#[test]
fn stripe_emails_the_buyer_a_receipt_if_the_shop_enables_it() {
    for wanted in [true, false] {
        let expected = wanted.then_some("ada@example.com");
        let mut harness = with_wishes();
        harness.view.checkout.receipt_email = wanted;
        harness.pay("spt_first0001");
        harness.tell_token(Ok(harness.good_facts()));
        assert_eq!(harness.attempts[0].receipt_email.as_deref(), expected, "on the sheet");

        let mut harness = with_wishes();
        harness.view.checkout.receipt_email = wanted;
        pages::open_stripe_checkout(&mut harness);
        assert_eq!(harness.attempts[0].receipt_email.as_deref(), expected, "on a page");
    }
    let mut harness = DriverHarness::ready();
    harness.view.checkout.receipt_email = true;
    harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.attempts[0].receipt_email, None, "nobody has said one");
}

#[test]
fn goods_that_are_not_shipped_are_sold_without_a_way_of_shipping() {
    let digital = || {
        let mut harness = DriverHarness::default();
        let products = shop::catalog(true).products().to_vec();
        let products = products.into_iter().map(|product| {
            let shippable = product.id.as_str() != "mug";
            merchant_gateway::domain::catalog::Product { shippable, ..product }
        });
        harness.view.catalog = Catalog::new(products.collect()).unwrap().into();
        harness
    };
    let mut harness = digital();
    harness.ask(shop::create(shop::two_mugs()));
    let quote = harness.session().quote().expect("it can be paid").clone();
    assert_eq!((quote.options.len(), &quote.option_id, quote.fulfillment.minor), (0, &None, 0));
    assert_eq!(quote.total.minor, 3861);
    // Nobody could be sent anything.
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    assert_eq!(harness.answer(paying).err(), Some(Rejection::Shopper(ShopperRejection::EmailNeeded)));
    assert!(harness.effects.is_empty() && matches!(harness.session().state, State::Ready { .. }));
    let buyer = Buyer { email: Some("ada@example.com".to_owned()), ..Buyer::default() };
    harness.update(Patch { buyer: Some(buyer), ..Patch::default() });
    let paying = harness.pay("spt_first0001");
    harness.tell_token(Ok(harness.good_facts()));
    harness.see(succeeded(&harness));
    assert!(harness.answer(paying).unwrap().order.is_some());

    // Where the tax is the same everywhere, nobody asks where the buyer lives.
    let mut harness = digital();
    harness.view.tax = merchant_gateway::domain::tax::TaxRule::None;
    harness.ask(shop::create(Patch { cart: Some(shop::cart("mug", 2)), ..Patch::default() }));
    assert_eq!(harness.session().quote().expect("it can be paid").total.minor, 3600);

    // One thing that is shipped has all of it shipped.
    let mut harness = digital();
    let line =
        |item: &str| merchant_gateway::domain::cart::CartLine { id: item.parse().unwrap(), quantity: 1 };
    let cart = merchant_gateway::domain::cart::Cart::new([line("mug"), line("coffee-whole")]).unwrap();
    harness.ask(shop::create(Patch { cart: Some(cart), ..shop::two_mugs() }));
    assert_eq!(option(&harness), "standard");
}

#[test]
fn prices_are_called_expired_from_when_they_are_and_not_before() {
    let mut harness = DriverHarness::ready();
    let told = |harness: &mut DriverHarness| {
        let asked = harness.ask(Command::Read);
        let answer = harness.answer(asked).unwrap();
        let said =
            of_session(&answer.session, answer.notice.as_ref(), shop::rendering(&harness.view, harness.now));
        let expired = |text: &str| text.contains("expired");
        (answer.notice.map(|notice| notice.code()), said.iter().any(|said| expired(&said.content)))
    };
    assert_eq!(told(&mut harness), (None, false), "just made");
    harness.pass(Span::millis(15 * 60_000 - 1));
    assert_eq!(told(&mut harness), (None, false), "a millisecond before");
    harness.pass(Span::millis(1));
    assert_eq!(told(&mut harness), (Some(NoticeCode::Expired), true), "and then");
    harness.update(Patch::default());
    assert_eq!(told(&mut harness), (None, false), "until they are made anew");
}
