//! Stripe Checkouts (Checkout Sessions): the body that creates one, and the observations from its answers.
//!
//! Invariant: it charges exactly the quote's total, or the body is not made.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::answers::{Identified, PaymentIntent};
use super::charge::{self, ATTEMPT_KEY, MERCHANT_KEY, REVISION_KEY, SESSION_KEY, Shipping};
use super::outcome;
use super::transport::Reply;
use crate::domain::address::Buyer;
use crate::domain::checkout::model::{
    AttemptIntent, Observation, StripeCheckoutSnapshot, StripeCheckoutStatus,
};
use crate::domain::ids::{AttemptNumber, MerchantId, Revision};
use crate::domain::merchant::{MerchantView, PaymentMethod};
use crate::domain::money::Money;
use crate::domain::pricing::{Quote, QuoteLine};
use crate::domain::time::Timestamp;

/// Where Stripe redirects the shopper.
#[derive(Clone, Debug)]
pub struct ReturnUrls {
    /// After paying.
    pub success: String,
    /// After leaving without paying.
    pub cancel: String,
}

/// What a Stripe Checkout shows, and until when.
#[derive(Clone, Copy, Debug)]
pub struct StripeCheckoutOffer<'a> {
    pub quote: &'a Quote,
    /// Until when it can be paid.
    pub expires: Timestamp,
    /// Filled in for the shopper.
    pub email: Option<&'a str>,
    /// The addresses for the redirects.
    pub links: &'a ReturnUrls,
}

/// Why the body of a Stripe Checkout cannot be made.
#[derive(Debug, thiserror::Error)]
pub enum StripeCheckoutError {
    /// The sum of the rows is not the total.
    #[error("the page's rows come to {0}, and the quote to {1}")]
    Sum(i64, i64),
    /// The body cannot be encoded.
    #[error(transparent)]
    Encoding(#[from] serde_qs::Error),
}

#[derive(Serialize)]
struct Body<'a> {
    mode: &'static str,
    client_reference_id: &'a str,
    success_url: &'a str,
    cancel_url: &'a str,
    expires_at: i64,
    allowed_payment_method_types: Vec<&'static str>,
    adaptive_pricing: Enabled,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_email: Option<&'a str>,
    line_items: Vec<Row>,
    metadata: BTreeMap<&'a str, String>,
    payment_intent_data: PaymentIntentData<'a>,
}

#[derive(Serialize)]
struct Enabled {
    enabled: bool,
}

#[derive(Serialize)]
struct PaymentIntentData<'a> {
    description: String,
    metadata: BTreeMap<&'a str, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt_email: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shipping: Option<Shipping<'a>>,
}

#[derive(Serialize)]
struct Row {
    quantity: u32,
    price_data: Price,
}

#[derive(Serialize)]
struct Price {
    currency: String,
    unit_amount: i64,
    product_data: Product,
}

#[derive(Serialize)]
struct Product {
    name: String,
}

/// The longest name of a line.
const LONGEST_NAME: usize = 250;

impl Row {
    fn new(name: String, quantity: u32, unit: Money) -> Self {
        let name = if name.chars().count() > LONGEST_NAME {
            name.chars().take(LONGEST_NAME - 1).chain(['…']).collect()
        } else {
            name
        };
        let price_data = Price {
            currency: unit.currency.code().to_owned(),
            unit_amount: unit.minor,
            product_data: Product { name },
        };
        Self { quantity, price_data }
    }

    fn of_line(line: &QuoteLine) -> Self {
        let quantity = i64::from(line.quantity);
        if quantity > 0 && line.subtotal.minor % quantity == 0 {
            let unit = Money::new(line.subtotal.minor / quantity, line.subtotal.currency);
            return Self::new(line.title.clone(), line.quantity, unit);
        }
        // After a discount a line's amount may not be divisible by its quantity: the line then becomes one piece.
        Self::new(format!("{} × {}", line.quantity, line.title), 1, line.subtotal)
    }

