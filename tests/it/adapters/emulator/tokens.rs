//! Shared Payment Tokens: granted, read, limited, refused.

use merchant_gateway::domain::time::Span;
use serde_json::json;
use stripe_emulator::{MintToken, Refusal};

use super::{OTHER, OTHER_KEY, Reply, SHOP, SHOP_LIVE_KEY, START, Stripe, payment};

const MINT: &str = "/v1/test_helpers/shared_payment/granted_tokens";
const PARAM: &str = "payment_method_data[shared_payment_granted_token]";

fn refused_token(reply: &Reply, code: &str) {
    assert_eq!(reply.error(), (400, "invalid_request_error", Some(code), Some(PARAM)), "{reply:?}");
}

#[tokio::test]
async fn a_token_minted_by_the_test_helper_reads_as_it_was_granted() {
    let stripe = Stripe::start();
    let form = format!(
        "payment_method=pm_card_visa&usage_limits[currency]=usd&usage_limits[max_amount]=5000\
         &usage_limits[expires_at]={}&shared_metadata[order]=7",
        START + 600
    );
    let minted = stripe.post(MINT, &form).send().await;
    assert_eq!(minted.status, 200, "{minted:?}");
    let well_formed =
        |rest: &str| rest.len() >= 8 && rest.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    assert!(minted.id().strip_prefix("spt_").is_some_and(well_formed));
    let read = stripe.get(&format!("/v1/shared_payment/granted_tokens/{}", minted.id())).send().await;
    assert_eq!(read.body, minted.body);
    assert_eq!(
        read.body["usage_limits"],
        json!({"currency": "usd", "max_amount": 5000, "expires_at": START + 600})
    );
    assert_eq!(read.body["shared_metadata"], json!({"order": "7"}));
    assert_eq!(read.body["usage_details"]["amount_captured"], json!({"currency": "usd", "value": 0}));
}

#[tokio::test]
async fn wrong_grants_are_refused() {
    let stripe = Stripe::start();
    for (form, code) in [
        ("usage_limits[currency]=usd&usage_limits[max_amount]=1", "parameter_missing"),
        ("payment_method=pm_card_visa", "parameter_missing"),
        ("payment_method=pm_card_visa&usage_limits[currency]=usd", "parameter_missing"),
        ("payment_method=pm_nope&usage_limits[currency]=usd&usage_limits[max_amount]=1", "resource_missing"),
        (
            "payment_method=pm_card_visa&usage_limits[currency]=usd&usage_limits[max_amount]=0",
            "parameter_invalid_integer",
        ),
        (
            "payment_method=pm_card_visa&usage_limits[currency]=usd&usage_limits[max_amount]=1\
             &usage_limits[expires_at]=5",
            "parameter_invalid_integer",
        ),
    ] {
        let reply = stripe.post(MINT, form).send().await;
        assert_eq!((reply.status, reply.error().2), (400, Some(code)), "{form}");
    }
    let live = stripe.post(MINT, "payment_method=pm_card_visa").key(SHOP_LIVE_KEY).send().await;
    assert_eq!(live.status, 400);
    let unknown = MintToken {
        account_id: "acct_nobody".to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: 1,
        expires_at: None,
    };
    assert!(matches!(stripe.emulator.mint_token(&unknown), Err(Refusal::UnknownAccount { .. })));
}

#[tokio::test]
async fn a_token_pays_until_its_limit_and_is_then_consumed() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let path = format!("/v1/shared_payment/granted_tokens/{token}");
    let form = payment(&token, 6_000);
    assert_eq!(stripe.post("/v1/payment_intents", &form).send().await.status, 200);
    let read = stripe.get(&path).send().await;
    assert_eq!(read.body["usage_details"]["amount_captured"]["value"], 6_000);
    assert!(read.body["deactivated_reason"].is_null());

    let too_much = stripe.post("/v1/payment_intents", &form).send().await;
    refused_token(&too_much, "payment_intent_invalid_parameter");
    assert_eq!(stripe.post("/v1/payment_intents", &payment(&token, 4_000)).send().await.status, 200);
    let read = stripe.get(&path).send().await;
    assert_eq!(read.body["deactivated_reason"], "consumed");
    assert_eq!(read.body["deactivated_at"], START);
    let once_more = stripe.post("/v1/payment_intents", &payment(&token, 50)).send().await;
    refused_token(&once_more, "token_already_used");
    assert_eq!(stripe.emulator.ledger().len(), 2);
}

