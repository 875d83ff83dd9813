//! Requests about payments: create, read, list, cancel.

use serde_json::{Value, json};

use super::expands;
use crate::stripe::commands::Command;
use crate::stripe::commands::intents::{IntentList, NewIntent};
use crate::stripe::error::StripeError;
use crate::stripe::objects::amounts;
use crate::stripe::objects::granted_token::TOKEN_PARAM;
use crate::stripe::objects::particulars::Particulars;
use crate::stripe::params::Params;
use crate::stripe::params::paging::PageParams;
use crate::stripe::version::ApiVersion;

/// The parameters of `POST /v1/payment_intents` at Stripe that are not emulated.
const CREATE_NOT_EMULATED: &[&str] = &[
    "amount_details",
    "application_fee_amount",
    "confirmation_method",
    "confirmation_token",
    "customer",
    "customer_account",
    "excluded_payment_method_types",
    "fx_quote",
    "hooks",
    "mandate",
    "mandate_data",
    "off_session",
    "on_behalf_of",
    "payment_details",
    "payment_method",
    "payment_method_configuration",
    "payment_method_options",
    "radar_options",
    "return_url",
    "secret_key_confirmation",
    "setup_future_usage",
    "statement_descriptor",
    "transfer_data",
    "transfer_group",
    "use_stripe_sdk",
];
/// The parameters of `payment_method_data` at Stripe that are not emulated, besides one hash per payment method type.
const METHOD_DATA_NOT_EMULATED: &[&str] =
    &["allow_redisplay", "billing_details", "metadata", "radar_options"];
/// The parameters of `GET /v1/payment_intents` at Stripe that are not emulated.
const LIST_NOT_EMULATED: &[&str] = &["customer", "customer_account"];
const STATEMENT_DESCRIPTOR_CHARS: usize = 22;

/// `POST /v1/payment_intents`.
pub(super) fn create(mut params: Params, version: &ApiVersion) -> Result<Command, StripeError> {
    refuse_payment_method_types(&params, version)?;
    let amount = params.required_positive("amount")?;
    let currency = amounts::known(&params.required_text("currency")?, "currency")?;
    let confirm = params.boolean("confirm")?.unwrap_or(false);
    let error_on_requires_action = params.boolean("error_on_requires_action")?.unwrap_or(false);
    let token = token(&mut params, version)?;
    let capture_methods = ["automatic", "automatic_async", "manual"];
    let capture_method = params.one_of("capture_method", &capture_methods)?;
    let particulars = particulars(&mut params)?;
    let expand_charge = expands(&mut params, &["latest_charge"])?.any();
    params.finish(CREATE_NOT_EMULATED)?;
    if capture_method.is_some_and(|method| method != "automatic") {
        return Err(StripeError::not_emulated("capture_method", "any capture_method but automatic"));
    }
    if error_on_requires_action && !confirm {
        return Err(StripeError::invalid_request(
            "The parameter `error_on_requires_action` can only be used when `confirm` is `true`.",
        )
        .with_param("error_on_requires_action"));
    }
    let intent =
        NewIntent { amount, currency, confirm, error_on_requires_action, token, particulars, expand_charge };
    Ok(Command::CreateIntent(Box::new(intent)))
}

/// Refuses the parameter that new versions have removed.
pub(super) fn refuse_payment_method_types(params: &Params, version: &ApiVersion) -> Result<(), StripeError> {
    if version.lacks_payment_method_types() && params.is_hash("payment_method_types") {
        return Err(StripeError::invalid_request(
            "The parameter payment_method_types is no longer supported. Use allowed_payment_method_types or \
             automatic_payment_methods instead.",
        )
        .with_code("payment_method_types_no_longer_supported")
        .with_param("payment_method_types"));
    }
    Ok(())
}

fn token(params: &mut Params, version: &ApiVersion) -> Result<Option<String>, StripeError> {
    let Some(mut data) = params.hash("payment_method_data")? else { return Ok(None) };
    if !version.has_shared_payment_tokens() {
        return match data.text("shared_payment_granted_token")? {
            Some(_) => Err(StripeError::unknown_parameters(&[TOKEN_PARAM.to_owned()])),
            None => {
                Err(StripeError::not_emulated("payment_method_data", "payment_method_data but with a token"))
            }
        };
    }
    let token = data.text("shared_payment_granted_token")?;
    let method_type = data.text("type")?;
    data.finish(METHOD_DATA_NOT_EMULATED)?;
    if token.is_none() {
        return Err(StripeError::not_emulated("payment_method_data", "payment_method_data but with a token"));
    }
    match method_type.as_deref() {
        None | Some("card") => Ok(token),
        Some(other) => Err(StripeError::invalid_request(format!(
            "The shared payment granted token's payment method is of type card, not {other}."
        ))
        .with_param("payment_method_data[type]")),
    }
}

