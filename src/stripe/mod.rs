//! A thin Stripe client: the calls that payments and refunds need, with bodies that are stored as they are sent.
//!
//! Must not import: tokio, actix, sqlx, `store`, `protocol`. Never logs a body, a token or a key. Invariant: a charge
//! is sent exactly as it was stored; the meaning of an answer is decided in one place, [`outcome`]. Source of every
//! name: Stripe API `2026-09-30.preview`.

mod answers;
mod charge;
pub mod followed_events;
pub mod inspection;
mod listing;
mod observation;
mod outcome;
mod refund;
mod refusal;
mod search;
mod seller;
mod stripe_checkout;
mod token;
mod transport;
pub mod webhook;
mod words;

pub use charge::{encode_charge, with_token};
pub use observation::{CallResult, Noted};
pub use refund::encode_refund;
pub use refusal::{KeyObserver, KeyRefusal, KeyReport, KeyUse};
pub use search::{Search, Searched, Sought, Stopped};
pub use seller::{SellerAccount, Stripe, Window};
pub use stripe_checkout::{ReturnUrls, StripeCheckoutError, StripeCheckoutOffer, encode_stripe_checkout};
pub use transport::{StripeTransport, TransportConfig, TransportError, why_no_client};
pub use words::in_words;

use std::collections::BTreeSet;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::de::DeserializeOwned;

use crate::domain::checkout::model::{
    IdempotencyKey, Inconclusive, Observation, OrderObservation, PaymentIntentSnapshot, RefundAnswer,
    SharedPaymentToken, StripeCheckoutSnapshot, TokenFacts, TokenReadError,
};
use crate::domain::ids::{AccountId, MerchantId, PaymentIntentId, RefundNumber, StripeCheckoutId};
use crate::domain::time::Timestamp;
use answers::{Account, PaymentIntent};
use listing::{Listed, MOST_PAGES};
use refund::{DisputeObject, RefundObject};
use stripe_checkout::CheckoutSession;
use transport::{Call, Reply};

/// One merchant's Stripe account, accessed with its newest key.
#[derive(Clone, Debug)]
pub struct StripeAccount {
    transport: StripeTransport,
    key: SecretString,
    observer: KeyObserver,
}

/// A stored charge.
#[derive(Clone, Debug)]
pub struct StoredCharge<'a> {
    /// The body up to the token.
    pub body: &'a str,
    pub token: &'a SharedPaymentToken,
    pub idempotency_key: &'a IdempotencyKey,
    pub stripe_version: &'a str,
}

/// A stored request that creates a Stripe Checkout.
#[derive(Clone, Debug)]
pub struct StoredStripeCheckout<'a> {
    pub body: &'a str,
    pub idempotency_key: &'a IdempotencyKey,
    pub stripe_version: &'a str,
}

/// A stored request for a refund.
#[derive(Clone, Debug)]
pub struct StoredRefund<'a> {
    /// The refund's number within its session.
    pub number: RefundNumber,
    pub body: &'a str,
    pub idempotency_key: &'a IdempotencyKey,
    pub stripe_version: &'a str,
}

/// Why the account could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AccountError {
    /// The key is not valid.
    #[error("Stripe refuses the key ({0})")]
    KeyRefused(KeyRefusal),
    /// The key may not read its account; `stripe.account_id` must be configured.
    #[error("the key may not read its account ({0}); set stripe.account_id")]
    NotPermitted(KeyRefusal),
    /// Stripe's clock differs much from ours.
    #[error(
        "the clock of this machine differs from Stripe's by more than a minute; payments stay off until it is set right"
    )]
    ClockDiffers,
    /// Stripe did not answer, or with an unexpected answer.
    #[error("Stripe could not be read: {}", .0.cause.as_deref().unwrap_or("the answer is not an account"))]
    ReadFailed(Box<Noted>),
}

impl StripeAccount {
    /// The account of `key`.
    #[must_use]
    pub const fn new(transport: StripeTransport, key: SecretString, observer: KeyObserver) -> Self {
        Self { transport, key, observer }
    }
}

#[async_trait]
impl SellerAccount for StripeAccount {
    fn version(&self) -> &str {
        self.transport.version()
    }

    fn token_parameter(&self) -> &str {
        self.transport.token_parameter()
    }

