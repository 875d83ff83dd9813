//! Stripe's evidence of a session that a restored database may lack.

use super::observation::PaymentIntentSnapshot;
use crate::domain::address::Buyer;
use crate::domain::ids::{AccountId, AttemptNumber};

/// Stripe's evidence of a session that the restored database may lack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreEvidence {
    /// The account that has it: the only one that this merchant has ever had.
    pub account: AccountId,
    pub shown: ShownByStripe,
}

/// Evidence that Stripe shows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownByStripe {
    /// A Stripe Checkout was created for it; it is closed, or known.
    StripeCheckout(AttemptNumber),
    /// There was a payment for it, succeeded or not.
    Payment {
        seen: PaymentIntentSnapshot,
        /// The buyer's data from the Stripe Checkout, if the payment was made on one.
        buyer: Buyer,
    },
}
