//! Commands about webhook endpoints.

use crate::stripe::params::paging::PageParams;
use crate::stripe::request_kind::RequestKind;

/// A command about webhook endpoints.
#[derive(Clone, Debug)]
pub(crate) enum WebhookEndpointCommand {
    /// `POST /v1/webhook_endpoints`.
    Create(NewWebhookEndpoint),
    /// `GET /v1/webhook_endpoints`.
    List(PageParams),
    /// `POST /v1/webhook_endpoints/{id}`.
    Update {
        /// `we_…`.
        id: String,
        /// `enabled_events`.
        enabled_events: Option<Vec<String>>,
        /// `disabled`.
        disabled: Option<bool>,
    },
}

/// A new endpoint.
#[derive(Clone, Debug)]
pub(crate) struct NewWebhookEndpoint {
    /// Its address.
    pub(crate) url: String,
    /// The kinds of event that are sent.
    pub(crate) enabled_events: Vec<String>,
    /// The version of its events.
    pub(crate) api_version: Option<String>,
    /// Free text.
    pub(crate) description: Option<String>,
}

impl WebhookEndpointCommand {
    /// The kind of its request.
    pub(super) const fn kind(&self) -> RequestKind {
        match self {
            Self::Create(_) => RequestKind::CreateWebhookEndpoint,
            Self::List(_) => RequestKind::ListWebhookEndpoints,
            Self::Update { .. } => RequestKind::UpdateWebhookEndpoint,
        }
    }
}
