//! The seller's parameters of a new Checkout Session.
//!
//! Must not import the session: these are known before it exists.

use std::collections::BTreeMap;

use super::particulars::Particulars;

/// A session to create.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    /// The items; at least one.
    pub(crate) lines: Vec<NewLine>,
    /// All lines' currency.
    pub(crate) currency: String,
    /// The sum of the lines.
    pub(crate) total: i64,
    /// The address for a shopper who has paid.
    pub(crate) success_url: String,
    /// The address for a shopper who leaves without paying.
    pub(crate) cancel_url: Option<String>,
    /// When it is to expire.
    pub(crate) expires_at: Option<i64>,
    /// The seller's own name for it.
    pub(crate) client_reference_id: Option<String>,
    /// The shopper's address, if the seller knows it.
    pub(crate) customer_email: Option<String>,
    /// The seller's metadata of the session itself.
    pub(crate) metadata: BTreeMap<String, String>,
    /// Whether the shopper may be shown another currency.
    pub(crate) adaptive_pricing: bool,
    /// The page's language.
    pub(crate) locale: Option<String>,
    /// The text on the page's button.
    pub(crate) submit_type: Option<String>,
    /// The other data of the payment.
    pub(crate) particulars: Particulars,
}

/// A line of a session.
#[derive(Clone, Debug)]
pub(crate) struct NewLine {
    /// The product's name.
    pub(crate) name: String,
    /// The product's description.
    pub(crate) description: Option<String>,
    /// The price of one, in minor units.
    pub(crate) unit_amount: i64,
    /// How many.
    pub(crate) quantity: i64,
    /// Whether and how tax is in the price.
    pub(crate) tax_behavior: Option<String>,
    /// The seller's metadata of the line.
    pub(crate) metadata: BTreeMap<String, String>,
}