    fn minor(&self) -> i64 {
        i64::from(self.quantity).saturating_mul(self.price_data.unit_amount)
    }
}

fn rows(quote: &Quote) -> Result<Vec<Row>, StripeCheckoutError> {
    let mut rows: Vec<Row> = quote.lines.iter().map(Row::of_line).collect();
    let chosen = quote.options.iter().find(|option| Some(&option.id) == quote.option_id.as_ref());
    if let Some(option) = chosen.filter(|option| option.subtotal.minor > 0) {
        rows.push(Row::new(option.title.clone(), 1, option.subtotal));
    }
    let untaxed: i64 = rows.iter().map(Row::minor).sum();
    let taxes: i64 = quote.tax.minor.saturating_add(chosen.map_or(0, |option| option.tax.minor));
    if taxes > 0 {
        rows.push(Row::new("Tax".to_owned(), 1, Money::new(taxes, quote.total.currency)));
    }
    let sum = untaxed.saturating_add(taxes);
    if sum == quote.total.minor { Ok(rows) } else { Err(StripeCheckoutError::Sum(sum, quote.total.minor)) }
}

/// The form-encoded body that creates a Stripe Checkout (`POST /v1/checkout/sessions`).
pub fn encode_stripe_checkout(
    intent: &AttemptIntent,
    offer: &StripeCheckoutOffer<'_>,
    view: &MerchantView,
) -> Result<String, StripeCheckoutError> {
    let metadata = charge::metadata(&intent.expected, view);
    Ok(serde_qs::to_string(&Body {
        mode: "payment",
        client_reference_id: intent.expected.session.as_str(),
        success_url: &offer.links.success,
        cancel_url: &offer.links.cancel,
        expires_at: offer.expires.as_seconds(),
        allowed_payment_method_types: methods(&view.payment_methods),
        // The total is the one that was shown, in the currency that was shown.
        adaptive_pricing: Enabled { enabled: false },
        customer_email: offer.email,
        line_items: rows(offer.quote)?,
        metadata: metadata.clone(),
        payment_intent_data: PaymentIntentData {
            description: format!("{} {}", view.name, intent.expected.session),
            metadata,
            receipt_email: intent.receipt_email.as_deref(),
            shipping: Shipping::of(intent),
        },
    })?)
}

/// The merchant's payment methods, as Stripe Checkout names them. They are only those that are paid at once: a chat
/// cannot wait for days for a transfer. Wallets count as cards here.
fn methods(taken: &[PaymentMethod]) -> Vec<&'static str> {
    let wire = |method: &PaymentMethod| match method {
        PaymentMethod::Card | PaymentMethod::ApplePay | PaymentMethod::GooglePay => "card",
        PaymentMethod::Link => "link",
    };
    let named: BTreeSet<&str> = taken.iter().map(wire).collect();
    if named.is_empty() { vec!["card"] } else { named.into_iter().collect() }
}

#[derive(Debug, Deserialize)]
pub(super) struct CheckoutSession {
    id: String,
    status: Option<String>,
    payment_status: String,
    #[serde(default)]
    url: Option<String>,
    amount_total: Option<i64>,
    currency: Option<String>,
    livemode: bool,
    #[serde(default)]
    metadata: Option<BTreeMap<String, String>>,
    #[serde(default)]
    payment_intent: Option<Paying>,
    #[serde(default)]
    customer_details: Option<CustomerDetails>,
}

/// The buyer's data given on the Stripe Checkout.
#[derive(Debug, Deserialize)]
struct CustomerDetails {
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    email: Option<String>,
    #[serde(default)]
    phone: Option<String>,
}

/// A PaymentIntent as its id, or as a whole if it was expanded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Paying {
    Id(String),
    Whole(Box<PaymentIntent>),
}

impl Identified for CheckoutSession {
    fn id(&self) -> &str {
        &self.id
    }
}

