//! Parses requests, and checks them as far as that needs no state.
//!
//! Must not import the state or the HTTP server. Invariant: a [`Command`] has passed every check that Stripe makes
//! before it starts to execute, so from here on an answer is stored under its idempotency key.

mod disputes;
mod events;
mod intents;
mod refunds;
mod sessions;
mod tokens;
mod webhook_endpoints;

use crate::stripe::commands::Command;
use crate::stripe::commands::of_payment::OfPayment;
use crate::stripe::error::StripeError;
use crate::stripe::objects::accounts::Mode;
use crate::stripe::params::Params;
use crate::stripe::params::form::Branch;
use crate::stripe::params::paging::PageParams;
use crate::stripe::version::ApiVersion;

/// Parses a request.
pub(crate) fn parse(
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
            tokens::mint(params, mode, now)
        }
        ("POST", ["v1", "test_helpers", "shared_payment", "granted_tokens", id, "revoke"])
            if tokens_exist =>
        {
            tokens::revoke(id, params, mode)
        }
        ("GET", ["v1", "shared_payment", "granted_tokens", id]) if tokens_exist => tokens::read(id, params),
        ("POST", ["v1", "payment_intents"]) => intents::create(params, version),
        ("GET", ["v1", "payment_intents"]) => intents::list(params),
        ("GET", ["v1", "payment_intents", id]) if *id != "search" => intents::read(id, params),
        ("POST", ["v1", "payment_intents", id, "cancel"]) => intents::cancel(id, params),
        ("POST", ["v1", "checkout", "sessions"]) => sessions::create(params, version, mode),
        ("GET", ["v1", "checkout", "sessions"]) => sessions::list(params),
        ("GET", ["v1", "checkout", "sessions", id]) => sessions::read(id, params),
        ("POST", ["v1", "checkout", "sessions", id, "expire"]) => sessions::expire(id, params),
        ("GET", ["v1", "checkout", "sessions", id, "line_items"]) => sessions::lines(id, params),
        ("POST", ["v1", "refunds"]) => refunds::create(params),
        ("GET", ["v1", "refunds"]) => refunds::list(params),
        ("GET", ["v1", "refunds", id]) => refunds::read(id, params),
        ("GET", ["v1", "charges", id]) if *id != "search" => refunds::read_charge(id, params),
        ("GET", ["v1", "disputes"]) => disputes::list(params),
        ("GET", ["v1", "disputes", id]) => disputes::read(id, params),
        ("GET", ["v1", "events"]) => events::list(params),
        ("GET", ["v1", "events", id]) => events::read(id, params),
        ("POST", ["v1", "webhook_endpoints"]) => webhook_endpoints::create(params, mode),
        ("GET", ["v1", "webhook_endpoints"]) => webhook_endpoints::list(params),
        ("POST", ["v1", "webhook_endpoints", id]) => webhook_endpoints::update(id, params),
        _ => Err(StripeError::unrecognized_url(method, path)),
    }
}

/// The fields to expand.
#[derive(Clone, Debug, Default)]
struct Expansions(Vec<String>);

impl Expansions {
    /// Whether there is any.
    fn any(&self) -> bool {
        !self.0.is_empty()
    }

    /// Whether this field is to be expanded, or one within it.
    fn has(&self, field: &str) -> bool {
        self.0.iter().any(|given| {
            given.strip_prefix(field).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        })
    }
}

fn no_expansion(params: &mut Params) -> Result<(), StripeError> {
    expands(params, &[]).map(drop)
}

/// The fields in `expand`, among those that can be expanded here.
fn expands(params: &mut Params, expandable: &[&str]) -> Result<Expansions, StripeError> {
    let fields = params.texts("expand")?.unwrap_or_default();
    match fields.iter().find(|field| !expandable.contains(&field.as_str())) {
        Some(field) => Err(StripeError::not_emulated("expand", &format!("expanding {field} here"))),
        None => Ok(Expansions(fields)),
    }
}

/// Parses the parameters of a list of refunds or disputes.
fn of_payment(mut params: Params) -> Result<OfPayment, StripeError> {
    let page = PageParams::parse_with_created(&mut params)?;
    let payment_intent = params.text("payment_intent")?;
    let charge = params.text("charge")?;
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(OfPayment { page, payment_intent, charge })
}
