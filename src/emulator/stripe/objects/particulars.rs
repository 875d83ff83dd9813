//! The seller's data about a payment besides its amount: the intent, its charges and a session show it.
//!
//! Must not import any of them.

use std::collections::BTreeMap;

use serde_json::Value;

/// The seller's data about a payment besides its amount.
#[derive(Clone, Debug, Default)]
pub(crate) struct Particulars {
    /// `allowed_payment_method_types`.
    pub(crate) allowed_payment_method_types: Option<Vec<String>>,
    /// `automatic_payment_methods`, as it is shown.
    pub(crate) automatic_payment_methods: Value,
    /// `description`.
    pub(crate) description: Option<String>,
    /// `metadata`.
    pub(crate) metadata: BTreeMap<String, String>,
    /// `receipt_email`.
    pub(crate) receipt_email: Option<String>,
    /// `shipping`, as it is shown.
    pub(crate) shipping: Value,
    /// `statement_descriptor_suffix`.
    pub(crate) statement_descriptor_suffix: Option<String>,
}