impl CheckoutSession {
    pub(super) fn is_of(&self, merchant: &MerchantId) -> bool {
        let named = |key: &str| self.metadata.as_ref()?.get(key).map(String::as_str);
        named(SESSION_KEY).is_some() && named(MERCHANT_KEY) == Some(merchant.as_str())
    }

    fn buyer(&self) -> Buyer {
        let Some(told) = &self.customer_details else { return Buyer::default() };
        let text = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
        Buyer { name: text(&told.name), email: text(&told.email), phone_number: text(&told.phone) }
    }

    pub(super) fn seen(&self) -> Option<StripeCheckoutSnapshot> {
        let named = |key: &str| self.metadata.as_ref()?.get(key);
        let number = |key: &str| named(key)?.parse::<u32>().ok();
        let status = match (self.status.as_deref()?, self.payment_status.as_str()) {
            ("open", _) => StripeCheckoutStatus::Open,
            ("expired", _) => StripeCheckoutStatus::Expired,
            ("complete", "paid") => StripeCheckoutStatus::Paid,
            ("complete", "unpaid") => StripeCheckoutStatus::Unpaid,
            ("complete", "no_payment_required") => StripeCheckoutStatus::Free,
            _ => return None,
        };
        let intent = match &self.payment_intent {
            None => None,
            Some(Paying::Id(id)) => Some((id.parse().ok()?, None)),
            Some(Paying::Whole(intent)) => {
                let seen = intent.seen()?;
                Some((seen.id, Some(seen.status)))
            }
        };
        Some(StripeCheckoutSnapshot {
            id: self.id.parse().ok()?,
            url: self.url.clone(),
            status,
            intent,
            amount: Money::new(self.amount_total?, self.currency.as_ref()?.parse().ok()?),
            livemode: self.livemode,
            buyer: self.buyer(),
            session: named(SESSION_KEY).and_then(|id| id.parse().ok()),
            revision: number(REVISION_KEY).map(Revision),
            attempt: number(ATTEMPT_KEY).map(AttemptNumber),
        })
    }
}

/// The observation from the answer to the request that creates a Stripe Checkout.
pub(super) fn of_opening(reply: &Reply) -> Observation {
    match reply.status {
        200..=299 => page(reply).unwrap_or_else(|| outcome::unknown(reply)),
        _ => outcome::of_charge(reply),
    }
}

/// The observation from reading or closing a Stripe Checkout.
pub(super) fn of_reading(reply: &Reply) -> Observation {
    match reply.status {
        200..=299 => page(reply).unwrap_or(Observation::ReadFailed),
        401 | 403 => Observation::KeyRefused,
        _ => Observation::ReadFailed,
    }
}

