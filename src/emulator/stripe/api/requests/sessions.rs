//! Requests about Checkout Sessions: create, read, list, expire.
//!
//! Only `mode=payment` on Stripe's hosted page, with inline prices, is emulated. The bounds of `expires_at` depend on
//! the clock and are checked during execution, so that a repeat under its key gets the first answer.

use serde_json::{Value, json};
use url::Url;

use super::intents::{refuse_payment_method_types, shipping, statement_descriptor_suffix};
use super::{Expansions, expands};
use crate::stripe::commands::Command;
use crate::stripe::commands::sessions::{SessionCommand, SessionList};
use crate::stripe::error::StripeError;
use crate::stripe::objects::accounts::Mode;
use crate::stripe::objects::amounts;
use crate::stripe::objects::checkout_session::SessionView;
use crate::stripe::objects::new_session::{NewLine, NewSession};
use crate::stripe::objects::particulars::Particulars;
use crate::stripe::objects::payment_source::PaymentSource;
use crate::stripe::params::Params;
use crate::stripe::params::paging::PageParams;
use crate::stripe::version::ApiVersion;

/// The parameters of `POST /v1/checkout/sessions` at Stripe that are not emulated.
const NOT_EMULATED: &[&str] = &[
    "after_expiration",
    "branding_settings",
    "consent_collection",
    "custom_fields",
    "custom_text",
    "customer",
    "customer_account",
    "customer_creation",
    "customer_update",
    "discounts",
    "excluded_payment_method_types",
    "integration_identifier",
    "invoice_creation",
    "managed_payments",
    "name_collection",
    "optional_items",
    "origin_context",
    "payment_method_collection",
    "payment_method_configuration",
    "payment_method_data",
    "payment_method_options",
    "permissions",
    "redirect_on_completion",
    "return_url",
    "saved_payment_method_options",
    "setup_intent_data",
    "shipping_address_collection",
    "shipping_options",
    "subscription_data",
    "tax_id_collection",
    "wallet_options",
];
/// The parameters of `payment_intent_data` at Stripe that are not emulated.
const INTENT_DATA_NOT_EMULATED: &[&str] = &[
    "application_fee_amount",
    "on_behalf_of",
    "setup_future_usage",
    "statement_descriptor",
    "transfer_data",
    "transfer_group",
];
const LOCALES: &[&str] = &[
    "auto", "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA",
    "hr", "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru",
    "sk", "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];
const MOST_LINES: usize = 100;
const MOST_IMAGES: usize = 8;
const REFERENCE_CHARS: usize = 200;

/// `POST /v1/checkout/sessions`.
pub(super) fn create(mut params: Params, version: &ApiVersion, mode: Mode) -> Result<Command, StripeError> {
    refuse_payment_method_types(&params, version)?;
    let given_mode = params.one_of("mode", &["payment", "setup", "subscription"])?;
    let ui_mode = params.one_of("ui_mode", &["elements", "embedded_page", "form", "hosted_page"])?;
    only("mode", &given_mode.ok_or_else(|| StripeError::missing_parameter("mode"))?, "payment")?;
    only("ui_mode", ui_mode.as_deref().unwrap_or("hosted_page"), "hosted_page")?;
    switched_off(&mut params)?;
    let lines = lines_of(&mut params)?;
    let currency = single_currency(&lines, params.text("currency")?)?;
    let lines: Vec<NewLine> = lines.into_iter().map(|(line, _)| line).collect();
    let allowed = params.texts("allowed_payment_method_types")?;
    if allowed.as_ref().is_some_and(|kinds| !kinds.iter().any(|kind| can_pay(kind, &currency))) {
        let what = "sessions without card, us_bank_account (in usd) and sepa_debit (in eur)";
        return Err(StripeError::not_emulated("allowed_payment_method_types", what));
    }
    let session = NewSession {
        total: total(&lines, &currency)?,
        lines,
        currency,
        success_url: url(&mut params, "success_url", mode)?
            .ok_or_else(|| StripeError::missing_parameter("success_url"))?,
        cancel_url: url(&mut params, "cancel_url", mode)?,
        expires_at: params.integer("expires_at")?,
        client_reference_id: params.text_within("client_reference_id", REFERENCE_CHARS)?,
        customer_email: params.email("customer_email")?,
        metadata: params.metadata("metadata")?,
        adaptive_pricing: enabled(&mut params, "adaptive_pricing")?.unwrap_or(true),
        locale: params.one_of("locale", LOCALES)?,
        submit_type: params.one_of("submit_type", &["auto", "book", "donate", "pay"])?,
        particulars: particulars(&mut params, allowed)?,
    };
    let view =
        view(&expands(&mut params, &["payment_intent", "payment_intent.latest_charge", "line_items"])?, "");
    params.finish(NOT_EMULATED)?;
    Ok(Command::Session(SessionCommand::Create(Box::new(session), view)))
}

/// `GET /v1/checkout/sessions/{id}`.
pub(super) fn read(id: &str, params: Params) -> Result<Command, StripeError> {
    Ok(Command::Session(SessionCommand::Read(id.to_owned(), only_view(params)?)))
}

/// `POST /v1/checkout/sessions/{id}/expire`.
pub(super) fn expire(id: &str, params: Params) -> Result<Command, StripeError> {
    Ok(Command::Session(SessionCommand::Expire(id.to_owned(), only_view(params)?)))
}

/// `GET /v1/checkout/sessions/{id}/line_items`.
pub(super) fn lines(id: &str, mut params: Params) -> Result<Command, StripeError> {
    let page = PageParams::parse(&mut params)?;
    super::no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::Session(SessionCommand::Lines(id.to_owned(), page)))
}

