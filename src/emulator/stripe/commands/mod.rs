//! The commands of requests: the API makes them, and the state executes them.
//!
//! Must not import a ledger, the state or the HTTP server. Invariant: a [`Command`] has passed every check that
//! Stripe makes before it starts to execute.

pub(crate) mod disputes;
pub(crate) mod events;
pub(crate) mod intents;
pub(crate) mod of_payment;
pub(crate) mod refunds;
pub(crate) mod sessions;
pub(crate) mod webhook_endpoints;

use crate::stripe::objects::granted_token::Grant;
use crate::stripe::request_kind::RequestKind;
use disputes::DisputeCommand;
use events::EventCommand;
use intents::{IntentList, NewIntent};
use refunds::RefundCommand;
use sessions::SessionCommand;
use webhook_endpoints::WebhookEndpointCommand;

/// A command.
#[derive(Clone, Debug)]
pub(crate) enum Command {
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
    /// Anything under `/v1/checkout/sessions`.
    Session(SessionCommand),
    /// Anything under `/v1/refunds`.
    Refund(RefundCommand),
    /// `GET /v1/charges/{id}`.
    ReadCharge(String),
    /// Anything under `/v1/disputes`.
    Dispute(DisputeCommand),
    /// Anything under `/v1/events`.
    Event(EventCommand),
    /// Anything under `/v1/webhook_endpoints`.
    WebhookEndpoint(WebhookEndpointCommand),
}

impl Command {
    /// The kind of its request.
    pub(crate) const fn kind(&self) -> RequestKind {
        match self {
            Self::ReadAccount => RequestKind::ReadAccount,
            Self::MintToken(_) => RequestKind::MintToken,
            Self::RevokeToken(_) => RequestKind::RevokeToken,
            Self::ReadToken(_) => RequestKind::ReadToken,
            Self::CreateIntent(_) => RequestKind::CreateIntent,
            Self::ReadIntent { .. } => RequestKind::ReadIntent,
            Self::ListIntents(_) => RequestKind::ListIntents,
            Self::CancelIntent { .. } => RequestKind::CancelIntent,
            Self::Session(command) => command.kind(),
            Self::Refund(command) => command.kind(),
            Self::ReadCharge(_) => RequestKind::ReadCharge,
            Self::Event(command) => command.kind(),
            Self::Dispute(command) => command.kind(),
            Self::WebhookEndpoint(command) => command.kind(),
        }
    }
}