fn page(reply: &Reply) -> Option<Observation> {
    reply.json::<CheckoutSession>()?.seen().map(Observation::StripeCheckout)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::money::Currency;

    fn usd(minor: i64) -> Money {
        let currency: Currency = "usd".parse().unwrap();
        Money::new(minor, currency)
    }

    fn line(quantity: u32, subtotal: i64) -> QuoteLine {
        QuoteLine {
            item: "mug".parse().unwrap(),
            title: "Mug".to_owned(),
            images: vec![],
            quantity,
            unit_price: usd(500),
            base_amount: usd(500 * i64::from(quantity)),
            discount: usd(500 * i64::from(quantity) - subtotal),
            subtotal: usd(subtotal),
            tax: usd(0),
            total: usd(subtotal),
        }
    }

    #[test]
    fn a_line_that_does_not_divide_by_its_quantity_is_one_thing() {
        let whole = Row::of_line(&line(3, 1500));
        assert_eq!((whole.quantity, whole.price_data.unit_amount), (3, 500));
        assert_eq!(whole.price_data.product_data.name, "Mug");
        let odd = Row::of_line(&line(3, 1000));
        assert_eq!((odd.quantity, odd.price_data.unit_amount, odd.minor()), (1, 1000, 1000));
        assert_eq!(odd.price_data.product_data.name, "3 × Mug");
    }

    #[test]
    fn a_name_is_no_longer_than_stripe_takes() {
        let named = |letters: usize| Row::new("ö".repeat(letters), 1, usd(1)).price_data.product_data.name;
        assert_eq!(named(250).chars().count(), 250);
        let cut = named(251);
        assert!(cut.chars().count() == 250 && cut.ends_with('…'), "{cut}");
    }

    #[test]
    fn a_page_offers_what_the_merchant_takes_and_is_paid_at_once() {
        use PaymentMethod::{ApplePay, Card, GooglePay, Link};
        assert_eq!(methods(&[Card, ApplePay, GooglePay, Link]), ["card", "link"]);
        assert_eq!(methods(&[ApplePay]), ["card"]);
        assert_eq!(methods(&[Link]), ["link"]);
        assert_eq!(methods(&[]), ["card"]);
    }

    #[test]
    fn a_line_of_one_thing_has_its_name_alone() {
        let one = Row::of_line(&line(1, 500));
        assert_eq!((one.quantity, one.price_data.unit_amount), (1, 500));
        assert_eq!(one.price_data.product_data.name, "Mug");
    }

    /// A Stripe Checkout as Stripe returns it, with some values changed.
    fn shown(changes: &serde_json::Value) -> CheckoutSession {
        let mut page = serde_json::json!({
            "id": "cs_test_1", "status": "complete", "payment_status": "paid", "livemode": false,
            "amount_total": 500, "currency": "usd", "url": null, "payment_intent": "pi_1",
            "metadata": { SESSION_KEY: "chk_1", MERCHANT_KEY: "shop" },
        });
        for (name, value) in changes.as_object().unwrap() {
            page[name] = value.clone();
        }
        serde_json::from_value(page).unwrap()
    }

    #[test]
    fn a_page_is_a_merchants_that_names_it_and_a_checkout() {
        let shop: MerchantId = "shop".parse().unwrap();
        for (metadata, is_of) in [
            (serde_json::json!({ SESSION_KEY: "chk_1", MERCHANT_KEY: "shop" }), true),
            (serde_json::json!({ SESSION_KEY: "chk_1", MERCHANT_KEY: "other" }), false),
            (serde_json::json!({ SESSION_KEY: "chk_1" }), false),
            (serde_json::json!({ MERCHANT_KEY: "shop" }), false),
            (serde_json::json!({}), false),
            (serde_json::json!(null), false),
        ] {
            assert_eq!(shown(&serde_json::json!({ "metadata": metadata })).is_of(&shop), is_of, "{metadata}");
        }
    }

    #[test]
    fn what_a_shopper_left_blank_on_the_page_is_not_told() {
        let told = serde_json::json!({ "name": "Ada", "email": " ", "phone": "" });
        let seen = shown(&serde_json::json!({ "customer_details": told })).seen().unwrap();
        let expected = Buyer { name: Some("Ada".to_owned()), ..Buyer::default() };
        assert_eq!(seen.buyer, expected);
        assert_eq!(shown(&serde_json::json!({})).seen().unwrap().buyer, Buyer::default());
    }

    #[test]
    fn a_stripe_checkout_shows_its_payment_and_any_expanded_status() {
        let payment = serde_json::json!({
            "id": "pi_2", "status": "processing", "amount": 500, "currency": "usd", "livemode": false, "created": 1,
            "metadata": {},
        });
        let intent =
            |payment| shown(&serde_json::json!({ "payment_intent": payment })).seen().unwrap().intent;
        assert_eq!(intent(serde_json::json!("pi_1")), Some(("pi_1".parse().unwrap(), None)));
        let processing = Some(crate::domain::checkout::model::PaymentIntentStatus::Processing);
        assert_eq!(intent(payment), Some(("pi_2".parse().unwrap(), processing)));
        assert_eq!(intent(serde_json::json!(null)), None);
    }
}
