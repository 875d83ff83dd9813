//! What somebody does at Stripe who has the usual shop's key, beside the gateway.

use serde_json::Value;

use super::client::Speaks;
use super::test_gateway::{SHOP_KEY, TestGateway};

/// Posts a form to Stripe under an idempotency key, and gives the answer.
pub async fn post(world: &TestGateway, path: &str, key: &str, form: String) -> Value {
    let request = world
        .client(Speaks::Modern)
        .http
        .post(format!("{}{path}", world.emulator.base_url()))
        .bearer_auth(SHOP_KEY)
        .header("stripe-version", "2026-09-30.preview")
        .header("idempotency-key", key)
        .header("content-type", "application/x-www-form-urlencoded")
        .body(form);
    let answer = request.send().await.unwrap();
    serde_json::from_str(&answer.text().await.unwrap()).unwrap()
}

/// The form of a payment of a session's first attempt that the gateway did not make.
pub fn payment(session: &str, token: &str, amount: i64) -> String {
    format!(
        "amount={amount}&currency=usd&confirm=true&automatic_payment_methods[enabled]=true\
         &automatic_payment_methods[allow_redirects]=never&metadata[checkout_session]={session}\
         &metadata[checkout_revision]=1&metadata[checkout_attempt]=1\
         &payment_method_data[shared_payment_granted_token]={token}"
    )
}
