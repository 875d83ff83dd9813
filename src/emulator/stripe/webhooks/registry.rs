//! The endpoints as the API shows and changes them.
//!
//! Invariant: an endpoint that the API made for an address elsewhere is shown like any other, and nothing is sent to it.

use serde_json::{Value, json};

use super::{WebhookEndpoint, Webhooks};
use crate::stripe::commands::webhook_endpoints::{NewWebhookEndpoint, WebhookEndpointCommand};
use crate::stripe::error::StripeError;
use crate::stripe::ids::IdSource;
use crate::stripe::objects::accounts::{Mode, Scope};
use crate::stripe::params::paging::{Listed, PageParams};

/// How many endpoints an account may have in each mode, as at Stripe.
const MOST: usize = 16;

/// An endpoint, with what the API shows of it.
#[derive(Clone, Debug)]
pub(super) struct KnownEndpoint {
    id: String,
    pub(super) endpoint: WebhookEndpoint,
    created: i64,
    api_version: Option<String>,
    description: Option<String>,
    disabled: bool,
}

impl Listed for KnownEndpoint {
    const KIND: &'static str = "webhook endpoint";

    fn id(&self) -> &str {
        &self.id
    }

    fn created(&self) -> i64 {
        self.created
    }
}

impl KnownEndpoint {
    /// One that a test added.
    pub(super) const fn of_test(endpoint: WebhookEndpoint) -> Self {
        Self {
            id: String::new(),
            endpoint,
            created: 0,
            api_version: None,
            description: None,
            disabled: false,
        }
    }

    /// Whether events of this type, account and mode are sent to it.
    pub(super) fn receives(&self, scope: &Scope, kind: &str) -> bool {
        !self.disabled && self.endpoint.is_on_loopback() && self.endpoint.wants(scope, kind)
    }

    fn is_of(&self, (account, mode): &Scope) -> bool {
        let of_mode = if self.endpoint.livemode { Mode::Live } else { Mode::Test };
        self.endpoint.account_id == *account && of_mode == *mode
    }

    /// The object; its secret is shown when it is created, and never again.
    fn to_json(&self, with_secret: bool) -> Value {
        let mut shown = json!({
            "id": self.id,
            "object": "webhook_endpoint",
            "api_version": self.api_version,
            "application": null,
            "created": self.created,
            "description": self.description,
            "enabled_events": self.endpoint.enabled_events,
            "livemode": self.endpoint.livemode,
            "metadata": {},
            "status": if self.disabled { "disabled" } else { "enabled" },
            "url": self.endpoint.url,
        });
        if with_secret {
            shown["secret"] = self.endpoint.secrets.first().cloned().into();
        }
        shown
    }
}

impl Webhooks {
    /// Adds an endpoint; returns its id.
    pub(super) fn register(&mut self, known: KnownEndpoint, ids: &mut IdSource) -> String {
        let id = ids.next("we");
        self.endpoints.insert(id.clone(), KnownEndpoint { id: id.clone(), ..known });
        id
    }

    /// Executes a command of the API.
    pub(crate) fn execute(
        &mut self,
        scope: &Scope,
        command: WebhookEndpointCommand,
        (ids, now): (&mut IdSource, i64),
    ) -> Result<Value, StripeError> {
        match command {
            WebhookEndpointCommand::Create(new) => self.create(scope, new, (ids, now)),
            WebhookEndpointCommand::List(page) => self.list(scope, &page),
            WebhookEndpointCommand::Update { id, enabled_events, disabled } => {
                let found = self.endpoints.get_mut(&id).filter(|known| known.is_of(scope));
                let known = found.ok_or_else(|| {
                    StripeError::no_such_object(KnownEndpoint::KIND, &id, "webhook_endpoint")
                })?;
                if let Some(enabled_events) = enabled_events {
                    known.endpoint.enabled_events = enabled_events;
                }
                known.disabled = disabled.unwrap_or(known.disabled);
                Ok(known.to_json(false))
            }
        }
    }

    fn create(
        &mut self,
        scope: &Scope,
        new: NewWebhookEndpoint,
        (ids, now): (&mut IdSource, i64),
    ) -> Result<Value, StripeError> {
        if self.endpoints.values().filter(|known| known.is_of(scope)).count() >= MOST {
            return Err(StripeError::invalid_request(format!(
                "You have reached the maximum of {MOST} test webhook endpoints."
            )));
        }
        let NewWebhookEndpoint { url, enabled_events, api_version, description } = new;
        // Of the form of Stripe's own: a prefix, and 32 characters.
        let secret = format!("whsec_{:0>32}", ids.next("x").replace('_', ""));
        let endpoint = WebhookEndpoint {
            account_id: scope.0.clone(),
            livemode: scope.1.livemode(),
            url,
            secrets: vec![secret],
            enabled_events,
        };
        let known =
            KnownEndpoint { created: now, api_version, description, ..KnownEndpoint::of_test(endpoint) };
        let id = self.register(known, ids);
        Ok(self.endpoints.get(&id).map(|known| known.to_json(true)).unwrap_or_default())
    }

    fn list(&self, scope: &Scope, page: &PageParams) -> Result<Value, StripeError> {
        let mut all: Vec<KnownEndpoint> =
            self.endpoints.values().filter(|known| known.is_of(scope)).cloned().collect();
        all.sort_by(|one, other| (one.created, &one.id).cmp(&(other.created, &other.id)));
        let picked = page.pick(&all, |_| true)?;
        Ok(picked.to_json("/v1/webhook_endpoints", |known| known.to_json(false)))
    }
}
