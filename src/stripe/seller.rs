//! The calls to Stripe as traits: code that needs an account holds these, and not the client.
//!
//! Must not import: the other files of this folder, except for the types of their answers. Invariant: nothing here
//! repeats a request or decides what its answer means for a session.

use std::collections::BTreeSet;
use std::fmt::Debug;
use std::sync::Arc;

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

/// A time within which objects were created at Stripe, both ends included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    pub from: Timestamp,
    pub to: Timestamp,
}

/// Stripe: accounts, each accessed with its key.
pub trait Stripe: Send + Sync + 'static {
    /// The account of `key`; `observer` is notified of Stripe's reports about the key.
    fn account(&self, key: SecretString, observer: KeyObserver) -> Arc<dyn SellerAccount>;
}

/// The calls of payments to one merchant's account. An answer may take as long as the deadline of its request.
#[async_trait]
pub trait SellerAccount: Debug + Send + Sync + 'static {
    /// The `Stripe-Version` that new requests carry.
    fn version(&self) -> &str;

    /// The name of the token's parameter in new charges.
    fn token_parameter(&self) -> &str;

    /// Reads the account of the key.
    async fn account_id(&self) -> Result<AccountId, AccountError>;

    /// Reads a token.
    async fn token_facts(&self, token: &SharedPaymentToken)
    -> CallResult<Result<TokenFacts, TokenReadError>>;

    /// Sends a stored charge, once.
    async fn charge(&self, stored: &StoredCharge<'_>) -> CallResult;

    /// Reads one PaymentIntent.
    async fn read_intent(&self, intent: &PaymentIntentId) -> CallResult;

    /// Reads one PaymentIntent; `None` if it is not of a checkout of this merchant; an error if it could not be read.
    async fn own_payment(
        &self,
        merchant: &MerchantId,
        intent: &PaymentIntentId,
    ) -> Result<Option<PaymentIntentSnapshot>, Noted>;

    /// Cancels one PaymentIntent; every try has a `distinction` of its own.
    async fn cancel_intent(&self, intent: &PaymentIntentId, distinction: &str) -> CallResult;

    /// Sends a stored request that creates a Stripe Checkout, once.
    async fn open_stripe_checkout(&self, stored: &StoredStripeCheckout<'_>) -> CallResult;

    /// Reads one Stripe Checkout, and its payment.
    async fn read_stripe_checkout(&self, checkout: &StripeCheckoutId) -> CallResult;

    /// Closes one Stripe Checkout; every try has a `distinction` of its own.
    async fn close_stripe_checkout(&self, checkout: &StripeCheckoutId, distinction: &str) -> CallResult;

    /// Sends a stored request for a refund, once.
    async fn refund(&self, stored: &StoredRefund<'_>) -> CallResult<OrderObservation>;

    /// Reads every refund and dispute of a payment; `asked` is the present moment.
    async fn read_order(&self, payment: &PaymentIntentId, asked: Timestamp) -> CallResult<OrderObservation>;

    /// Every Stripe Checkout of a merchant that was created within a time; an error if not all could be read.
    async fn stripe_checkouts_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<StripeCheckoutSnapshot>, Noted>;

    /// Every payment of a merchant that was created within a time, the oldest first; an error if not all could be
    /// read.
    async fn payments_within(
        &self,
        merchant: &MerchantId,
        within: Window,
    ) -> Result<Vec<PaymentIntentSnapshot>, Noted>;

    /// Every payment of the account with a refund or a dispute from within a time; an error if not all could be read.
    async fn payments_changed_within(&self, within: Window) -> Result<BTreeSet<PaymentIntentId>, Noted>;

    /// Reads the next page of a search for the PaymentIntents of attempts. If the call is dropped or fails, the
    /// search is unchanged.
    async fn search(&self, search: &mut Search) -> Result<Searched, Stopped>;
}
