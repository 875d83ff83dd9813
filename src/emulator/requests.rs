//! What a request asks for, parsed and checked as far as that needs no state.
//!
//! Must not import the state or the HTTP server. Invariant: a [`Command`] that exists passed every check that Stripe
//! makes before it starts to execute, so that from here on an answer is kept under its idempotency key.

use serde_json::{Value, json};

use super::accounts::Mode;
use super::currencies;
use super::error::StripeError;
use super::faults::RequestKind;
use super::form::Branch;
use super::granted_token::{Grant, TOKEN_PARAM};
use super::params::Params;
use super::payment_intent::Particulars;
use super::version::ApiVersion;

/// Something to be done.
#[derive(Clone, Debug)]
pub(super) enum Command {
    /// `GET /v1/account`.
    ReadAccount,
    /// `POST /v1/test_helpers/shared_payment/granted_tokens`.
    MintToken(Grant),
    /// `POST /v1/test_helpers/shared_payment/granted_tokens/{id}/revoke`.
    RevokeToken(String),
    /// `GET /v1/shared_payment/granted_tokens/{id}`.
    ReadToken(String),
    /// `POST /v1/payment_intents`.
    CreateIntent(Box<NewIntent>),
    /// `GET /v1/payment_intents/{id}`.
    ReadIntent {
        /// `pi_…`.
        id: String,
        /// Whether the charge is shown in full.
        expand_charge: bool,
    },
    /// `GET /v1/payment_intents`.
    ListIntents(IntentList),
    /// `POST /v1/payment_intents/{id}/cancel`.
    CancelIntent {
        /// `pi_…`.
        id: String,
        /// `cancellation_reason`.
        reason: Option<String>,
        /// Whether the charge is shown in full.
        expand_charge: bool,
    },
}

impl Command {
    /// What kind of request it came by.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::ReadAccount => RequestKind::ReadAccount,
            Self::MintToken(_) => RequestKind::MintToken,
            Self::RevokeToken(_) => RequestKind::RevokeToken,
            Self::ReadToken(_) => RequestKind::ReadToken,
            Self::CreateIntent(_) => RequestKind::CreateIntent,
            Self::ReadIntent { .. } => RequestKind::ReadIntent,
            Self::ListIntents(_) => RequestKind::ListIntents,
            Self::CancelIntent { .. } => RequestKind::CancelIntent,
        }
    }
}

/// A payment to be made.
#[derive(Clone, Debug)]
pub(super) struct NewIntent {
    /// Minor units, at least one.
    pub(super) amount: i64,
    /// Lower case, known to Stripe.
    pub(super) currency: String,
    /// Whether to pay at once.
    pub(super) confirm: bool,
    /// Whether a payment that needs the shopper's action is refused.
    pub(super) error_on_requires_action: bool,
    /// The Shared Payment Token.
    pub(super) token: Option<String>,
    /// What else the seller says.
    pub(super) particulars: Particulars,
    /// Whether the charge is shown in full.
    pub(super) expand_charge: bool,
}

/// A page of payments.
#[derive(Clone, Debug)]
pub(super) struct IntentList {
    /// At most this many.
    pub(super) limit: usize,
    /// Only those after this one, in the list's order.
    pub(super) starting_after: Option<String>,
    /// Only those before this one, in the list's order.
    pub(super) ending_before: Option<String>,
    /// Only those made at or after this second.
    pub(super) created_from: i64,
    /// Only those made at or before this second.
    pub(super) created_to: i64,
    /// Whether the charges are shown in full.
    pub(super) expand_charge: bool,
}

/// What `POST /v1/payment_intents` also takes at Stripe.
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
/// What `payment_method_data` also takes at Stripe, beside one hash per payment method type.
const METHOD_DATA_NOT_EMULATED: &[&str] =
    &["allow_redisplay", "billing_details", "metadata", "radar_options"];
/// What `GET /v1/payment_intents` also takes at Stripe.
const LIST_NOT_EMULATED: &[&str] = &["customer", "customer_account"];
const STATEMENT_DESCRIPTOR_CHARS: usize = 22;

