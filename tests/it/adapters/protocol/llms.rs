//! What shops say of themselves to agents, in `/llms.txt`.

use merchant_gateway::domain::merchant::{CheckoutMethod, MerchantStatus};
use merchant_gateway::protocol::llms::llms_txt;

use super::shop;

const BASE: &str = "https://shop.example";

#[test]
fn a_shop_tells_agents_how_to_buy() {
    let mut view = (*shop::shared()).clone();
    view.checkout.wallet = true;
    let text = llms_txt(&view, BASE);
    insta::assert_snapshot!("llms_txt", text);
    for command in ["install", "npx", "must", "you "] {
        assert!(!text.to_lowercase().contains(command), "it orders nothing: {command}");
    }
}

#[test]
fn only_the_ways_to_pay_that_there_are_are_told() {
    let mut view = (*shop::shared()).clone();
    for (method, wallet, page, sheet) in [
        (CheckoutMethod::Auto, false, true, true),
        (CheckoutMethod::PaymentSheet, true, false, true),
        (CheckoutMethod::StripeCheckout, true, true, false),
    ] {
        (view.checkout.method, view.checkout.wallet) = (method, wallet);
        let text = llms_txt(&view, BASE);
        let says = ["checkout_url", "payment sheet", "wallet_payment"].map(|way| text.contains(way));
        assert_eq!(says, [page, sheet, wallet], "{text}");
    }
    view.status = MerchantStatus::Suspended;
    assert!(llms_txt(&view, BASE).contains("takes no orders"));
}
