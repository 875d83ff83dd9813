//! Requests about webhook endpoints: create, list, update.

use url::Url;

use super::no_expansion;
use crate::stripe::commands::Command;
use crate::stripe::commands::webhook_endpoints::{NewWebhookEndpoint, WebhookEndpointCommand};
use crate::stripe::error::StripeError;
use crate::stripe::objects::accounts::Mode;
use crate::stripe::params::Params;
use crate::stripe::params::paging::PageParams;

/// `POST /v1/webhook_endpoints`.
pub(super) fn create(mut params: Params, mode: Mode) -> Result<Command, StripeError> {
    let url = params.required_text("url")?;
    check_url(&url, mode)?;
    let enabled_events = params.texts("enabled_events")?;
    let enabled_events = enabled_events.ok_or_else(|| StripeError::missing_parameter("enabled_events"))?;
    let api_version = params.text("api_version")?;
    let description = params.text_within("description", 5000)?;
    no_expansion(&mut params)?;
    params.finish(&["connect", "metadata"])?;
    let endpoint = NewWebhookEndpoint { url, enabled_events, api_version, description };
    Ok(Command::WebhookEndpoint(WebhookEndpointCommand::Create(endpoint)))
}

fn check_url(text: &str, mode: Mode) -> Result<(), StripeError> {
    let url = Url::parse(text).ok();
    let wrong = match (url.as_ref().map(Url::scheme), mode) {
        (Some("https"), _) | (Some("http"), Mode::Test) => return Ok(()),
        (Some("http"), Mode::Live) => {
            "Invalid URL: URLs of webhook endpoints in live mode must begin with https"
        }
        (_, _) => "Invalid URL: An explicit scheme (such as https) must be provided",
    };
    Err(StripeError::invalid_request(wrong).with_code("url_invalid").with_param("url"))
}

/// `GET /v1/webhook_endpoints`.
pub(super) fn list(mut params: Params) -> Result<Command, StripeError> {
    let page = PageParams::parse(&mut params)?;
    no_expansion(&mut params)?;
    params.finish(&[])?;
    Ok(Command::WebhookEndpoint(WebhookEndpointCommand::List(page)))
}

/// `POST /v1/webhook_endpoints/{id}`.
pub(super) fn update(id: &str, mut params: Params) -> Result<Command, StripeError> {
    let enabled_events = params.texts("enabled_events")?;
    let disabled = params.boolean("disabled")?;
    no_expansion(&mut params)?;
    params.finish(&["description", "metadata", "url"])?;
    let id = id.to_owned();
    Ok(Command::WebhookEndpoint(WebhookEndpointCommand::Update { id, enabled_events, disabled }))
}
