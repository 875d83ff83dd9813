//! `/admin/v1/account/forget`: for a merchant that has moved to another Stripe account, or whose stored account was
//! never its own.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::Deserialize;
use serde_json::json;

use super::body::read_body;
use super::operator::Operator;
use super::problem::Problem;
use super::reply::reply;
use super::routes;
use crate::domain::ids::AccountId;
use crate::domain::merchant::PaymentsOff;
use crate::store::Forgetting;

pub(super) fn configure(config: &mut web::ServiceConfig) {
    config.service(routes::act("/account/forget", forget));
}

/// Forgets the stored account: `{"account": "acct_…"}`, if the merchant's key belongs to another one and everything
/// on the stored one is decided. Payments continue once the account of the key is verified.
async fn forget(operator: Operator, request: HttpRequest, body: web::Bytes) -> Result<HttpResponse, Problem> {
    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Forget {
        account: String,
    }
    let merchant = operator.merchant(&request, &[])?;
    let Forget { account } = read_body(&body, "{\"account\": \"acct_…\"}")?;
    let account: AccountId = account
        .parse()
        .map_err(|_| Problem::invalid("account is a Stripe account's id, such as \"acct_1Abc\""))?;
    let refused = |code, detail: String| Problem::new(StatusCode::CONFLICT, code, detail);
    match merchant.view().payments_off {
        Some(PaymentsOff::OtherAccount) => {}
        // While the file disagrees with the key, it is not known whether the key belongs to the stored account.
        Some(PaymentsOff::AccountMisnamed) => {
            let detail = "the merchant's key opens another account than stripe.account_id in its file names; correct the \
                          file and restart: where the key opens the account that is kept, there is nothing to forget";
            return Err(refused("account_misnamed", detail.to_owned()));
        }
        None
        | Some(
            PaymentsOff::Unverified
            | PaymentsOff::KeyRefused
            | PaymentsOff::NotPermitted { .. }
            | PaymentsOff::AccountTaken
            | PaymentsOff::Unreconciled
            | PaymentsOff::ClockDiffers,
        ) => {
            let detail = "an account is forgotten only where the merchant's key is known to open another one; /readyz and the \
                          log say how it stands";
            return Err(refused("account_in_use", detail.to_owned()));
        }
    }
    // Payments missing in the restored database are on the former account, and would not be read there any more.
    if !merchant.view().records.are_reliable() {
        let detail = "what was paid since the restored backup is not accounted for yet; give the merchant its former key, \
                      restart, and ask again after restore_reconciled";
        return Err(refused("unreconciled", detail.to_owned()));
    }
    let tenant = &merchant.tenant().merchant;
    match merchant.forget_account(&account).await? {
        Forgetting::Forgotten => {
            tracing::warn!(merchant = %tenant, %account, "stripe_account_forgotten");
            let body = json!({ "forgotten": account });
            Ok(reply(&body))
        }
        Forgetting::NotKept(Some(kept)) => {
            Err(refused("account_not_kept", format!("the account that is kept is {kept}")))
        }
        Forgetting::NotKept(None) => Err(refused("account_not_kept", "no account is kept".to_owned())),
        Forgetting::Undecided(session) => Err(refused(
            "account_undecided",
            format!(
                "what became of a payment, refund or dispute on this account is not known yet, first in the session {session}; \
                 give the merchant its former key, restart, wait until sessions/{session} says how it ended, and ask again"
            ),
        )),
        Forgetting::EventsWait(event) => Err(refused(
            "account_undecided",
            format!(
                "Stripe has sent an event for this account that was not processed yet, first {event}; give \
                 the merchant its former key, restart, wait until /admin/v1/stripe-events lists no event as waiting, and ask \
                 again"
            ),
        )),
    }
}