    /// Reads the account of the key (`GET /v1/account`), and checks that the clocks agree. Nothing is sent before
    /// both are known, since a request may be repeated only while Stripe remembers its key.
    async fn account_id(&self) -> Result<AccountId, AccountError> {
        // The result of this call is a report about the key, so the observer need not be notified.
        let account: Account = read_account(&self.transport, &self.key).await?;
        account.id.parse().map_err(|_| AccountError::ReadFailed(Box::new(Noted::unreadable())))
    }

    /// Reads a token (`GET /v1/shared_payment/granted_tokens/{id}`). The token is this merchant's if the merchant's
    /// own key can read it.
    async fn token_facts(
        &self,
        token: &SharedPaymentToken,
    ) -> CallResult<Result<TokenFacts, TokenReadError>> {
        let path = format!("/v1/shared_payment/granted_tokens/{}", token.expose());
        let reply = match self.send(KeyUse::Tokens, Call::get(&path, &[])).await {
            Ok(reply) => reply,
            Err(error) => return CallResult::unanswered(Err(TokenReadError::ReadFailed), &error),
        };
        CallResult::of(token::of_reading(&reply), &reply)
    }

    /// Sends a stored charge (`POST /v1/payment_intents`) once; the caller decides about repeats.
    async fn charge(&self, stored: &StoredCharge<'_>) -> CallResult {
        let call = Call {
            idempotency_key: Some(stored.idempotency_key.as_str()),
            version: Some(stored.stripe_version),
            ..Call::post("/v1/payment_intents", with_token(stored.body, stored.token))
        };
        let reply = match self.send(KeyUse::Charges, call).await {
            Ok(reply) => reply,
            Err(error) => {
                return CallResult::unanswered(Observation::Inconclusive(Inconclusive::default()), &error);
            }
        };
        let seen = match outcome::of_charge(&reply) {
            Observation::TokenRefused { detail, .. } => self.why_refused(stored.token, detail).await,
            seen @ (Observation::PaymentIntent(_)
            | Observation::StripeCheckout(_)
            | Observation::Declined { .. }
            | Observation::RequestRefused { .. }
            | Observation::RefusedForGood { .. }
            | Observation::IdempotencyConflict
            | Observation::KeyRefused
            | Observation::OtherAccount
            | Observation::Inconclusive(_)
            | Observation::Absent { .. }
            | Observation::ReadFailed
            | Observation::PutOff { .. }) => seen,
        };
        CallResult::of(seen, &reply)
    }

    /// Sends a stored request that creates a Stripe Checkout (`POST /v1/checkout/sessions`) once; the caller decides
    /// about repeats.
    async fn open_stripe_checkout(&self, stored: &StoredStripeCheckout<'_>) -> CallResult {
        let call = Call {
            idempotency_key: Some(stored.idempotency_key.as_str()),
            version: Some(stored.stripe_version),
            ..Call::post("/v1/checkout/sessions", stored.body.to_owned())
        };
        match self.send(KeyUse::StripeCheckouts, call).await {
            Ok(reply) => CallResult::of(stripe_checkout::of_opening(&reply), &reply),
            Err(error) => CallResult::unanswered(Observation::Inconclusive(Inconclusive::default()), &error),
        }
    }

    /// Reads a Stripe Checkout and its payment (`GET /v1/checkout/sessions/{id}`).
    async fn read_stripe_checkout(&self, id: &StripeCheckoutId) -> CallResult {
        let path = format!("/v1/checkout/sessions/{id}");
        match self.get(&path, &[("expand[0]", "payment_intent")]).await {
            Ok(reply) => CallResult::of(stripe_checkout::of_reading(&reply), &reply),
            Err(error) => CallResult::unanswered(Observation::ReadFailed, &error),
        }
    }

    /// Closes a Stripe Checkout (`POST /v1/checkout/sessions/{id}/expire`), and reads it if the request is refused or
    /// not answered. `distinction` makes the key of this try unique, since Stripe replays a stored failure under its
    /// key.
    async fn close_stripe_checkout(&self, id: &StripeCheckoutId, distinction: &str) -> CallResult {
        let key = format!("mg1-expire-{id}-{distinction}");
        let path = format!("/v1/checkout/sessions/{id}/expire");
        let call = Call { idempotency_key: Some(&key), ..Call::post(&path, String::new()) };
        match self.send(KeyUse::StripeCheckouts, call).await {
            Ok(reply) if (200..=299).contains(&reply.status) => {
                CallResult::of(stripe_checkout::of_reading(&reply), &reply)
            }
            Ok(_) | Err(_) => self.read_stripe_checkout(id).await,
        }
    }

