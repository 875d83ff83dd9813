//! What a seller says when it opens a Checkout Session.
//!
//! Must not import the session: this is known before there is one.

use std::collections::BTreeMap;

use super::particulars::Particulars;

/// A session to be opened.
#[derive(Clone, Debug)]
pub(crate) struct NewSession {
    /// What is bought; at least one.
    pub(crate) lines: Vec<NewLine>,
    /// All lines' currency.
    pub(crate) currency: String,
    /// What the lines add up to.
    pub(crate) total: i64,
    /// Where a shopper who has paid is sent.
    pub(crate) success_url: String,
    /// Where a shopper who does not want to pay goes back to.
    pub(crate) cancel_url: Option<String>,
    /// When it is to end.
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
    /// What the page's button says.
    pub(crate) submit_type: Option<String>,
    /// What the payment will say.
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
