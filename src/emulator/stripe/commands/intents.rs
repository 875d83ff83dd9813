//! Commands about payments.

use crate::stripe::objects::particulars::Particulars;
use crate::stripe::params::paging::PageParams;

/// A payment to create.
#[derive(Clone, Debug)]
pub(crate) struct NewIntent {
    /// Minor units, at least one.
    pub(crate) amount: i64,
    /// Lower case, known to Stripe.
    pub(crate) currency: String,
    /// Whether to pay at once.
    pub(crate) confirm: bool,
    /// Whether a payment that needs the shopper's action is refused.
    pub(crate) error_on_requires_action: bool,
    /// The Shared Payment Token.
    pub(crate) token: Option<String>,
    /// The other parameters of the seller.
    pub(crate) particulars: Particulars,
    /// Whether the charge is shown in full.
    pub(crate) expand_charge: bool,
}

/// A page of payments.
#[derive(Clone, Debug)]
pub(crate) struct IntentList {
    /// Which page.
    pub(crate) page: PageParams,
    /// Whether the charges are shown in full.
    pub(crate) expand_charge: bool,
}