/// `GET /v1/checkout/sessions`.
pub(super) fn list(mut params: Params) -> Result<Command, StripeError> {
    let expandable = ["data.payment_intent", "data.payment_intent.latest_charge", "data.line_items"];
    let list = SessionList {
        page: PageParams::parse_with_created(&mut params)?,
        payment_intent: params.text("payment_intent")?,
        status: params.one_of("status", &["complete", "expired", "open"])?,
        view: view(&expands(&mut params, &expandable)?, "data."),
    };
    params.finish(&["customer", "customer_account", "customer_details", "payment_link", "subscription"])?;
    Ok(Command::Session(SessionCommand::List(list)))
}

fn only_view(mut params: Params) -> Result<SessionView, StripeError> {
    let expandable = ["payment_intent", "payment_intent.latest_charge", "line_items"];
    let view = view(&expands(&mut params, &expandable)?, "");
    params.finish(&[])?;
    Ok(view)
}

fn view(expansions: &Expansions, prefix: &str) -> SessionView {
    let has = |field: &str| expansions.has(&format!("{prefix}{field}"));
    SessionView {
        intent: has("payment_intent"),
        charge: has("payment_intent.latest_charge"),
        lines: has("line_items"),
    }
}

fn only(name: &str, given: &str, emulated: &str) -> Result<(), StripeError> {
    if given == emulated {
        return Ok(());
    }
    Err(StripeError::not_emulated(name, &format!("any {name} but {emulated}")))
}

/// Parameters that are accepted only with the value that turns them off.
fn switched_off(params: &mut Params) -> Result<(), StripeError> {
    if params.boolean("allow_promotion_codes")? == Some(true) {
        return Err(StripeError::not_emulated("allow_promotion_codes", "promotion codes"));
    }
    for name in ["automatic_tax", "phone_number_collection"] {
        if enabled(params, name)? == Some(true) {
            return Err(StripeError::not_emulated(name, &format!("{name}[enabled]=true")));
        }
    }
    match params.one_of("billing_address_collection", &["auto", "required"])?.as_deref() {
        Some("required") => {
            Err(StripeError::not_emulated("billing_address_collection", "collecting addresses"))
        }
        _ => Ok(()),
    }
}

fn enabled(params: &mut Params, name: &str) -> Result<Option<bool>, StripeError> {
    let Some(mut hash) = params.hash(name)? else { return Ok(None) };
    let enabled = hash.boolean("enabled")?;
    hash.finish(&["liability"])?;
    Ok(enabled)
}

/// The lines, each with its currency and the name of that parameter.
fn lines_of(params: &mut Params) -> Result<Vec<(NewLine, String)>, StripeError> {
    let given = params.hashes("line_items")?.unwrap_or_default();
    if given.is_empty() {
        return Err(StripeError::missing_parameter("line_items"));
    }
    if given.len() > MOST_LINES {
        return Err(StripeError::invalid_request(format!(
            "A Checkout Session can have at most {MOST_LINES} line items in payment mode."
        ))
        .with_param("line_items"));
    }
    given.into_iter().map(line).collect()
}