/// Reads what a request asks for.
pub(super) fn parse(
    method: &str,
    path: &str,
    parameters: Branch,
    version: &ApiVersion,
    mode: Mode,
    now: i64,
) -> Result<Command, StripeError> {
    let mut params = Params::new(parameters);
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let tokens_exist = version.has_shared_payment_tokens();
    match (method, segments.as_slice()) {
        ("GET", ["v1", "account"]) => {
            no_expansion(&mut params)?;
            params.finish(&[])?;
            Ok(Command::ReadAccount)
        }
        ("POST", ["v1", "test_helpers", "shared_payment", "granted_tokens"]) if tokens_exist => {
            test_mode_only(mode)?;
            mint_token(params, now)
        }
        ("POST", ["v1", "test_helpers", "shared_payment", "granted_tokens", id, "revoke"])
            if tokens_exist =>
        {
            test_mode_only(mode)?;
            no_expansion(&mut params)?;
            params.finish(&[])?;
            Ok(Command::RevokeToken((*id).to_owned()))
        }
        ("GET", ["v1", "shared_payment", "granted_tokens", id]) if tokens_exist => {
            no_expansion(&mut params)?;
            params.finish(&[])?;
            Ok(Command::ReadToken((*id).to_owned()))
        }
        ("POST", ["v1", "payment_intents"]) => create_intent(params, version),
        ("GET", ["v1", "payment_intents"]) => list_intents(params),
        ("GET", ["v1", "payment_intents", id]) if *id != "search" => {
            let expand_charge = expands(&mut params, "latest_charge")?;
            params.finish(&["client_secret"])?;
            Ok(Command::ReadIntent { id: (*id).to_owned(), expand_charge })
        }
        ("POST", ["v1", "payment_intents", id, "cancel"]) => {
            let reasons = ["duplicate", "fraudulent", "requested_by_customer", "abandoned"];
            let reason = params.one_of("cancellation_reason", &reasons)?;
            let expand_charge = expands(&mut params, "latest_charge")?;
            params.finish(&[])?;
            Ok(Command::CancelIntent { id: (*id).to_owned(), reason, expand_charge })
        }
        _ => Err(StripeError::unrecognized_url(method, path)),
    }
}

fn test_mode_only(mode: Mode) -> Result<(), StripeError> {
    match mode {
        Mode::Test => Ok(()),
        Mode::Live => Err(StripeError::invalid_request(
            "Test helpers can only be used in test mode, but a live mode key was used to make this request.",
        )),
    }
}

fn mint_token(mut params: Params, now: i64) -> Result<Command, StripeError> {
    let payment_method = params.required_text("payment_method")?;
    let mut limits =
        params.hash("usage_limits")?.ok_or_else(|| StripeError::missing_parameter("usage_limits"))?;
    let currency = limits.required_text("currency")?;
    let max_amount = limits.required_positive("max_amount")?;
    let expires_at = limits.integer("expires_at")?;
    limits.finish(&[])?;
    let shared_metadata = params.metadata("shared_metadata")?;
    no_expansion(&mut params)?;
    params.finish(&["customer"])?;
    let grant = Grant::new(&payment_method, &currency, max_amount, expires_at, now)?;
    Ok(Command::MintToken(grant.with_shared_metadata(shared_metadata)))
}

