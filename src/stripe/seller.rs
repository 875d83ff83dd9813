//! What is asked of Stripe, apart from how it is asked: whoever needs an account holds these, and not the client.
//!
//! Must not import: the other files of this folder, but for what they answer. Invariant: nothing here repeats a request or
//! decides what its answer means to a session.

use std::collections::BTreeSet;
use std::fmt::Debug;

use async_trait::async_trait;
use secrecy::SecretString;

use super::{
    AccountError, CallResult, KeyObserver, Noted, Search, Searched, Stopped, StoredCharge, StoredRefund,
    StoredStripeCheckout,
};
use crate::domain::checkout::model::{
    OrderObservation, PaymentIntentSnapshot, SharedPaymentToken, StripeCheckoutSnapshot, TokenFacts,
    TokenReadError,
};
use crate::domain::ids::{AccountId, MerchantId, PaymentIntentId, StripeCheckoutId};
use crate::domain::time::Timestamp;

/// A time within which something was made at Stripe, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Its begin.
    pub from: Timestamp,
    /// Its end.
    pub to: Timestamp,
}

/// Stripe: accounts, each opened by its key.
pub trait Stripe: Send + Sync + 'static {
    /// The account that `key` opens; `watch` is told what Stripe says of the key.
    fn account(&self, key: SecretString, observer: KeyObserver) -> Box<dyn SellerAccount>;
}

/// One merchant's account: what payments ask of it. An answer may take as long as the deadline of its request.
#[async_trait]
pub trait SellerAccount: Debug + Send + Sync + 'static {
    /// The `Stripe-Version` that new requests carry.
    fn version(&self) -> &str;

    /// Which account the key opens.
    async fn account_id(&self) -> Result<AccountId, AccountError>;

    /// What a token is good for.
    async fn token_facts(&self, token: &SharedPaymentToken)
    -> CallResult<Result<TokenFacts, TokenReadError>>;

    /// Sends a stored charge, once.
    async fn charge(&self, stored: &StoredCharge<'_>) -> CallResult;

    /// Reads one PaymentIntent.
    async fn read_intent(&self, intent: &PaymentIntentId) -> CallResult;

    /// Reads one PaymentIntent; `None` where it is not of a checkout of this merchant's, why where it could not be read.
    async fn own_payment(
        &self,
        merchant: &MerchantId,
        intent: &PaymentIntentId,
    ) -> Result<Option<PaymentIntentSnapshot>, Noted>;

    /// Cancels one PaymentIntent; every try has a `distinction` of its own.
    async fn cancel_intent(&self, intent: &PaymentIntentId, distinction: &str) -> CallResult;

    /// Sends a stored request that opens a page, once.
    async fn open_stripe_checkout(&self, stored: &StoredStripeCheckout<'_>) -> CallResult;

    /// Reads one page, and its payment.
    async fn read_stripe_checkout(&self, page: &StripeCheckoutId) -> CallResult;

    /// Closes one page; every try has a `distinction` of its own.
    async fn close_stripe_checkout(&self, page: &StripeCheckoutId, distinction: &str) -> CallResult;

    /// Sends a stored request for a refund, once.
    async fn refund(&self, stored: &StoredRefund<'_>) -> CallResult<OrderObservation>;

    /// Reads every refund and dispute of a payment; `asked` is now.
    async fn read_order(&self, payment: &PaymentIntentId, asked: Timestamp) -> CallResult<OrderObservation>;

    /// Every page of a merchant's that was made within a time; why where that did not come to its end.
    async fn stripe_checkouts_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<StripeCheckoutSnapshot>, Noted>;

    /// Every payment of a merchant's that was made within a time, the oldest first; why where that did not come to its end.
    async fn payments_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<PaymentIntentSnapshot>, Noted>;

    /// Every payment of the account of which money went back, or was disputed, within a time; why where that did not come
    /// to its end.
    async fn touched_within(&self, within: Window) -> Result<BTreeSet<PaymentIntentId>, Noted>;

    /// Reads the next page of a search for the PaymentIntents of attempts. Where it is not waited for to its end, or does not
    /// come to it, the search is as before.
    async fn search(&self, search: &mut Search) -> Result<Searched, Stopped>;
}