#[tokio::test]
async fn a_decline_leaves_the_token_unused() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_chargeDeclined");
    assert_eq!(stripe.pay(&token).send().await.status, 402);
    let read = stripe.get(&format!("/v1/shared_payment/granted_tokens/{token}")).send().await;
    assert_eq!(read.body["usage_details"]["amount_captured"]["value"], 0);
    assert!(read.body["deactivated_at"].is_null());
}

#[tokio::test]
async fn a_revoked_token_pays_nothing() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let revoke = format!("{MINT}/{token}/revoke");
    let revoked = stripe.post(&revoke, "").send().await;
    assert_eq!(revoked.body["deactivated_reason"], "revoked");
    assert_eq!(stripe.post(&revoke, "").send().await.status, 400);
    refused_token(&stripe.pay(&token).send().await, "payment_intent_invalid_parameter");
    assert!(stripe.emulator.ledger().is_empty());
}

#[tokio::test]
async fn a_token_expires_by_the_clock() {
    let stripe = Stripe::start();
    let token = MintToken {
        account_id: SHOP.to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: 10_000,
        expires_at: Some(START + 60),
    };
    let token = stripe.emulator.mint_token(&token).unwrap();
    stripe.clock.advance(Span::seconds(60));
    refused_token(&stripe.pay(&token).send().await, "payment_intent_invalid_parameter");
    let read = stripe.get(&format!("/v1/shared_payment/granted_tokens/{token}")).send().await;
    assert_eq!(read.body["deactivated_reason"], "expired");
    assert_eq!(read.body["deactivated_at"], START + 60);
}

#[tokio::test]
async fn a_token_pays_only_in_its_currency() {
    let stripe = Stripe::start();
    let token = stripe.token("pm_card_visa");
    let form = payment(&token, 10_000).replace("currency=usd", "currency=eur");
    refused_token(
        &stripe.post("/v1/payment_intents", &form).send().await,
        "payment_method_currency_mismatch",
    );
}

#[tokio::test]
async fn another_accounts_token_does_not_exist() {
    let stripe = Stripe::start();
    let token = stripe.token_of(OTHER, "pm_card_visa", 10_000);
    let path = format!("/v1/shared_payment/granted_tokens/{token}");
    let read = stripe.get(&path).send().await;
    assert_eq!((read.status, read.error().2), (404, Some("resource_missing")));
    refused_token(&stripe.pay(&token).send().await, "resource_missing");
    let revoke = stripe.post(&format!("{MINT}/{token}/revoke"), "").send().await;
    assert_eq!(revoke.status, 404);
    assert_eq!(stripe.pay(&token).key(OTHER_KEY).send().await.status, 200);
    assert_eq!(stripe.emulator.ledger()[0].account, OTHER);
}

#[tokio::test]
async fn live_and_test_mode_are_two_worlds() {
    let stripe = Stripe::start();
    let test_token = stripe.token("pm_card_visa");
    let crossed = stripe.pay(&test_token).key(SHOP_LIVE_KEY).send().await;
    refused_token(&crossed, "resource_missing");
    assert!(crossed.body["error"]["message"].as_str().unwrap().contains("exists in test mode"));

    let token = MintToken {
        account_id: SHOP.to_owned(),
        payment_method: "pm_card_visa".to_owned(),
        currency: "usd".to_owned(),
        max_amount: 10_000,
        expires_at: None,
    };
    let live_token = stripe.emulator.mint_live_token(&token).unwrap();
    let paid = stripe.pay(&live_token).key(SHOP_LIVE_KEY).send().await;
    assert_eq!((paid.status, &paid.body["livemode"]), (200, &json!(true)));
    assert!(stripe.emulator.ledger()[0].livemode);
    let from_test = stripe.get(&format!("/v1/payment_intents/{}", paid.id())).send().await;
    assert_eq!(from_test.status, 404);
}
