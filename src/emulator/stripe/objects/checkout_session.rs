//! Checkout Sessions: the object, its lines and its JSON.
//!
//! Must not import tokens or the HTTP server. Invariant: only an open session shows the address of its page.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::accounts::Mode;
use super::new_session::{NewLine, NewSession};
use super::nulls::with_nulls;
use super::payment_intent::PaymentIntent;
use super::payment_source::PaymentSource;
use crate::stripe::change::ChangeContext;
use crate::stripe::error::StripeError;
use crate::stripe::params::paging::{Listed, PageParams};

/// The fields of a session that are always `null` here.
const NEVER_SET: &[&str] = &[
    "after_expiration",
    "billing_address_collection",
    "client_secret",
    "collected_information",
    "consent",
    "consent_collection",
    "currency_conversion",
    "customer",
    "customer_account",
    "discounts",
    "invoice",
    "managed_payments",
    "origin_context",
    "payment_link",
    "payment_method_configuration_details",
    "permissions",
    "recovered_from",
    "saved_payment_method_options",
    "setup_intent",
    "shipping_address_collection",
    "shipping_cost",
    "subscription",
    "wallet_options",
];

/// Stripe's own scripts need the part after the `#`; a client that drops it breaks the real page.
const FRAGMENT: &str = "fidkdWxOYHwnPyd1blpxYHZxWjA0emulated";

/// Stripe's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionStatus {
    /// The shopper may pay.
    Open,
    /// The shopper is done.
    Complete,
    /// It can no longer be paid.
    Expired,
}

impl SessionStatus {
    /// The name on the wire.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Complete => "complete",
            Self::Expired => "expired",
        }
    }
}

/// The fields of a session that are expanded.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SessionView {
    /// The PaymentIntent.
    pub(crate) intent: bool,
    /// The PaymentIntent's charge.
    pub(crate) charge: bool,
    /// The line items.
    pub(crate) lines: bool,
}

/// A line with the ids that Stripe gave it.
#[derive(Clone, Debug)]
struct Line {
    id: String,
    price: String,
    product: String,
    what: NewLine,
}

/// A session.
#[derive(Clone, Debug)]
pub(crate) struct CheckoutSession {
    /// `cs_test_…` or `cs_live_…`.
    pub(crate) id: String,
    /// The seller's parameters.
    pub(crate) order: NewSession,
    /// When it expires if it is still open.
    pub(crate) expires_at: i64,
    /// Its status.
    pub(crate) status: SessionStatus,
    /// Whether the money moved.
    pub(crate) paid: bool,
    /// The shopper's address.
    pub(crate) email: Option<String>,
    /// The payment, from the shopper's first attempt on.
    pub(crate) intent: Option<String>,
    livemode: bool,
    created: i64,
    url: String,
    lines: Vec<Line>,
}

impl CheckoutSession {
    /// An open session with its page on this origin.
    pub(crate) fn new(
        order: NewSession,
        (mode, origin): (Mode, &str),
        expires_at: i64,
        context: &mut ChangeContext<'_>,
    ) -> Self {
        let id = context.id(if mode.livemode() { "cs_live" } else { "cs_test" });
        let mut lines = Vec::new();
        for what in &order.lines {
            let what = what.clone();
            lines.push(Line {
                id: context.id("li"),
                price: context.id("price"),
                product: context.id("prod"),
                what,
            });
        }
        Self {
            url: format!("{origin}/c/pay/{id}#{FRAGMENT}"),
            id,
            email: order.customer_email.clone(),
            order,
            expires_at,
            status: SessionStatus::Open,
            paid: false,
            intent: None,
            livemode: mode.livemode(),
            created: context.now,
            lines,
        }
    }

    /// Whether its page offers this payment method.
    pub(crate) fn offers(&self, payment_source: PaymentSource) -> bool {
        let allowed = self.order.particulars.allowed_payment_method_types.as_ref();
        allowed.is_none_or(|types| types.iter().any(|name| name == payment_source.kind()))
    }

    /// The address for a shopper who is done.
    pub(crate) fn success_url(&self) -> String {
        self.order.success_url.replace("{CHECKOUT_SESSION_ID}", &self.id)
    }

    /// A page of its lines, in their own order.
    pub(crate) fn line_page(&self, page: &PageParams) -> Result<Value, StripeError> {
        let backwards: Vec<ShownLine> =
            self.lines.iter().rev().map(|line| ShownLine { session: self, line }).collect();
        Ok(page.pick(&backwards, |_| true)?.to_json(&self.lines_address(), ShownLine::to_json))
    }

    fn lines_address(&self) -> String {
        format!("/v1/checkout/sessions/{}/line_items", self.id)
    }

