//! The operations for a merchant's payments, without actors: its state, its account, its commits, its calls to
//! Stripe.
//!
//! Must not import: actix, `actors`. The order of calls is decided elsewhere: for a checkout by
//! `domain::checkout::driver`, which the actor of its session runs; for a merchant by the merchant's actor.

pub(crate) mod account;
pub(crate) mod call_log;
pub(crate) mod cart_expiry;
pub(crate) mod commit;
mod dependencies;
pub(crate) mod key_status;
mod listings;
pub(crate) mod merchant_state;
pub(crate) mod not_begun;
pub(crate) mod order_effects;
pub(crate) mod orphaned_payments;
pub(crate) mod payees;
pub(crate) mod payment_effects;
pub(crate) mod reconciliation;
mod records;
mod sealed_token;
mod seller_key;
mod stored_request;
mod stripe_budget;
mod webhook_verifier;

pub use dependencies::Dependencies;
pub use merchant_state::MerchantSetup;
pub(crate) use merchant_state::{MerchantState, PresentMerchant};
pub use payees::{Payee, Payees};
pub use records::Records;
pub use stripe_budget::StripePlaces;
