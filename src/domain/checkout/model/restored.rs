//! What Stripe shows of a session that a restored database may not know.

use super::observation::PaymentIntentSnapshot;
use crate::domain::address::Buyer;
use crate::domain::ids::{AccountId, AttemptNumber};

/// Something of a session that Stripe shows, and the restored database may not know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RestoreEvidence {
    /// The account that shows it: the only one that this merchant has ever had.
    pub account: AccountId,
    /// What it shows.
    pub shown: ShownByStripe,
}

/// What Stripe shows of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ShownByStripe {
    /// A page was opened for it; it is closed, or known.
    StripeCheckout(AttemptNumber),
    /// It was paid, or tried to be.
    Payment {
        /// The payment.
        seen: PaymentIntentSnapshot,
        /// What its page was told of the buyer, where it was made on one.
        buyer: Buyer,
    },
}