fn particulars(params: &mut Params) -> Result<Particulars, StripeError> {
    let allowed_payment_method_types = params.texts("allowed_payment_method_types")?;
    let automatic = params.hash("automatic_payment_methods")?;
    if automatic.is_some() && allowed_payment_method_types.is_some() {
        return Err(StripeError::invalid_request(
            "You may only specify one of these parameters: automatic_payment_methods, \
             allowed_payment_method_types.",
        )
        .with_code("parameters_exclusive")
        .with_param("allowed_payment_method_types"));
    }
    let automatic_payment_methods = match automatic {
        Some(given) => automatic_payment_methods(given)?,
        None if allowed_payment_method_types.is_some() => Value::Null,
        None => json!({"allow_redirects": "always", "enabled": true}),
    };
    Ok(Particulars {
        allowed_payment_method_types,
        automatic_payment_methods,
        description: params.text("description")?,
        metadata: params.metadata("metadata")?,
        receipt_email: params.email("receipt_email")?,
        shipping: params.hash("shipping")?.map(shipping).transpose()?.unwrap_or(Value::Null),
        statement_descriptor_suffix: statement_descriptor_suffix(params)?,
    })
}

fn automatic_payment_methods(mut given: Params) -> Result<Value, StripeError> {
    let enabled = given
        .boolean("enabled")?
        .ok_or_else(|| StripeError::missing_parameter("automatic_payment_methods[enabled]"))?;
    let allow_redirects = given.one_of("allow_redirects", &["always", "never"])?;
    given.finish(&[])?;
    Ok(json!({"allow_redirects": allow_redirects.as_deref().unwrap_or("always"), "enabled": enabled}))
}

/// A suffix that fits on a card statement.
pub(super) fn statement_descriptor_suffix(params: &mut Params) -> Result<Option<String>, StripeError> {
    let suffix = params.text("statement_descriptor_suffix")?;
    let too_long = |suffix: &String| suffix.chars().count() > STATEMENT_DESCRIPTOR_CHARS;
    if suffix.as_ref().is_some_and(too_long) {
        return Err(StripeError::invalid_request(format!(
            "The statement descriptor suffix must be at most {STATEMENT_DESCRIPTOR_CHARS} characters."
        ))
        .with_param(params.name("statement_descriptor_suffix")));
    }
    Ok(suffix)
}

/// The shipping data, in the form of responses.
pub(super) fn shipping(mut given: Params) -> Result<Value, StripeError> {
    let name = given.required_text("name")?;
    let mut address =
        given.hash("address")?.ok_or_else(|| StripeError::missing_parameter(&given.name("address")))?;
    let shown = json!({
        "address": {
            "city": address.text("city")?,
            "country": address.text("country")?,
            "line1": address.text("line1")?,
            "line2": address.text("line2")?,
            "postal_code": address.text("postal_code")?,
            "state": address.text("state")?,
        },
        "carrier": given.text("carrier")?,
        "name": name,
        "phone": given.text("phone")?,
        "tracking_number": given.text("tracking_number")?,
    });
    address.finish(&[])?;
    given.finish(&[])?;
    Ok(shown)
}

/// `GET /v1/payment_intents`.
pub(super) fn list(mut params: Params) -> Result<Command, StripeError> {
    let page = PageParams::parse_with_created(&mut params)?;
    let expand_charge = expands(&mut params, &["data.latest_charge"])?.any();
    params.finish(LIST_NOT_EMULATED)?;
    Ok(Command::ListIntents(IntentList { page, expand_charge }))
}

/// `GET /v1/payment_intents/{id}`.
pub(super) fn read(id: &str, mut params: Params) -> Result<Command, StripeError> {
    let expand_charge = expands(&mut params, &["latest_charge"])?.any();
    params.finish(&["client_secret"])?;
    Ok(Command::ReadIntent { id: id.to_owned(), expand_charge })
}

/// `POST /v1/payment_intents/{id}/cancel`.
pub(super) fn cancel(id: &str, mut params: Params) -> Result<Command, StripeError> {
    let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
    let reason = params.one_of("cancellation_reason", &reasons)?;
    let expand_charge = expands(&mut params, &["latest_charge"])?.any();
    params.finish(&[])?;
    Ok(Command::CancelIntent { id: id.to_owned(), reason, expand_charge })
}
