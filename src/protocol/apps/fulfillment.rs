//! Shipping options, address and buyer in the payment sheet's form.
//!
//! Must not import [`crate::protocol::mcp`].

use serde::Serialize;

use crate::domain::address::Buyer;
use crate::domain::pricing::QuoteOption;

/// One shipping option (ACP 2025-09-29 `FulfillmentOptionShipping`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FulfillmentOption {
    /// Always `shipping`: digital goods have no options.
    #[serde(rename = "type")]
    pub kind: &'static str,
    /// The merchant's id of it.
    pub id: String,
    /// The title shown to the shopper.
    pub title: String,
    /// The carrier, as the second line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub subtitle: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub carrier: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub earliest_delivery_time: Option<String>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub latest_delivery_time: Option<String>,
    /// Price before tax, in minor units.
    pub subtotal: i64,
    pub tax: i64,
    /// `subtotal + tax`.
    pub total: i64,
}

impl From<&QuoteOption> for FulfillmentOption {
    fn from(option: &QuoteOption) -> Self {
        let carrier = Some(option.carrier.clone()).filter(|carrier| !carrier.is_empty());
        Self {
            kind: "shipping",
            id: option.id.as_str().to_owned(),
            title: option.title.clone(),
            subtitle: carrier.clone(),
            carrier,
            earliest_delivery_time: option.delivery.map(|(earliest, _)| earliest.to_string()),
            latest_delivery_time: option.delivery.map(|(_, latest)| latest.to_string()),
            subtotal: option.subtotal.minor,
            tax: option.tax.minor,
            total: option.total.minor,
        }
    }
}

/// The buyer, in the form of the host's own `complete_checkout` arguments: three keys, each nullable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SheetBuyer {
    pub name: Option<String>,
    /// Electronic mail address.
    pub email: Option<String>,
    /// Telephone number.
    pub phone_number: Option<String>,
}

impl SheetBuyer {
    /// The buyer, unless no data is known.
    #[must_use]
    pub fn known(buyer: &Buyer) -> Option<Self> {
        let Buyer { name, email, phone_number } = buyer.clone();
        let known = name.is_some() || email.is_some() || phone_number.is_some();
        known.then_some(Self { name, email, phone_number })
    }
}
