//! The payment that Stripe is asked for.

use crate::domain::ids::{AttemptNumber, Revision, SessionId};
use crate::domain::money::Money;
use serde::{Deserialize, Serialize};

/// The payment that Stripe is asked for; its answer must contain the same values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExpectedPayment {
    /// Amount and currency: the quote's total.
    pub total: Money,
    /// The session, written into the PaymentIntent's metadata.
    pub session: SessionId,
    pub revision: Revision,
    pub attempt: AttemptNumber,
}