fn create_intent(mut params: Params, version: &ApiVersion) -> Result<Command, StripeError> {
    if version.lacks_payment_method_types() && params.is_hash("payment_method_types") {
        return Err(StripeError::invalid_request(
            "The parameter payment_method_types is no longer supported. Use allowed_payment_method_types or \
             automatic_payment_methods instead.",
        )
        .with_code("payment_method_types_no_longer_supported")
        .with_param("payment_method_types"));
    }
    let amount = params.required_positive("amount")?;
    let currency = currencies::known(&params.required_text("currency")?, "currency")?;
    let confirm = params.boolean("confirm")?.unwrap_or(false);
    let error_on_requires_action = params.boolean("error_on_requires_action")?.unwrap_or(false);
    let token = token(&mut params, version)?;
    let capture_methods = ["automatic", "automatic_async", "manual"];
    let capture_method = params.one_of("capture_method", &capture_methods)?;
    let particulars = particulars(&mut params)?;
    let expand_charge = expands(&mut params, "latest_charge")?;
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
    let statement_descriptor_suffix = params.text("statement_descriptor_suffix")?;
    let too_long = |suffix: &String| suffix.chars().count() > STATEMENT_DESCRIPTOR_CHARS;
    if statement_descriptor_suffix.as_ref().is_some_and(too_long) {
        return Err(StripeError::invalid_request(format!(
            "The statement descriptor suffix must be at most {STATEMENT_DESCRIPTOR_CHARS} characters."
        ))
        .with_param("statement_descriptor_suffix"));
    }
    let receipt_email = params.text("receipt_email")?;
    if let Some(email) = receipt_email.as_ref().filter(|email| !email.contains('@')) {
        return Err(StripeError::invalid_request(format!("Invalid email address: {email}"))
            .with_code("email_invalid")
            .with_param("receipt_email"));
    }
    Ok(Particulars {
        allowed_payment_method_types,
        automatic_payment_methods,
        description: params.text("description")?,
        metadata: params.metadata("metadata")?,
        receipt_email,
        shipping: params.hash("shipping")?.map(shipping).transpose()?.unwrap_or(Value::Null),
        statement_descriptor_suffix,
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

fn shipping(mut given: Params) -> Result<Value, StripeError> {
    let name = given.required_text("name")?;
    let mut address =
        given.hash("address")?.ok_or_else(|| StripeError::missing_parameter("shipping[address]"))?;
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

fn list_intents(mut params: Params) -> Result<Command, StripeError> {
    let limit = params.integer_within("limit", 1, 100)?.unwrap_or(10);
    let starting_after = params.text("starting_after")?;
    let ending_before = params.text("ending_before")?;
    if starting_after.is_some() && ending_before.is_some() {
        return Err(StripeError::invalid_request(
            "You may only specify one of these parameters: ending_before, starting_after.",
        )
        .with_code("parameters_exclusive")
        .with_param("ending_before"));
    }
    let (created_from, created_to) = created(&mut params)?;
    let expand_charge = expands(&mut params, "data.latest_charge")?;
    params.finish(LIST_NOT_EMULATED)?;
    Ok(Command::ListIntents(IntentList {
        limit: usize::try_from(limit).unwrap_or(1),
        starting_after,
        ending_before,
        created_from,
        created_to,
        expand_charge,
    }))
}

/// The first and the last second that `created` lets through.
fn created(params: &mut Params) -> Result<(i64, i64), StripeError> {
    if !params.is_hash("created") {
        return Ok(params.integer("created")?.map_or((i64::MIN, i64::MAX), |second| (second, second)));
    }
    let Some(mut range) = params.hash("created")? else { return Ok((i64::MIN, i64::MAX)) };
    let from = range.integer("gte")?.unwrap_or(i64::MIN);
    let after = range.integer("gt")?.map_or(i64::MIN, |second| second.saturating_add(1));
    let to = range.integer("lte")?.unwrap_or(i64::MAX);
    let before = range.integer("lt")?.map_or(i64::MAX, |second| second.saturating_sub(1));
    range.finish(&[])?;
    Ok((from.max(after), to.min(before)))
}

fn no_expansion(params: &mut Params) -> Result<(), StripeError> {
    expands(params, "").map(drop)
}

/// Whether `expand` names the one field that can be expanded here.
fn expands(params: &mut Params, expandable: &str) -> Result<bool, StripeError> {
    let fields = params.texts("expand")?.unwrap_or_default();
    match fields.iter().find(|field| field.as_str() != expandable) {
        Some(field) => Err(StripeError::not_emulated("expand", &format!("expanding {field} here"))),
        None => Ok(!fields.is_empty()),
    }
}