    /// Reads one PaymentIntent (`GET /v1/payment_intents/{id}`).
    async fn read_intent(&self, intent: &PaymentIntentId) -> CallResult {
        match self.get(&format!("/v1/payment_intents/{intent}"), &[]).await {
            Ok(reply) => CallResult::of(outcome::of_reading(&reply), &reply),
            Err(error) => CallResult::unanswered(Observation::ReadFailed, &error),
        }
    }

    /// Reads one PaymentIntent and its owner (`GET /v1/payment_intents/{id}`).
    async fn own_payment(
        &self,
        merchant: &MerchantId,
        intent: &PaymentIntentId,
    ) -> Result<Option<PaymentIntentSnapshot>, Noted> {
        let reply = self.get(&format!("/v1/payment_intents/{intent}"), &[]).await;
        let reply = reply.map_err(|error| Noted::from(&error))?;
        if reply.status != 200 {
            return Err(Noted::of(&reply));
        }
        let intent: PaymentIntent = reply.json().ok_or_else(Noted::unreadable)?;
        if !intent.is_of_merchant(merchant) {
            return Ok(None);
        }
        intent.seen().map(Some).ok_or_else(Noted::unreadable)
    }

    /// Cancels one PaymentIntent (`POST /v1/payment_intents/{id}/cancel`), then reads it unless the answer contains
    /// it. Every try has a key of its own, ending in `distinction`, since Stripe replays a stored failure.
    async fn cancel_intent(&self, intent: &PaymentIntentId, distinction: &str) -> CallResult {
        let key = format!("mg1-cancel-{intent}-{distinction}");
        let path = format!("/v1/payment_intents/{intent}/cancel");
        let call = Call { idempotency_key: Some(&key), ..Call::post(&path, String::new()) };
        match self.send(KeyUse::Charges, call).await {
            Ok(reply) if (200..=299).contains(&reply.status) => {
                CallResult::of(outcome::of_reading(&reply), &reply)
            }
            Ok(_) | Err(_) => self.read_intent(intent).await,
        }
    }

    /// Sends a stored request for a refund (`POST /v1/refunds`) once; the caller decides about repeats.
    async fn refund(&self, stored: &StoredRefund<'_>) -> CallResult<OrderObservation> {
        let call = Call {
            idempotency_key: Some(stored.idempotency_key.as_str()),
            version: Some(stored.stripe_version),
            ..Call::post("/v1/refunds", stored.body.to_owned())
        };
        let number = stored.number;
        let asked = |answer| OrderObservation::RefundAnswered { number, answer };
        let reply = match self.send(KeyUse::Refunds, call).await {
            Ok(reply) => reply,
            Err(error) => {
                return CallResult::unanswered(
                    asked(RefundAnswer::Inconclusive(Inconclusive::default())),
                    &error,
                );
            }
        };
        CallResult::of(asked(refund::of_asking(&reply)), &reply)
    }

    /// Reads every refund and dispute of a payment (`GET /v1/refunds`, `GET /v1/disputes`, every page).
    async fn read_order(&self, payment: &PaymentIntentId, asked: Timestamp) -> CallResult<OrderObservation> {
        let wanted = [("payment_intent", payment.as_str())];
        let listed = |path| Listed { path, wanted: &wanted, most: MOST_PAGES, tries: 1 };
        let refunds = self.every(&listed("/v1/refunds"), |_: &RefundObject| true).await;
        let disputes = self.every(&listed("/v1/disputes"), |_: &DisputeObject| true).await;
        let (refunds, reply) = match refunds {
            Ok(read) => read,
            Err(noted) => return CallResult { noted, ..OrderObservation::ReadFailed.into() },
        };
        let (all, readable) =
            (refunds.len(), refunds.iter().filter_map(RefundObject::seen).collect::<Vec<_>>());
        // An unreadable refund may be the requested one.
        let complete = readable.len() == all;
        let (disputes, unread) = match disputes {
            Ok((disputes, _)) => (Some(disputes.iter().filter_map(DisputeObject::seen).collect()), None),
            Err(noted) => (None, Some(noted)),
        };
        let seen = OrderObservation::Read { refunds: readable, disputes, asked, complete };
        let observed = CallResult::of(seen, &reply);
        CallResult { noted: unread.unwrap_or_else(|| observed.noted.clone()), ..observed }
    }