fn line(mut given: Params) -> Result<(NewLine, String), StripeError> {
    let missing = |params: &Params, key: &str| StripeError::missing_parameter(&params.name(key));
    let mut price = given.hash("price_data")?.ok_or_else(|| missing(&given, "price_data"))?;
    let currency = price.required_text("currency")?;
    let currency = amounts::known(&currency, &price.name("currency"))?;
    let unit_amount = price.natural("unit_amount")?.ok_or_else(|| missing(&price, "unit_amount"))?;
    let tax_behavior = price.one_of("tax_behavior", &["exclusive", "inclusive", "unspecified"])?;
    let mut product = price.hash("product_data")?.ok_or_else(|| missing(&price, "product_data"))?;
    let name = product.required_text("name")?;
    let description = product.text("description")?;
    let images = product.texts("images")?.unwrap_or_default();
    if images.len() > MOST_IMAGES {
        return Err(StripeError::invalid_request(format!(
            "A product can have at most {MOST_IMAGES} images."
        ))
        .with_param(product.name("images")));
    }
    // It belongs to the product, which is not emulated; a value that Stripe would refuse is refused.
    product.metadata("metadata")?;
    product.finish(&["tax_code", "tax_details", "unit_label"])?;
    price.finish(&["product", "recurring", "unit_amount_decimal"])?;
    let quantity = given.required_positive("quantity")?;
    let metadata = given.metadata("metadata")?;
    given.finish(&["adjustable_quantity", "price", "tax_rates"])?;
    Ok((NewLine { name, description, unit_amount, quantity, tax_behavior, metadata }, currency))
}

fn single_currency(lines: &[(NewLine, String)], of_session: Option<String>) -> Result<String, StripeError> {
    let mut currencies = lines.iter().map(|(_, currency)| currency.clone()).chain(of_session);
    let first = currencies.next().unwrap_or_default();
    match currencies.find(|other| *other != first) {
        None => Ok(first),
        Some(other) => Err(StripeError::invalid_request(format!(
            "The price specified only supports `{other}`. This doesn't match the expected currency: `{first}`."
        ))
        .with_param("line_items")),
    }
}

fn total(lines: &[NewLine], currency: &str) -> Result<i64, StripeError> {
    let amount = |line: &NewLine| line.unit_amount.checked_mul(line.quantity);
    let total = lines.iter().try_fold(0_i64, |sum, line| sum.checked_add(amount(line)?)).unwrap_or(i64::MAX);
    amounts::check_amount(total, currency).map_err(|error| error.with_param("line_items"))?;
    Ok(total)
}

fn can_pay(kind: &str, currency: &str) -> bool {
    kind == "card" || PaymentSource::bank_debit(currency).is_some_and(|debit| debit.kind() == kind)
}

/// An absolute address that a browser can be sent to.
fn url(params: &mut Params, key: &str, mode: Mode) -> Result<Option<String>, StripeError> {
    const MOST: usize = 5_000;
    let Some(text) = params.text_within(key, MOST)? else { return Ok(None) };
    let invalid = |message: &str| {
        StripeError::invalid_request(message.to_owned()).with_code("url_invalid").with_param(key)
    };
    let scheme = Url::parse(&text).ok().filter(Url::has_host).map(|url| url.scheme().to_owned());
    match scheme.as_deref() {
        Some("http") if mode.livemode() => {
            Err(invalid("Livemode requests must always be redirected via HTTPS."))
        }
        Some("http" | "https") => Ok(Some(text)),
        _ => Err(invalid("Not a valid URL")),
    }
}

fn particulars(params: &mut Params, allowed: Option<Vec<String>>) -> Result<Particulars, StripeError> {
    let base = Particulars {
        automatic_payment_methods: if allowed.is_some() {
            Value::Null
        } else {
            json!({"allow_redirects": "always", "enabled": true})
        },
        allowed_payment_method_types: allowed,
        ..Particulars::default()
    };
    let Some(mut data) = params.hash("payment_intent_data")? else { return Ok(base) };
    let capture_methods = ["automatic", "automatic_async", "manual"];
    if let Some(method) = data.one_of("capture_method", &capture_methods)? {
        only("payment_intent_data[capture_method]", &method, "automatic")?;
    }
    let particulars = Particulars {
        description: data.text("description")?,
        metadata: data.metadata("metadata")?,
        receipt_email: data.email("receipt_email")?,
        shipping: data.hash("shipping")?.map(shipping).transpose()?.unwrap_or(Value::Null),
        statement_descriptor_suffix: statement_descriptor_suffix(&mut data)?,
        ..base
    };
    data.finish(INTENT_DATA_NOT_EMULATED)?;
    Ok(particulars)
}
