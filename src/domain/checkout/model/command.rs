//! The commands of callers to a session.

use super::decision::Decision;
use super::notification::StripeNotification;
use super::order::RefundRequest;
use super::token::SharedPaymentToken;
use crate::domain::address::{Address, Buyer};
use crate::domain::cart::Cart;
use crate::domain::ids::{Revision, ShippingId};
use crate::domain::order::Fulfillment;
use crate::domain::origin::{Host, TokenDoor};

/// A command to a session.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin it. Only the code that made the session's id sends this.
    Create {
        patch: Patch,
        /// The host in which it begins, where that names itself.
        host: Option<Host>,
    },
    /// Change the inputs; even an empty patch makes a new revision with a new quote.
    Update {
        /// The revision that the caller saw; an older one is rejected. `None` if the caller does not name one.
        revision: Option<Revision>,
        patch: Patch,
    },
    /// Pay it with a token.
    Complete(Payment),
    /// Pay it on a Stripe Checkout: create one, or return the open one.
    OpenStripeCheckout {
        /// The revision that the shopper was shown.
        revision: Option<Revision>,
    },
    /// End it unpaid.
    Cancel,
    /// Read it only.
    Read,
    /// Decide an attempt that no reading could decide. Only an operator sends this.
    Decide(Decision),
    /// Refund. Only an operator sends this.
    Refund(RefundRequest),
    /// Record that goods were sent. Only an operator sends this.
    Fulfill(Fulfillment),
    /// Check Stripe, since something may have happened there.
    CheckStripe(StripeNotification),
}

/// A change of inputs; a field that is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The whole new cart. [`Command::Create`] needs one.
    pub cart: Option<Cart>,
    /// Parts of the buyer; a part that is `None` stays.
    pub buyer: Option<Buyer>,
    /// The whole new address.
    pub address: Option<Address>,
    pub option_id: Option<ShippingId>,
}

/// A payment with a token.
#[derive(Clone, Debug)]
pub struct Payment {
    pub door: TokenDoor,
    /// The `User-Agent` of the request that brought the token.
    pub user_agent: Option<String>,
    /// The id of the payment challenge that a wallet answers.
    pub challenge: Option<String>,
    /// The revision that the shopper was shown.
    pub revision: Option<Revision>,
    pub token: SharedPaymentToken,
    /// The buyer, as the payment sheet has it.
    pub buyer: Buyer,
}
