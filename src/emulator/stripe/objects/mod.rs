//! Stripe's objects: how each is made, what can happen to it, and how the API shows it.
//!
//! Must not import a ledger or the state: an object knows nothing of other objects' whereabouts.

pub(crate) mod accounts;
pub(crate) mod amounts;
pub(crate) mod charge;
pub(crate) mod checkout_session;
pub(crate) mod dispute;
pub(crate) mod event;
pub(crate) mod granted_token;
pub(crate) mod new_session;
pub(crate) mod nulls;
pub(crate) mod particulars;
pub(crate) mod payment_intent;
pub(crate) mod payment_source;
pub(crate) mod refund;
pub(crate) mod test_cards;
