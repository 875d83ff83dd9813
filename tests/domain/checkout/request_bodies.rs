//! The bodies of the requests to Stripe.

use std::collections::BTreeMap;

use merchant_gateway::domain::checkout::model::{Patch, PaymentSource};

use merchant_gateway::stripe::{
    ReturnUrls, StripeCheckoutOffer, encode_charge, encode_stripe_checkout, with_token,
};

use test_support::driver_harness::DriverHarness;
use test_support::shop;

use super::pages::open_stripe_checkout;

#[test]
fn a_charge_names_the_carrier_of_the_chosen_shipping_option() {
    for (option, carrier) in [(None, None), (Some("standard"), None), (Some("express"), Some("DHL"))] {
        let mut harness = DriverHarness::ready();
        harness.view.shipping[1].carrier = "DHL".to_owned();
        let option_id = option.map(|option| option.parse().unwrap());
        harness.update(Patch { option_id, ..Patch::default() });
        let chosen = harness.session().quote().unwrap().chosen().unwrap();
        assert_eq!(chosen.id.as_str(), option.unwrap_or("standard"));
        harness.pay("spt_first0001");
        harness.tell_token(Ok(harness.good_facts()));
        assert_eq!(harness.attempts[0].carrier.as_deref(), carrier, "{option:?}");
    }
}

/// The form that a request to Stripe is, as its fields.
fn fields(body: &str) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// The parameter of a charge that carries the token.
const TOKEN: &str = "payment_method_data[shared_payment_granted_token]";

#[test]
fn a_charge_confirms_its_payment_at_once_without_authentication() {
    let (harness, _) = DriverHarness::charging();
    let body = encode_charge(&harness.attempts[0], &harness.view, TOKEN).unwrap();
    let session = harness.id.to_string();
    let expected = [
        ("amount", "4361"),
        ("currency", "usd"),
        ("confirm", "true"),
        ("error_on_requires_action", "true"),
        ("automatic_payment_methods[enabled]", "true"),
        ("automatic_payment_methods[allow_redirects]", "never"),
        ("capture_method", "automatic"),
        ("description", &format!("Test Shop {session}")),
        ("metadata[merchant]", "test-shop"),
        ("metadata[checkout_session]", &session),
        ("metadata[checkout_revision]", "1"),
        ("metadata[checkout_attempt]", "1"),
        ("shipping[name]", "Ada Lovelace"),
        ("shipping[address][line1]", "12 Mill Lane"),
        ("shipping[address][city]", "Springfield"),
        ("shipping[address][state]", "CA"),
        ("shipping[address][postal_code]", "90001"),
        ("shipping[address][country]", "US"),
        (TOKEN, ""),
    ];
    let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(fields(&body), BTreeMap::from(expected));
}

#[test]
fn a_charge_is_sent_with_the_name_of_its_token_that_it_began_with() {
    let (harness, _) = DriverHarness::charging();
    let token = "spt_first0001".parse().unwrap();
    let sent = |body: &str| fields(&with_token(body, &token));
    for name in [TOKEN, "shared_payment_granted_token"] {
        let body = encode_charge(&harness.attempts[0], &harness.view, name).unwrap();
        assert_eq!(sent(&body)[name], "spt_first0001");
        assert_eq!(sent(&body).keys().filter(|key| key.contains("granted_token")).count(), 1, "{name}");
    }
    // Bodies of older versions end before the name.
    assert_eq!(
        with_token("amount=100&currency=usd", &token),
        format!("amount=100&currency=usd&{TOKEN}=spt_first0001")
    );
}

#[test]
fn a_charge_for_a_wallet_carries_what_stripe_wants_of_machine_payments() {
    let (mut harness, _) = DriverHarness::charging();
    harness.attempts[0].challenge = Some("LAO4lOiVxabVMt8u6aUbGYZu9cF15VwIpaXF-uVmv4U".to_owned());
    let body = fields(&encode_charge(&harness.attempts[0], &harness.view, TOKEN).unwrap());
    assert_eq!(body["metadata[machine_payment]"], "true");
    assert_eq!(body["metadata[mpp_intent]"], "charge");
    assert_eq!(body["metadata[mpp_challenge_id]"], "LAO4lOiVxabVMt8u6aUbGYZu9cF15VwIpaXF-uVmv4U");
}

#[test]
fn a_page_has_a_row_for_tax_where_there_is_any() {
    let links = ReturnUrls { success: "https://s".to_owned(), cancel: "https://c".to_owned() };
    for (state, rows) in
        [("CA", &["Stoneware mug", "Tax", "standard"][..]), ("OR", &["Stoneware mug", "standard"])]
    {
        let mut harness = DriverHarness::ready();
        harness.update(Patch { address: Some(shop::address(state)), ..Patch::default() });
        open_stripe_checkout(&mut harness);
        let attempt = &harness.attempts[0];
        let PaymentSource::StripeCheckout { quote, expires, .. } = &attempt.source else {
            panic!("it is paid on a page")
        };
        let offer = StripeCheckoutOffer { quote, expires: *expires, email: None, links: &links };
        let body = fields(&encode_stripe_checkout(attempt, &offer, &harness.view).unwrap());
        let mut names: Vec<_> = body
            .iter()
            .filter(|(name, _)| name.ends_with("[product_data][name]"))
            .map(|(_, name)| name)
            .collect();
        names.sort_unstable();
        assert_eq!(names, rows, "{state}");
    }
}
