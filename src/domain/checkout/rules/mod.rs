//! What each event means to a session: pure functions from a session to a transition.
//!
//! They import [`model`](super::model) only.

pub(crate) mod charge;
pub(crate) mod completion;
pub(crate) mod decision;
pub(crate) mod edit;
pub(crate) mod flags;
pub(crate) mod notification;
pub(crate) mod order;
pub(crate) mod outcome;
pub(crate) mod payable;
pub(crate) mod payment;
pub(crate) mod restored;
pub(crate) mod stripe_checkout;
pub(crate) mod stripe_checkout_polling;
pub(crate) mod timeline;
pub(crate) mod unconfirmed;