    /// The object as Stripe shows it; `intent` if that is expanded.
    pub(crate) fn to_json(&self, intent: Option<&PaymentIntent>, view: SessionView) -> Value {
        let order = &self.order;
        let payment_intent = match intent {
            Some(intent) => intent.to_json(view.charge),
            None => json!(self.intent),
        };
        let customer_details = self.email.as_ref().map(|email| {
            let address = (self.status == SessionStatus::Complete).then(|| {
                json!({
                    "city": null, "country": "US", "line1": null, "line2": null, "postal_code": "94107",
                    "state": null,
                })
            });
            json!({
                "address": address, "business_name": null, "email": email, "individual_name": null, "name": null,
                "phone": null, "tax_exempt": "none", "tax_ids": [],
            })
        });
        let said = json!({
            "id": self.id,
            "object": "checkout.session",
            "adaptive_pricing": {"enabled": order.adaptive_pricing},
            "allow_promotion_codes": null,
            "amount_subtotal": order.total,
            "amount_total": order.total,
            "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
            "cancel_url": order.cancel_url,
            "client_reference_id": order.client_reference_id,
            "created": self.created,
            "currency": order.currency,
            "custom_fields": [],
            "custom_text": {
                "after_submit": null, "shipping_address": null, "submit": null,
                "terms_of_service_acceptance": null,
            },
            "customer_creation": "if_required",
            "customer_details": customer_details,
            "customer_email": order.customer_email,
            "expires_at": self.expires_at,
            "invoice_creation": {
                "enabled": false,
                "invoice_data": {
                    "account_tax_ids": null, "custom_fields": null, "description": null, "footer": null,
                    "issuer": null, "metadata": {}, "rendering_options": null,
                },
            },
            "livemode": self.livemode,
            "locale": order.locale,
            "metadata": order.metadata,
            "mode": "payment",
            "payment_intent": payment_intent,
            "payment_method_collection": "if_required",
            "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
            "payment_method_types": self.method_types(),
            "payment_status": if self.paid { "paid" } else { "unpaid" },
            "phone_number_collection": {"enabled": false},
            "shipping_options": [],
            "status": self.status.name(),
            "submit_type": order.submit_type,
            "success_url": order.success_url,
            "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
            "ui_mode": "hosted_page",
            "url": (self.status == SessionStatus::Open).then_some(&self.url),
        });
        let mut shown = with_nulls(said, NEVER_SET);
        if view.lines {
            let data: Vec<Value> =
                self.lines.iter().map(|line| ShownLine { session: self, line }.to_json()).collect();
            let lines =
                json!({"object": "list", "data": data, "has_more": false, "url": self.lines_address()});
            shown["line_items"] = lines;
        }
        shown
    }

    fn method_types(&self) -> Vec<String> {
        let allowed = &self.order.particulars.allowed_payment_method_types;
        allowed.clone().unwrap_or_else(|| {
            let debit = PaymentSource::bank_debit(&self.order.currency)
                .map(|payment_source| payment_source.kind().to_owned());
            std::iter::once("card".to_owned()).chain(debit).collect()
        })
    }
}

impl Listed for CheckoutSession {
    const KIND: &'static str = "checkout.session";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

/// A line as a list shows it.
struct ShownLine<'a> {
    session: &'a CheckoutSession,
    line: &'a Line,
}

impl Listed for ShownLine<'_> {
    const KIND: &'static str = "item";

    fn id(&self) -> &str {
        &self.line.id
    }

    fn created(&self) -> i64 {
        self.session.created
    }
}

impl ShownLine<'_> {
    fn to_json(&self) -> Value {
        let Self { session, line } = self;
        let (what, currency) = (&line.what, &session.order.currency);
        let amount = what.unit_amount * what.quantity;
        json!({
            "id": line.id,
            "object": "item",
            "adjustable_quantity": null,
            "amount_discount": 0,
            "amount_subtotal": amount,
            "amount_tax": 0,
            "amount_total": amount,
            "currency": currency,
            "description": what.name,
            "metadata": what.metadata,
            "price": {
                "id": line.price,
                "object": "price",
                "active": false,
                "billing_scheme": "per_unit",
                "created": session.created,
                "currency": currency,
                "custom_unit_amount": null,
                "livemode": session.livemode,
                "lookup_key": null,
                "metadata": BTreeMap::<String, String>::new(),
                "nickname": null,
                "product": line.product,
                "recurring": null,
                "tax_behavior": what.tax_behavior.as_deref().unwrap_or("unspecified"),
                "tiers_mode": null,
                "transform_quantity": null,
                "type": "one_time",
                "unit_amount": what.unit_amount,
                "unit_amount_decimal": what.unit_amount.to_string(),
            },
            "product": line.product,
            "quantity": what.quantity,
        })
    }
}
