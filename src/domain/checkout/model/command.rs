//! What callers ask of a session.

use super::decision::Decision;
use super::notification::StripeNotification;
use super::order::RefundRequest;
use super::token::SharedPaymentToken;
use crate::domain::address::{Address, Buyer};
use crate::domain::cart::Cart;
use crate::domain::ids::{Revision, ShippingId};
use crate::domain::order::Fulfillment;

/// What a caller asks of a session.
#[derive(Clone, Debug)]
pub enum Command {
    /// Begin it. Only the session's maker sends this.
    Create(Patch),
    /// Change what is wanted; even an empty patch makes a new revision with a new quote.
    Update {
        /// The revision that the caller saw; an older one is refused. `None` where the caller does not say.
        revision: Option<Revision>,
        /// What to change.
        patch: Patch,
    },
    /// Pay it with a token.
    Complete(Payment),
    /// Pay it on a page at Stripe: open the page, or tell the one that is open.
    OpenStripeCheckout {
        /// The revision that the shopper was shown.
        revision: Option<Revision>,
    },
    /// End it unpaid.
    Cancel,
    /// Only look.
    Read,
    /// Decide what no reading could tell. Only an operator sends this.
    Decide(Decision),
    /// Give money back. Only an operator sends this.
    Refund(RefundRequest),
    /// Tell that goods were sent. Only an operator sends this.
    Fulfill(Fulfillment),
    /// Tell that something may have happened at Stripe.
    CheckStripe(StripeNotification),
}

/// A change of wishes: what is `None` stays as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// The whole new cart. [`Command::Create`] needs one.
    pub cart: Option<Cart>,
    /// Parts of the buyer; a part that is `None` stays.
    pub buyer: Option<Buyer>,
    /// The whole new address.
    pub address: Option<Address>,
    /// The shipping option.
    pub option_id: Option<ShippingId>,
}

/// A payment that the host brings.
#[derive(Clone, Debug)]
pub struct Payment {
    /// The revision that the shopper was shown.
    pub revision: Option<Revision>,
    /// The token.
    pub token: SharedPaymentToken,
    /// Who buys, as the payment sheet has it.
    pub buyer: Buyer,
}