    /// Every Stripe Checkout of a merchant (`GET /v1/checkout/sessions`, every page of the listing).
    async fn stripe_checkouts_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<StripeCheckoutSnapshot>, Noted> {
        let is_ours = |checkout: &CheckoutSession| checkout.is_of(merchant);
        let found = self.made_within("/v1/checkout/sessions", within, is_ours).await?;
        found.iter().map(CheckoutSession::seen).collect::<Option<_>>().ok_or_else(Noted::unreadable)
    }

    /// Every payment of a merchant (`GET /v1/payment_intents`, every page of the listing).
    async fn payments_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<PaymentIntentSnapshot>, Noted> {
        let is_ours = |intent: &PaymentIntent| intent.is_of_merchant(merchant);
        let found = self.made_within("/v1/payment_intents", within, is_ours).await?;
        found.iter().map(PaymentIntent::seen).collect::<Option<_>>().ok_or_else(Noted::unreadable)
    }

    /// Every payment that was refunded or disputed (`GET /v1/refunds`, `GET /v1/disputes`, every page). All refunds
    /// are included, since one may have been made by hand.
    async fn payments_changed_within(&self, within: Window) -> Result<BTreeSet<PaymentIntentId>, Noted> {
        let refunds = self.made_within("/v1/refunds", within, |_: &RefundObject| true).await?;
        let disputes = self.made_within("/v1/disputes", within, |_: &DisputeObject| true).await?;
        let of_refunds = refunds.into_iter().filter_map(|refund| refund.payment_intent);
        let of_disputes = disputes.into_iter().filter_map(|dispute| dispute.payment_intent);
        Ok(of_refunds.chain(of_disputes).filter_map(|id| id.parse().ok()).collect())
    }

    /// Reads the next page of a search for the PaymentIntents of attempts (`GET /v1/payment_intents`).
    async fn search(&self, search: &mut Search) -> Result<Searched, Stopped> {
        self.next_page(search).await
    }
}

impl StripeAccount {
    /// Reads a token that was refused: a payment of our own may have used it up.
    async fn why_refused(&self, token: &SharedPaymentToken, detail: String) -> Observation {
        outcome::of_refused_token(&self.token_facts(token).await.seen, detail)
    }

    async fn get(&self, path: &str, query: &[(&str, &str)]) -> Result<Reply, TransportError> {
        self.send(KeyUse::Readings, Call::get(path, query)).await
    }

    /// Sends a request, and notifies the key's observer of the answer.
    async fn send(&self, usage: KeyUse, call: Call<'_>) -> Result<Reply, TransportError> {
        let reply = self.transport.send(&self.key, call).await?;
        self.observer.observe(usage, &reply);
        Ok(reply)
    }
}

/// Reads what is wanted of the account of a key (`GET /v1/account`), and checks that the clocks agree.
async fn read_account<T: DeserializeOwned>(
    transport: &StripeTransport,
    key: &SecretString,
) -> Result<T, AccountError> {
    let reply = transport.send(key, Call::get("/v1/account", &[])).await;
    let reply = reply.map_err(|error| AccountError::ReadFailed(Box::new((&error).into())))?;
    let unread = || AccountError::ReadFailed(Box::new(Noted::of(&reply)));
    match reply.status {
        _ if !reply.clock_agrees => Err(AccountError::ClockDiffers),
        200 => reply.json().ok_or_else(unread),
        status => Err(match KeyRefusal::of(KeyUse::Account, &reply) {
            Some(refusal) if status == 403 => AccountError::NotPermitted(refusal),
            Some(refusal) => AccountError::KeyRefused(refusal),
            None => unread(),
        }),
    }
}

impl Stripe for StripeTransport {
    fn account(&self, key: SecretString, observer: KeyObserver) -> Arc<dyn SellerAccount> {
        Arc::new(StripeAccount::new(self.clone(), key, observer))
    }
}

impl Reply {
    fn json<T: DeserializeOwned>(&self) -> Option<T> {
        serde_json::from_slice(&self.body).ok()
    }
}
