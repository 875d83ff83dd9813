//! Requests that are wrong, and what is said about them.

use super::{Stripe, payment};

#[tokio::test]
async fn wrong_parameters_are_named() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let good = payment(&token, 10_000);
    let with = |extra: &str| format!("{good}&{extra}");
    for (form, code, param) in [
        ("currency=usd".to_owned(), Some("parameter_missing"), "amount"),
        ("amount=100".to_owned(), Some("parameter_missing"), "currency"),
        ("amount=ten&currency=usd".to_owned(), Some("parameter_invalid_integer"), "amount"),
        ("amount=10.5&currency=usd".to_owned(), Some("parameter_invalid_integer"), "amount"),
        ("amount=-5&currency=usd".to_owned(), Some("parameter_invalid_integer"), "amount"),
        ("amount=49&currency=usd".to_owned(), Some("amount_too_small"), "amount"),
        ("amount=100000000&currency=usd".to_owned(), Some("amount_too_large"), "amount"),
        ("amount=100&currency=zzz".to_owned(), None, "currency"),
        ("amount=100&currency=".to_owned(), Some("parameter_invalid_empty"), "currency"),
        (with("colour=red"), Some("parameter_unknown"), "colour"),
        (
            with("shipping[name]=A&shipping[planet]=Mars&shipping[address][line1]=1"),
            Some("parameter_unknown"),
            "shipping[planet]",
        ),
        (with("shipping[name]=A"), Some("parameter_missing"), "shipping[address]"),
        (
            with("shared_payment_granted_token=spt_1"),
            Some("parameter_unknown"),
            "shared_payment_granted_token",
        ),
        (with("confirm=yes"), None, "confirm"),
        (with("receipt_email=nobody"), Some("email_invalid"), "receipt_email"),
        (with("capture_method=later"), None, "capture_method"),
        (
            with("payment_method_types[]=card"),
            Some("payment_method_types_no_longer_supported"),
            "payment_method_types",
        ),
        (
            with("allowed_payment_method_types[]=card&automatic_payment_methods[enabled]=true"),
            Some("parameters_exclusive"),
            "allowed_payment_method_types",
        ),
        (
            with("allowed_payment_method_types[]=klarna"),
            Some("payment_intent_incompatible_payment_method"),
            "payment_method_data[shared_payment_granted_token]",
        ),
        (
            "amount=100&currency=usd&error_on_requires_action=true".to_owned(),
            None,
            "error_on_requires_action",
        ),
    ] {
        let reply = stripe.post("/v1/payment_intents", &form).send().await;
        assert_eq!(reply.error(), (400, "invalid_request_error", code, Some(param)), "{form}");
    }
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn what_only_stripe_can_do_is_refused_in_words() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    for extra in
        ["customer=cus_1", "capture_method=manual", "hooks[inputs][tax][calculation]=t", "expand[]=customer"]
    {
        let form = format!("{}&{extra}", payment(&token, 10_000));
        let reply = stripe.post("/v1/payment_intents", &form).send().await;
        assert_eq!(reply.status, 400, "{extra}");
        let message = reply.body["error"]["message"].as_str().unwrap();
        assert!(message.starts_with("The emulator does not support"), "{message}");
    }
}

#[tokio::test]
async fn metadata_has_stripes_limits() {
    let stripe = Stripe::start();
    let form = |metadata: String| format!("amount=100&currency=usd&{metadata}");
    let many: Vec<String> = (0..51).map(|number| format!("metadata[k{number}]=v")).collect();
    for metadata in [
        format!("metadata[{}]=v", "k".repeat(41)),
        format!("metadata[k]={}", "v".repeat(501)),
        many.join("&"),
        "metadata=text".to_owned(),
    ] {
        let reply = stripe.post("/v1/payment_intents", &form(metadata)).send().await;
        assert_eq!((reply.status, reply.error().3), (400, Some("metadata")));
    }
    let digits =
        stripe.post("/v1/payment_intents", &form("metadata[0]=zero&metadata[gone]=".to_owned())).send().await;
    assert_eq!(digits.body["metadata"], serde_json::json!({"0": "zero"}));
}

#[tokio::test]
async fn a_body_that_is_no_form_or_too_long_is_refused() {
    let stripe = Stripe::start();
    let call = stripe.call(reqwest::Method::POST, "/v1/payment_intents");
    let request = call.request.body("amount=100&currency=usd").header("Content-Type", "application/json");
    assert_eq!(super::Call { request, ..call }.send().await.status, 400);
    let long = format!("amount=100&currency=usd&description={}", "x".repeat(300_000));
    assert_eq!(stripe.post("/v1/payment_intents", &long).send().await.status, 400);
    assert_eq!(stripe.post("/v1/payment_intents", "amount[=100").send().await.status, 400);
}
